"""Parents: cancel a parent with its children, run them again, and end parents that were left open."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.documents import set_indexing_task
from app.db.engine import Database, repeats_on_conflict
from app.domain.ids import TaskId
from app.domain.states import FINAL, State
from app.domain.tasks import INDEXING, Task, TaskName
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

_NEVER_RUN = {TaskName.PROCESS_BATCH, TaskName.CRAWL_SITE}
"""Tasks that are parents from the start: no worker ever runs them."""


class Parents:
    """Parents and their children. Each method opens transactions of its own, after its caller has committed."""

    def __init__(self, database: Database, after_commit: AfterCommit) -> None:
        self._database = database
        self._after_commit = after_commit

    async def cancel(self, task_ids: Sequence[TaskId]) -> None:
        """Cancel the descendants of cancelled tasks; end the parents that have no active child left."""
        parents, levels = list(task_ids), []
        while parents:
            async with self._database.statement() as connection:
                cancelled = await cancel_children(connection, parents)
            await self._after_commit.publish(cancelled)
            levels.append(parents)
            parents = [child.id for child in cancelled if child.state is State.EXPANDED]
        for parent_id in (parent_id for level in reversed(levels) for parent_id in level):
            await self._after_commit.end_parent(parent_id)

    @repeats_on_conflict
    async def revive(self, task: Task) -> Task | None:
        """Run a finished task again. For a parent: those children that did not succeed, or else the parent itself.

        Returns None when the task has not finished, or when nothing of it can run.
        """
        if task.state not in FINAL:
            return None  # and no lock on its parents: while a task ends, it may lock its own row and then its parent's
        async with self._database.transaction() as connection:
            parents = await lock_ancestors(connection, [task.id])
            locked = await lock_parent(connection, task.id)
            # Children with a last step are parts of one result, so that task runs again as a whole.
            separate = locked and locked.state in FINAL and "last_step" not in task.arguments
            children = await revive_children(connection, task.id) if separate else []
            if not children and task.name in _NEVER_RUN:
                return None
            revived = await (
                reopen(connection, task.id) if children else revive(connection, task.id, task.organization_id)
            )
            if revived:
                await set_indexing_tasks(connection, [*children, revived])
            reopened = [await reopen(connection, parent.id) for parent in parents] if revived else []
        if revived:
            await self._after_commit.publish([*children, revived, *(parent for parent in reopened if parent)])
        return revived

    async def sweep(self) -> None:
        """Finish what a process that died left undone: cancels of children, and the ends of parents."""
        async with self._database.statement() as connection:
            cancelled = await list_cancelled_parents(connection)
            left_open = await list_left_open(connection)
        await self.cancel(cancelled)
        for parent_id in left_open:
            await self._after_commit.end_parent(parent_id)


async def set_indexing_tasks(connection: AsyncConnection, tasks: Sequence[Task]) -> None:
    """Make tasks that run again the ones that decide the status of their documents, where they index one."""
    for task in tasks:
        if task.document_id is not None and task.name in INDEXING:
            await set_indexing_task(connection, task.document_id, task.id)
