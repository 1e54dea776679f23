"""Cancel and revive: what people decide about a task."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.ids import TaskId
from app.domain.states import ACTIVE, Event, target
from app.domain.tasks import Task
from app.ledger.statement import fetch_task, guard, quoted, returning_tasks, to

_WAITS = guard(Event.CANCEL)

# Waiting tasks end at once; a running one keeps its state until its worker sees the flag.
CANCEL = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET cancel_requested_at = coalesce(t.cancel_requested_at, now()), version = t.version + 1,
        state = CASE WHEN {_WAITS} THEN '{target(Event.CANCEL)}' ELSE t.state END,
        status = CASE WHEN {_WAITS} THEN 'Cancelled' ELSE 'Cancelling' END,
        completed_at = CASE WHEN {_WAITS} THEN now() END
    WHERE t.id = :task_id AND t.organization_id = :organization_id AND t.state IN ({quoted(ACTIVE)})
    """
)

REVIVE = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.REVIVE)}, epoch = t.epoch + 1, retries = 0, crashes = 0, available_at = now(), current = 0,
        stage = NULL, stages = '[]', status = 'Waiting in the queue', result = NULL, error = NULL,
        started_at = NULL, completed_at = NULL, cancel_requested_at = NULL, dead_lettered_at = NULL
    WHERE t.id = :task_id AND t.organization_id = :organization_id AND {guard(Event.REVIVE)}
    """
)


async def cancel(connection: AsyncConnection, task_id: TaskId, organization_id: int) -> Task | None:
    """REVOKED at once if the task waits, else flagged for its worker. None when it has finished or is unknown."""
    return await fetch_task(connection, CANCEL, task_id=task_id, organization_id=organization_id)


async def revive(connection: AsyncConnection, task_id: TaskId, organization_id: int) -> Task | None:
    """PENDING again with fresh counts, from any final state. None when it is not final or unknown."""
    return await fetch_task(connection, REVIVE, task_id=task_id, organization_id=organization_id)
