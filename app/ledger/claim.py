"""Claim: exactly one worker gets the right to run a task, however many bells have rung."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.ids import TaskId, WorkerId
from app.domain.states import Event
from app.domain.tasks import Task
from app.ledger.statement import fetch_task, guard, returning_tasks, to

CLAIM = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.CLAIM)}, attempt = t.attempt + 1, epoch = t.epoch + 1, worker_id = w.id, pid = :pid,
        started_at = clock_timestamp(), completed_at = NULL, current = 0, stage = NULL, stages = '[]',
        status = 'Started', error = NULL
    FROM workers AS w
    WHERE t.id = :task_id AND {guard(Event.CLAIM)} AND w.id = :worker_id AND w.lease_expires_at > now()
    """
)


async def claim(connection: AsyncConnection, task_id: TaskId, worker_id: WorkerId, pid: int) -> Task | None:
    """Take the task for the process ``pid`` of a worker whose lease is alive.

    Returns None when it was taken, cancelled or finished before: the bell was late or doubled.
    """
    return await fetch_task(connection, CLAIM, task_id=task_id, worker_id=worker_id, pid=pid)
