"""What restricted callers see of tasks: counts of the tasks that exist for the caller, and no others."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.core import queues, tasks
from app.db.tenants.visibility import sees_task
from app.domain.identity import Access
from app.domain.states import RUNNING, WAITING, State
from app.domain.tasks import Counts
from app.ledger.children import COUNTED, read_counts
from app.ledger.queues import QueueStats, sort_queues
from app.ledger.workers import Worker, list_workers

_WAITING = [state.value for state in WAITING]
_RUNNING = [state.value for state in RUNNING]


async def count_visible_children(
    connection: AsyncConnection, access: Access, task_ids: Sequence[UUID]
) -> dict[UUID, Counts]:
    """Count the children of these tasks by state, as ``children.count_children`` does."""
    child = tasks.alias("c")
    is_visible = select(tasks.c.id).where(tasks.c.id == child.c.id, sees_task(access)).exists()
    query = select(child.c.parent_id, text(COUNTED)).where(child.c.parent_id.in_(task_ids), is_visible)
    return read_counts(await connection.execute(query.group_by(child.c.parent_id)))


async def list_visible_tasks(connection: AsyncConnection, access: Access, task_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these tasks that exist for the caller."""
    return set(await connection.scalars(select(tasks.c.id).where(tasks.c.id.in_(task_ids), sees_task(access))))


async def list_visible_queues(connection: AsyncConnection, access: Access) -> list[QueueStats]:
    """List the queues with their statistics, the most urgent first, as ``queues.list_own_queues`` does."""
    is_due = tasks.c.available_at <= func.now()
    waits = tasks.c.state.in_(_WAITING)
    is_ready = (waits & is_due) | (tasks.c.state == State.QUEUED.value)
    counted = (
        select(
            tasks.c.queue,
            func.count().filter(waits & ~is_due).label("delayed"),
            func.count().filter(is_ready).label("depth"),
            func.count().filter(tasks.c.state.in_(_RUNNING)).label("running"),
            func.extract("epoch", func.now() - func.min(tasks.c.available_at).filter(is_ready)).label("oldest_age"),
        )
        .where(tasks.c.state.in_([*_WAITING, State.QUEUED.value, *_RUNNING]), sees_task(access))
        .group_by(tasks.c.queue)
        .subquery()
    )
    query = select(
        queues.c.name,
        queues.c.paused_at,
        *(func.coalesce(counted.c[name], 0).label(name) for name in ("delayed", "depth", "running")),
        counted.c.oldest_age,
    ).join_from(queues, counted, counted.c.queue == queues.c.name, isouter=True)
    rows = (await connection.execute(query)).mappings()
    return sort_queues(QueueStats(**row, workers=None, slots=None) for row in rows)


async def list_visible_workers(connection: AsyncConnection, access: Access) -> list[Worker]:
    """List the workers whose lease is live, by name, with the number of visible tasks that each runs."""
    query = select(tasks.c.worker_id, func.count()).where(tasks.c.state.in_(_RUNNING), sees_task(access))
    running = {row[0]: row[1] for row in await connection.execute(query.group_by(tasks.c.worker_id))}
    return [replace(worker, running=running.get(worker.id, 0)) for worker in await list_workers(connection)]
