"""What follows a commit that changed tasks: admission, Celery's result backend, alerts, and the parents' rows."""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import structlog

from app.db.engine import Database
from app.domain.errors import DatabaseUnavailableError
from app.domain.ids import TaskId, new_task_id
from app.domain.ports import Doorbell
from app.domain.states import FINAL, RUNNING, WAITING, State
from app.domain.tasks import Bell, NewTask, Progress, Queue, Task, TaskName
from app.ledger.parents import gather, has_active_children, lock_parent, needs_last_step, update_progress
from app.ledger.submit import submit
from app.services.queue.admission import Admission

_UPDATE_SECONDS = 0.25
_REMEMBERED_PARENTS = 1000

log = structlog.get_logger()


class AfterCommit:
    """Does what follows once changes to tasks are committed.

    The ledger is correct without it. If this process dies first, or a server is unavailable, the workers' supervisors
    repair the rest: they admit, announce dead letters and update parents too.
    """

    def __init__(self, database: Database, doorbell: Doorbell, admission: Admission) -> None:
        self._database = database
        self._doorbell = doorbell
        self._admission = admission
        self._updated: OrderedDict[TaskId, float] = OrderedDict()

    async def run(self, tasks: Sequence[Task], *, nudges: bool = True, reports_success: bool = False) -> None:
        """Do everything that follows, in this order: admission, result backend, alerts, parents.

        While the database is unavailable, the parents are left to the sweep.

        Args:
            tasks: The tasks.
            nudges: Whether to have the queues admitted. Not where the slot of the task has continued.
            reports_success: Whether to send an event for a success, because Celery does not.
        """
        await self.publish(tasks, nudges=nudges, reports_success=reports_success)
        try:
            await self.update_parents(tasks)
        except DatabaseUnavailableError:
            log.warning("parents_not_updated", tasks=len(tasks))

    async def publish(self, tasks: Sequence[Task], *, nudges: bool = True, reports_success: bool = False) -> None:
        """Do what ``run`` does except for the parents: for revived tasks, whose parents were reopened with them."""
        for queue in {task.queue for task in tasks if task.state not in RUNNING and (nudges or task.state in WAITING)}:
            self._admission.nudge(queue)
        await self.publish_states(tasks, reports_success=reports_success)
        dead = [task.id for task in tasks if task.state is State.FAILURE and task.dead_lettered_at is not None]
        await self.announce_dead_letters(dead)

    def publish_continued(self, task: Task) -> None:
        """Report that a slot has continued with a task, which Celery reports only for the task of a message."""
        self._doorbell.publish_start(task.bell)

    async def publish_states(self, tasks: Sequence[Task], *, reports_success: bool = False) -> None:
        """Write the tasks' states to Celery's result backend."""
        for task in tasks:
            self._doorbell.publish_state(
                task.id,
                task.version,
                task.state.public,
                _describe(task),
                reports_success=reports_success or task.is_parent,
            )

    async def forget_states(self, task_ids: Sequence[TaskId]) -> None:
        """Delete what Celery's result backend holds of erased tasks: it would keep a former success."""
        await self._doorbell.forget_states(task_ids)

    def ask_for_watchers(self, task_id: TaskId, notify: Callable[[], None]) -> None:
        """Call ``notify`` soon if a client waits for changes of the task, as far as the result backend shows it."""
        self._doorbell.ask_for_watchers(task_id, notify)

    def publish_progress(self, task: Task, progress: Progress, version: int) -> None:
        """Write progress that an attempt has written to the ledger to Celery's result backend."""
        info = {
            "current": progress.current,
            "total": 100,
            "status": progress.status,
            "stage": progress.stage,
            "chunk_count": progress.chunk_count,
        }
        self._doorbell.publish_state(task.id, version, State.PROGRESS.value, info)

    async def announce_dead_letters(self, task_ids: Sequence[UUID]) -> None:
        """Publish a message for each on the ``dead_letter`` queue, whose consumer raises the alarms."""
        bells = [
            Bell(new_task_id(), TaskName.ANNOUNCE_DEAD_LETTER.value, Queue.DEAD_LETTER.value, (str(task_id),))
            for task_id in task_ids
        ]
        if bells:
            await self._doorbell.publish(bells)

    async def update_parents(self, tasks: Sequence[Task]) -> None:
        """Update the progress of the parents of tasks that have ended; end the parents whose last child has ended."""
        for parent_id in _find_parents(tasks):
            async with self._database.statement() as connection:
                active = await has_active_children(connection, parent_id)
                parent = await update_progress(connection, parent_id) if active and self._is_due(parent_id) else None
            if parent:
                await self.publish_states([parent])
            if not active:
                await self.end_parent(parent_id)

    async def end_parent(self, parent_id: TaskId) -> None:
        """Submit a parent's last step if it is due; otherwise end the parent, if all its children have ended."""
        submitted, ended = None, None
        async with self._database.transaction() as connection:
            parent = await lock_parent(connection, parent_id)
            if parent and await needs_last_step(connection, parent):
                submitted = await submit(connection, _make_last_step(parent))
            elif parent:
                ended = await gather(connection, parent)
            # The batches that were done have stored chunks, which the sweep removes.
            if ended and ended.state is State.REVOKED and "last_step" in ended.arguments:
                submitted = await submit(
                    connection, NewTask.for_document_of(ended, TaskName.SWEEP_DOCUMENT, Queue.DEFAULT)
                )
        if submitted:
            self._admission.nudge(submitted.queue)
        if ended:
            self._updated.pop(parent_id, None)
            await self.publish_states([ended])
            await self.update_parents([ended])

    def _is_due(self, parent_id: TaskId) -> bool:
        """Whether this process last updated a parent's progress at least a quarter of a second ago."""
        now = time.monotonic()
        if now - self._updated.get(parent_id, 0.0) < _UPDATE_SECONDS:
            return False
        self._updated[parent_id] = now
        self._updated.move_to_end(parent_id)
        if len(self._updated) > _REMEMBERED_PARENTS:
            self._updated.popitem(last=False)
        return True


def _describe(task: Task) -> Any:
    """The result or ``info`` that Celery's ``AsyncResult`` returns for a task."""
    if task.state is State.SUCCESS:
        return task.result
    if task.state in {State.FAILURE, State.RETRY, State.REVOKED}:
        return dict(task.error or {"code": "cancelled", "message": task.status})
    return {"current": task.current, "total": 100, "status": task.status, "stage": task.stage}


def _find_parents(tasks: Sequence[Task]) -> set[TaskId]:
    """The parents of the tasks that have ended, and the tasks that have just become parents."""
    parents = {task.parent_id for task in tasks if task.parent_id and task.state in FINAL}
    return parents | {task.id for task in tasks if task.state is State.EXPANDED and not task.cancel_requested_at}


def _make_last_step(parent: Task) -> NewTask:
    step = parent.arguments["last_step"]
    return NewTask.child_of(parent, TaskName(step["name"]), Queue(step["queue"]), step["arguments"])
