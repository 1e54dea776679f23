"""Parents: a task that has become many follows its children, step by step and to the end."""

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from app.db.engine import Database
from app.domain.ids import TaskId, new_task_id
from app.domain.ports import Doorbell
from app.domain.states import FINAL, State
from app.domain.tasks import NewTask, Queue, Task, TaskName
from app.ledger.cancel import revive
from app.ledger.children import cancel_children, revive_children
from app.ledger.parents import (
    gather,
    has_active_children,
    list_cancelled_parents,
    list_left_open,
    lock_ancestors,
    lock_parent,
    needs_last_step,
    reopen,
    update_progress,
)
from app.ledger.submit import submit
from app.services.queue.admission import Admission
from app.services.queue.result_backend import tell
from app.services.queue.takeover import take_over

_TOUCH_SECONDS = 0.25
_PARENTS = 1000
_NEVER_RUN = {TaskName.PROCESS_BATCH, TaskName.CRAWL_SITE}
"""Tasks that are many from the start: no worker knows them."""


class Parents:
    """Parents and children. Every method commits by itself, after what it follows has been committed."""

    def __init__(self, database: Database, doorbell: Doorbell, admission: Admission) -> None:
        self._database = database
        self._doorbell = doorbell
        self._admission = admission
        self._touched: OrderedDict[TaskId, float] = OrderedDict()

    async def follow(self, tasks: Iterable[Task]) -> None:
        """Tasks have changed: have their parents show it, and end those whose last child has ended."""
        for parent_id in _find_parents(tasks):
            async with self._database.statement() as connection:
                busy = await has_active_children(connection, parent_id)
                parent = await update_progress(connection, parent_id) if busy and self._is_due(parent_id) else None
            if parent:
                await tell(self._doorbell, parent)
            if not busy:
                await self._gather(parent_id)

    async def cancel(self, task_ids: Sequence[TaskId]) -> None:
        """Cancel the children of cancelled tasks, and theirs; end the parents that have nothing left to wait for."""
        parents, levels = list(task_ids), []
        while parents:
            async with self._database.statement() as connection:
                cancelled = await cancel_children(connection, parents)
            await self._tell(cancelled)
            levels.append(parents)
            parents = [child.id for child in cancelled if child.state is State.EXPANDED]
        for parent_id in (parent_id for level in reversed(levels) for parent_id in level):
            await self._gather(parent_id)

    async def revive(self, task: Task) -> Task | None:
        """Run a finished task afresh. A parent runs those of its children again that did not succeed, or else all.

        None when it has not finished, or has no children that could run.
        """
        async with self._database.transaction() as connection:
            parents = await lock_ancestors(connection, [task.id])
            locked = await lock_parent(connection, task.id)
            whole = "last_step" in task.arguments  # then all of it runs again
            apart = locked and locked.state in FINAL and not whole
            children = await revive_children(connection, task.id) if apart else []
            if not children and task.name in _NEVER_RUN:
                return None
            revived = await (
                reopen(connection, task.id) if children else revive(connection, task.id, task.organization_id)
            )
            if revived:
                await take_over(connection, [*children, revived])
            reopened = [await reopen(connection, parent.id) for parent in parents] if revived else []
        if revived:
            await self._tell([*children, revived, *(parent for parent in reopened if parent)])
        return revived

    async def sweep(self) -> None:
        """Do what a process that died left undone: hand on cancels, end parents whose children have ended."""
        async with self._database.statement() as connection:
            cancelled = await list_cancelled_parents(connection)
            left_open = await list_left_open(connection)
        await self.cancel(cancelled)
        for parent_id in left_open:
            await self._gather(parent_id)

    async def _gather(self, parent_id: TaskId) -> None:
        step = None
        async with self._database.transaction() as connection:
            parent = await lock_parent(connection, parent_id)
            if parent and await needs_last_step(connection, parent):
                step = await submit(connection, _make_last_step(parent))
                parent = None
            ended = await gather(connection, parent) if parent else None
            if ended and ended.state is State.REVOKED and "last_step" in ended.arguments:
                await submit(connection, _make_sweep(ended))
        if step:
            self._admission.nudge(step.queue)
        if ended:
            self._touched.pop(parent_id, None)
            await tell(self._doorbell, ended)
            await self.follow([ended])

    async def _tell(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            await tell(self._doorbell, task)
        for queue in {task.queue for task in tasks}:
            self._admission.nudge(queue)

    def _is_due(self, parent_id: TaskId) -> bool:
        """Whether this process has not brought a parent up to date for a quarter second."""
        now = time.monotonic()
        if now - self._touched.get(parent_id, 0.0) < _TOUCH_SECONDS:
            return False
        self._touched[parent_id] = now
        self._touched.move_to_end(parent_id)
        if len(self._touched) > _PARENTS:
            self._touched.popitem(last=False)
        return True


def _make_last_step(parent: Task) -> NewTask:
    step = parent.arguments["last_step"]
    return NewTask(
        id=new_task_id(),
        organization_id=parent.organization_id,
        agent_id=parent.agent_id,
        document_id=parent.document_id,
        parent_id=parent.id,
        name=TaskName(step["name"]),
        queue=Queue(step["queue"]),
        arguments=step["arguments"],
        metadata=parent.metadata,
    )


def _make_sweep(task: Task) -> NewTask:
    """What clears away the batches of a cancelled task that were done."""
    return NewTask(
        id=new_task_id(),
        organization_id=task.organization_id,
        agent_id=task.agent_id,
        document_id=task.document_id,
        name=TaskName.SWEEP_DOCUMENT,
        queue=Queue.DEFAULT,
        metadata=task.metadata,
    )


def _find_parents(tasks: Iterable[Task]) -> set[TaskId]:
    """The parents of those that have ended, and those that have just become parents."""
    tasks = list(tasks)
    parents = {task.parent_id for task in tasks if task.parent_id and task.state in FINAL}
    return parents | {task.id for task in tasks if task.state is State.EXPANDED}
