"""Dead letters: tasks that failed for good are kept, with their history, until they are replayed or discarded."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.paging import list_rows
from app.db.tables.core import tasks
from app.db.tenants.visibility import sees_task
from app.domain.dead_letters import DeadLetterFilter
from app.domain.identity import Access
from app.domain.ids import TaskId
from app.domain.records import Listing
from app.domain.states import Event
from app.domain.tasks import Queue, Task
from app.ledger.cancel import REVIVED, revivable
from app.ledger.statement import LEASE_LIVE, build_task, fetch_task, fetch_tasks, guard, returning_tasks


async def count_dead(connection: AsyncConnection, name: str, index_id: int) -> int:
    """Count the dead letters of a task name that are about this index of vectors."""
    query = select(func.count()).where(
        tasks.c.dead_lettered_at.is_not(None),
        tasks.c.name == name,
        tasks.c.arguments["index_id"].astext == str(index_id),
    )
    return int((await connection.execute(query)).scalar_one())


def _conditions(access: Access, wanted: DeadLetterFilter) -> Sequence[ColumnElement[bool]]:
    asked = {
        tasks.c.queue: wanted.queue,
        tasks.c.agent_id: wanted.agent_id,
        tasks.c.error["code"].astext: wanted.code,
        tasks.c.name: wanted.name,
    }
    return [
        sees_task(access),
        tasks.c.dead_lettered_at.is_not(None),
        *(column == value for column, value in asked.items() if value is not None),
    ]


async def list_dead_letters(
    connection: AsyncConnection, access: Access, wanted: DeadLetterFilter, *, limit: int, after: UUID | None
) -> Listing[Task]:
    """List dead letters, the newest task first."""
    conditions = _conditions(access, wanted)
    return await list_rows(
        connection, tasks, conditions, lambda row: build_task(row._asdict()), limit=limit, after=after
    )


async def count_dead_letters(connection: AsyncConnection, access: Access, wanted: DeadLetterFilter) -> int:
    """Count the dead letters that the filter matches."""
    query = select(func.count()).select_from(tasks).where(*_conditions(access, wanted))
    return await connection.scalar(query) or 0


_IS_REPLAYABLE = f"""
    t.id = ANY (:task_ids) AND t.organization_id = :organization_id AND {guard(Event.REVIVE)}
    AND t.dead_lettered_at IS NOT NULL
"""

_REPLAY = returning_tasks(
    f"""
    UPDATE tasks AS t SET {REVIVED} WHERE {revivable(_IS_REPLAYABLE)}
    """
)


async def replay(connection: AsyncConnection, organization_id: int, task_ids: Sequence[UUID]) -> list[Task]:
    """PENDING again with fresh counts: those of the tasks that are dead letters of the organization.

    A task stays a dead letter if a later task has replaced it for its document, or if another document has received the
    same content.
    """
    return await fetch_tasks(connection, _REPLAY, organization_id=organization_id, task_ids=list(task_ids))


async def find_dead_letters(
    connection: AsyncConnection, access: Access, wanted: DeadLetterFilter, *, limit: int, after: UUID
) -> list[UUID]:
    """List the ids of the next ``limit`` dead letters that match, in ascending order after ``after``."""
    conditions = (*_conditions(access, wanted), tasks.c.id > after)
    query = select(tasks.c.id).where(*conditions).order_by(tasks.c.id).limit(limit)
    return list((await connection.execute(query)).scalars())


_DISCARD = returning_tasks(
    """
    UPDATE tasks AS t SET dead_lettered_at = NULL, version = t.version + 1
    WHERE t.id = :task_id AND t.organization_id = :organization_id AND t.dead_lettered_at IS NOT NULL
    """
)


async def discard(connection: AsyncConnection, task_id: TaskId, organization_id: int) -> Task | None:
    """Remove a task from the dead letters; it stays FAILURE. None when it is not a dead letter of the organization."""
    return await fetch_task(connection, _DISCARD, task_id=task_id, organization_id=organization_id)


# Only while a worker serves the dead-letter queue: without one, the alerts would fill the broker. The ten seconds leave
# time for the process that failed the task, which publishes the alert first.
UNANNOUNCED = text(
    f"""
    SELECT t.id FROM tasks AS t
    WHERE t.dead_lettered_at < now() - interval '10 seconds' AND t.announced_at IS NULL
      AND EXISTS (SELECT FROM workers AS w WHERE '{Queue.DEAD_LETTER}' = ANY (w.queues) AND {LEASE_LIVE})
    ORDER BY t.dead_lettered_at
    LIMIT :limit
    """
)


async def list_unannounced(connection: AsyncConnection, limit: int) -> list[TaskId]:
    """List dead letters whose alert was not published in time, the oldest first."""
    return [TaskId(task_id) for task_id in (await connection.execute(UNANNOUNCED, {"limit": limit})).scalars()]


_ANNOUNCED = text("UPDATE tasks SET announced_at = now() WHERE id = :task_id AND dead_lettered_at IS NOT NULL")


async def note_announced(connection: AsyncConnection, task_id: TaskId) -> None:
    """Record that the alert for a dead letter was published."""
    await connection.execute(_ANNOUNCED, {"task_id": task_id})
