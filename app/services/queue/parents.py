"""Parents: a task that has become many follows its children, step by step and to the end."""

from collections.abc import Sequence

from app.db.engine import Database
from app.domain.ids import TaskId
from app.domain.states import FINAL, State
from app.domain.tasks import Task, TaskName
from app.ledger.cancel import revive
from app.ledger.children import cancel_children, revive_children
from app.ledger.parents import (
    list_cancelled_parents,
    list_left_open,
    lock_ancestors,
    lock_parent,
    reopen,
)
from app.services.queue.after_commit import AfterCommit
from app.services.queue.takeover import take_over

_NEVER_RUN = {TaskName.PROCESS_BATCH, TaskName.CRAWL_SITE}
"""Tasks that are many from the start: no worker knows them."""


class Parents:
    """Parents and children. Every method commits by itself, after what it follows has been committed."""

    def __init__(self, database: Database, after_commit: AfterCommit) -> None:
        self._database = database
        self._after_commit = after_commit

    async def cancel(self, task_ids: Sequence[TaskId]) -> None:
        """Cancel the children of cancelled tasks, and theirs; end the parents that have nothing left to wait for."""
        parents, levels = list(task_ids), []
        while parents:
            async with self._database.statement() as connection:
                cancelled = await cancel_children(connection, parents)
            await self._after_commit.publish(cancelled)
            levels.append(parents)
            parents = [child.id for child in cancelled if child.state is State.EXPANDED]
        for parent_id in (parent_id for level in reversed(levels) for parent_id in level):
            await self._after_commit.end_parent(parent_id)

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
            await self._after_commit.publish([*children, revived, *(parent for parent in reopened if parent)])
        return revived

    async def sweep(self) -> None:
        """Do what a process that died left undone: hand on cancels, end parents whose children have ended."""
        async with self._database.statement() as connection:
            cancelled = await list_cancelled_parents(connection)
            left_open = await list_left_open(connection)
        await self.cancel(cancelled)
        for parent_id in left_open:
            await self._after_commit.end_parent(parent_id)
