"""Read: what the ledger knows, for those who only look."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.paging import list_rows
from app.db.tables import tasks
from app.domain.ids import TaskId
from app.domain.records import Listing
from app.domain.states import ACTIVE, RUNNING, WAITING, State
from app.domain.tasks import Task
from app.ledger.statement import fetch_task, fetch_tasks, quoted

POSITION_CAP = 1000

# Where a waiting task stands among its agent's tasks in the same queue; counting stops at the cap.
POSITION = text(
    f"""
    SELECT count(*) FROM (
        SELECT FROM tasks AS t
        WHERE t.queue = :queue AND t.agent_id = :agent_id AND t.state IN ({quoted(WAITING)})
          AND (t.available_at, t.id) < (:available_at, :task_id)
        LIMIT {POSITION_CAP}
    ) AS before
    """
)

QUEUES = text(
    f"""
    SELECT q.name, q.paused_at,
           count(t.id) FILTER (WHERE t.state IN ({quoted(WAITING)}) AND t.available_at > now()) AS delayed,
           count(t.id) FILTER (WHERE (t.state IN ({quoted(WAITING)}) AND t.available_at <= now())
                               OR t.state = '{State.QUEUED}') AS depth,
           count(t.id) FILTER (WHERE t.state IN ({quoted(RUNNING)})) AS running,
           extract(epoch FROM now() - min(t.available_at) FILTER (WHERE t.state NOT IN ({quoted(RUNNING)})
                                                                  AND t.available_at <= now())) AS oldest_age,
           (SELECT count(*) FROM workers AS w WHERE q.name = ANY (w.queues) AND w.lease_expires_at > now()) AS workers,
           (SELECT coalesce(sum(w.concurrency), 0) FROM workers AS w
            WHERE q.name = ANY (w.queues) AND w.lease_expires_at > now()) AS slots
    FROM queues AS q
    LEFT JOIN tasks AS t ON t.queue = q.name AND t.state IN ({quoted(ACTIVE)})
    GROUP BY q.name
    """
)


@dataclass(frozen=True, slots=True)
class QueueStats:
    """A queue as people watch it. ``depth`` counts tasks that could run now and do not; ages are in seconds."""

    name: str
    paused_at: datetime | None
    delayed: int
    depth: int
    running: int
    oldest_age: float | None
    workers: int
    slots: int


async def get_task(connection: AsyncConnection, task_id: TaskId, organization_id: int | None = None) -> Task | None:
    """One task; with an organization, only if it is theirs."""
    query = select(tasks).where(tasks.c.id == task_id)
    if organization_id is not None:
        query = query.where(tasks.c.organization_id == organization_id)
    return await fetch_task(connection, query)


async def list_tasks(
    connection: AsyncConnection,
    organization_id: int,
    *,
    status: str | None = None,
    agent_id: int | None = None,
    queue: str | None = None,
    name: str | None = None,
    limit: int,
    after: UUID | None,
) -> Listing[Task]:
    """Tasks, the newest first. ``status`` is a public state: PENDING includes QUEUED."""
    conditions: list[ColumnElement[bool]] = [tasks.c.organization_id == organization_id]
    if status is not None:
        conditions.append(tasks.c.state.in_([state.value for state in State if state.public == status]))
    for column, value in ((tasks.c.agent_id, agent_id), (tasks.c.queue, queue), (tasks.c.name, name)):
        if value is not None:
            conditions.append(column == value)
    return await list_rows(
        connection,
        tasks,
        conditions,
        lambda row: Task(**row._asdict()),
        limit=limit,
        after=after,
    )


async def list_active_tasks(
    connection: AsyncConnection, *, document_id: int | None = None, agent_id: int | None = None
) -> list[Task]:
    """The unfinished tasks of a document or of an agent."""
    query = select(tasks).where(tasks.c.state.in_([state.value for state in ACTIVE]))
    if document_id is not None:
        query = query.where(tasks.c.document_id == document_id)
    if agent_id is not None:
        query = query.where(tasks.c.agent_id == agent_id)
    return await fetch_tasks(connection, query)


async def get_position(connection: AsyncConnection, task: Task) -> int | None:
    """The place of a task among its agent's waiting ones, from 1; None when it does not wait."""
    if task.state is State.QUEUED:
        return 1
    if task.state not in WAITING:
        return None
    parameters = {
        "queue": task.queue,
        "agent_id": task.agent_id,
        "available_at": task.available_at,
        "task_id": task.id,
    }
    return 1 + int((await connection.execute(POSITION, parameters)).scalar_one())


async def list_queues(connection: AsyncConnection) -> list[QueueStats]:
    """Every queue with its figures."""
    return [QueueStats(**row) for row in (await connection.execute(QUEUES)).mappings()]


async def count_finished(connection: AsyncConnection, seconds: float) -> dict[str, int]:
    """How many tasks of each queue succeeded in the last ``seconds``."""
    query = (
        select(tasks.c.queue, func.count())
        .where(tasks.c.state == State.SUCCESS.value)
        .where(tasks.c.completed_at > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds))
        .group_by(tasks.c.queue)
    )
    return {row[0]: row[1] for row in await connection.execute(query)}
