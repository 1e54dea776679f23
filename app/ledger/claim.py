"""Claim: exactly one worker gets the right to run a task, however many messages carry its id."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.ids import TaskId, WorkerId
from app.domain.states import Event
from app.domain.tasks import Task
from app.ledger.statement import LEASE_LIVE, NEW_EPOCH, WITHOUT_PROGRESS, fetch_task, guard, returning_tasks, to

# Only under a live lease: the tasks of a worker whose lease has run out are about to be given to others.
# Only under the row's own name: the name in the message selects the function that runs, and the broker may deliver a
# message that Sluice did not publish. The queue is not checked: a stolen task arrives on another queue.
CLAIM = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.CLAIM)}, attempt = t.attempt + 1, {NEW_EPOCH}, worker_id = w.id, pid = :pid,
        started_at = clock_timestamp(), completed_at = NULL, {WITHOUT_PROGRESS}, stages = '[]',
        status = 'Started', error = NULL
    FROM workers AS w
    WHERE t.id = :task_id AND t.name = :name AND {guard(Event.CLAIM)} AND w.id = :worker_id AND {LEASE_LIVE}
    """
)


async def claim(connection: AsyncConnection, task_id: TaskId, name: str, worker_id: WorkerId, pid: int) -> Task | None:
    """Claim the task, whose name must be ``name``, for the process ``pid`` of a worker whose lease is live.

    Returns None when the task was claimed, cancelled or finished before (the message was late or a duplicate), or when
    it has another name.
    """
    return await fetch_task(connection, CLAIM, task_id=task_id, name=name, worker_id=worker_id, pid=pid)


_READ_NAME = text("SELECT t.name FROM tasks AS t WHERE t.id = :task_id")


async def read_name(connection: AsyncConnection, task_id: TaskId) -> str | None:
    """The name of a task; None when there is no such task."""
    name: str | None = await connection.scalar(_READ_NAME, {"task_id": task_id})
    return name
