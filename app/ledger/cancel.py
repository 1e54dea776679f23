"""Cancel and revive: what people decide about a task. And the end of a task that does not heed a cancel."""

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import tasks
from app.domain.ids import TaskId, WorkerId
from app.domain.states import ACTIVE, FINAL, RUNNING, Event, State, target
from app.domain.tasks import INDEXING, Attempt, Task, TaskName
from app.ledger.statement import append_history, fetch_task, fetch_tasks, guard, quoted, returning_tasks, to


def _names(names: Iterable[TaskName]) -> str:
    return ", ".join(f"'{name}'" for name in names)


_WAITS = guard(Event.CANCEL)

# Waiting tasks end at once; a running one keeps its state until its worker sees the flag.
CANCELLED = f"""cancel_requested_at = coalesce(t.cancel_requested_at, now()), version = t.version + 1,
        state = CASE WHEN {_WAITS} THEN '{target(Event.CANCEL)}' ELSE t.state END,
        status = CASE WHEN {_WAITS} THEN 'Cancelled' ELSE 'Cancelling' END,
        completed_at = CASE WHEN {_WAITS} THEN now() END"""

_CANCEL = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {CANCELLED}
    WHERE t.id = :task_id AND t.organization_id = :organization_id AND t.state IN ({quoted(ACTIVE)})
    """
)


async def cancel(connection: AsyncConnection, task_id: TaskId, organization_id: int) -> Task | None:
    """REVOKED at once if the task waits, else flagged for its worker. None when it has finished or is unknown."""
    return await fetch_task(connection, _CANCEL, task_id=task_id, organization_id=organization_id)


_CANCEL_AGENT = returning_tasks(
    f"UPDATE tasks AS t SET {CANCELLED} WHERE t.agent_id = :agent_id AND t.state IN ({quoted(ACTIVE)})"
)


async def cancel_agent(connection: AsyncConnection, agent_id: int) -> list[Task]:
    """Cancel every unfinished task of an agent, as ``cancel`` does."""
    return await fetch_tasks(connection, _CANCEL_AGENT, agent_id=agent_id)


# A fresh start; the history of what went before stays.
REVIVED = f"""{to(Event.REVIVE)}, epoch = t.epoch + 1, retries = 0, crashes = 0, available_at = now(), current = 0,
        stage = NULL, stages = '[]', status = 'Waiting in the queue', result = NULL, error = NULL,
        started_at = NULL, completed_at = NULL, cancel_requested_at = NULL, dead_lettered_at = NULL,
        announced_at = NULL"""

# A document has one task at work on it. One that was to give it new content and has been overtaken would undo what came
# after; and parts of a document that are done have nothing left to work on.
MAY_REVIVE = f"""
    (t.name NOT IN ({_names(INDEXING)}) OR t.document_id IS NULL OR (
        NOT EXISTS (
            SELECT FROM tasks AS other
            WHERE other.document_id = t.document_id AND other.id <> t.id AND other.name IN ({_names(INDEXING)})
              AND other.state NOT IN ({quoted(FINAL)}))
        AND (NOT t.arguments ? 'content' OR EXISTS (
            SELECT FROM documents AS d WHERE d.id = t.document_id AND d.task_id = t.id))))
    AND (t.name NOT IN ({_names((TaskName.EMBED_CHUNKS, TaskName.PUBLISH_DOCUMENT))}) OR t.state <> '{State.SUCCESS}')
"""

_REVIVE = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {REVIVED}
    WHERE t.id = :task_id AND t.organization_id = :organization_id AND {guard(Event.REVIVE)}
      AND {MAY_REVIVE}
    """
)


async def revive(connection: AsyncConnection, task_id: TaskId, organization_id: int) -> Task | None:
    """PENDING again with fresh counts, from any final state. None when it is not final, unknown or overtaken."""
    return await fetch_task(connection, _REVIVE, task_id=task_id, organization_id=organization_id)


# Locked, so that none of these attempts can end, and its process turn to another task, before the caller has acted.
LOCK_UNRESPONSIVE = text(
    f"""
    SELECT t.* FROM tasks AS t
    WHERE t.worker_id = :worker_id AND t.state IN ({quoted(RUNNING)})
      AND t.cancel_requested_at < now() - make_interval(secs => :grace)
    ORDER BY t.id
    FOR UPDATE SKIP LOCKED
    """
).columns(*tasks.c)


async def lock_unresponsive(connection: AsyncConnection, worker_id: WorkerId, grace: float) -> list[Task]:
    """The tasks of a worker that run on though they were cancelled ``grace`` seconds ago.

    Within a transaction: until it ends, none of them can end in another way.
    """
    return await fetch_tasks(connection, LOCK_UNRESPONSIVE, worker_id=worker_id, grace=grace)


_FORCE_ABORT = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.ABORT)}, epoch = t.epoch + 1, status = 'Cancelled by force', completed_at = clock_timestamp(),
        worker_id = NULL, pid = NULL, {append_history("'killed'")}
    WHERE t.id = :task_id AND t.epoch = :epoch AND {guard(Event.ABORT)} AND t.cancel_requested_at IS NOT NULL
    """
)


async def force_abort(connection: AsyncConnection, attempt: Attempt) -> Task | None:
    """REVOKED over the head of whoever runs it, whose epoch is void from here on."""
    return await fetch_task(connection, _FORCE_ABORT, task_id=attempt.task_id, epoch=attempt.epoch)
