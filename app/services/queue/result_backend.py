"""Courtesies: what Celery's result backend and the alert queue are told after the ledger has decided."""

from typing import Any

from app.domain.ids import TaskId, new_task_id
from app.domain.ports import Doorbell
from app.domain.states import State
from app.domain.tasks import Bell, Progress, Queue, Task, TaskName


def _describe(task: Task) -> Any:
    if task.state is State.SUCCESS:
        return task.result
    if task.state in {State.FAILURE, State.RETRY, State.REVOKED}:
        return dict(task.error or {"code": "cancelled", "message": task.status})
    return {"current": task.current, "total": 100, "status": task.status, "stage": task.stage}


async def tell(doorbell: Doorbell, task: Task) -> None:
    """Tell Celery's backend how a task stands."""
    await doorbell.tell(task.id, task.state.public, _describe(task))


async def publish_progress(doorbell: Doorbell, task: Task, progress: Progress) -> None:
    """Tell Celery's backend what an attempt has just reported."""
    info = {
        "current": progress.current,
        "total": 100,
        "status": progress.status,
        "stage": progress.stage,
        "chunk_count": progress.chunk_count,
    }
    await doorbell.tell(task.id, State.PROGRESS.value, info)


async def announce_dead_letter(doorbell: Doorbell, task: Task) -> None:
    """Have the alarm raised for a task that failed for good."""
    await ring_alarm(doorbell, task.id)


async def ring_alarm(doorbell: Doorbell, task_id: TaskId) -> None:
    """Ring on the ``dead_letter`` queue, so that whoever listens there raises the alarm."""
    bell = Bell(new_task_id(), TaskName.ANNOUNCE_DEAD_LETTER.value, Queue.DEAD_LETTER.value, (str(task_id),))
    await doorbell.ring([bell])
