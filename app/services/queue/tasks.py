"""Tasks: read, watch, cancel and retry."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from uuid import UUID

from app.db.documents.content_keys import refuse_duplicate
from app.db.engine import Database, repeats_on_conflict
from app.db.tenants.visibility import is_visible_task
from app.domain.errors import ConflictError, NotFoundError, TaskFinishedError
from app.domain.identity import Access
from app.domain.ids import TaskId, keep_above
from app.domain.ports import TaskWatch
from app.domain.records import Listing
from app.domain.states import FINAL, State
from app.domain.tasks import Counts, Task
from app.ledger.cancel import cancel
from app.ledger.children import count_children
from app.ledger.read import get_newest_id, get_position, list_tasks, read_tasks
from app.ledger.visible import count_visible_children
from app.services.queue.after_commit import AfterCommit
from app.services.queue.changes import TaskChanges
from app.services.queue.parents import Parents
from app.services.queue.visible_tasks import limit_to_visible

_SILENCE_SECONDS = 15.0


class Tasks:
    """The tasks of an organization."""

    def __init__(self, database: Database, watch: TaskWatch, after_commit: AfterCommit, parents: Parents) -> None:
        self._database = database
        self._changes = TaskChanges(database, watch)
        self._after_commit = after_commit
        self._parents = parents

    async def get(self, access: Access, task_id: TaskId) -> Task:
        """One task.

        Raises:
            NotFoundError: when the caller sees no such task.
        """
        found = await read_tasks(self._database, [task_id])
        shown = await self._show(access, found[0]) if found else None
        if shown is None:
            raise NotFoundError(f"Task {task_id} does not exist.")
        return shown

    async def _show(self, access: Access, task: Task) -> Task | None:
        """A task that was read, as the caller sees it; None if it does not exist for the caller."""
        if not await is_visible_task(self._database, access, task):
            return None
        return (await limit_to_visible(self._database, access, [task]))[0]

    async def poll(self, access: Access, task_id: TaskId) -> Task:
        """One task, for a client that may read it again soon, to see its progress.

        Raises:
            NotFoundError: when the caller sees no such task.
        """
        task = await self.get(access, task_id)
        if task.state not in FINAL:
            self._changes.note_poll(task_id)
        return task

    async def count_children(self, access: Access, tasks: Sequence[Task]) -> dict[UUID, Counts]:
        """The children of these tasks that the caller sees, counted by state; tasks without children are left out."""
        parents = [task.id for task in tasks if task.is_parent]
        if not parents:
            return {}
        async with self._database.statement() as connection:
            if access.is_restricted:
                return await count_visible_children(connection, access, parents)
            return await count_children(connection, parents)

    async def get_position(self, access: Access, task: Task) -> int | None:
        """The position of a waiting task among its agent's, from 1; None to a caller who does not see all of them."""
        return None if access.document_filter is not None else await get_position(self._database, task)

    async def wait(self, access: Access, task_id: TaskId, seconds: float, *, until_end: bool = False) -> Task:
        """One task, at its next change or after ``seconds``, whichever comes first; a finished task at once.

        With ``until_end``, changes before the end do not end the wait.

        Raises:
            NotFoundError: when the caller sees no such task, or no longer does.
        """
        current = task = await self.get(access, task_id)
        if task.state in FINAL:
            return task
        deadline = time.monotonic() + seconds
        async with self._changes.follow(task_id) as follower:
            while (until_end or current.version == task.version) and current.state not in FINAL:
                newer = await follower.wait(deadline - time.monotonic())
                if newer is None:
                    break
                current = newer
        return current if current is task else await self.get(access, task_id)

    async def follow(self, access: Access, task: Task, after_version: int = -1) -> AsyncIterator[Task | None]:
        """The task now, unless its version is ``after_version``, and then at each change up to its end.

        None where nothing has changed for fifteen seconds. It also ends when the task no longer exists for the caller.
        """
        seen = after_version
        async with self._changes.follow(task.id) as follower:
            while True:
                newer = await follower.wait(_SILENCE_SECONDS)
                if newer is None:
                    yield None
                    continue
                # The end is always sent, so that every stream has one.
                if newer.version > seen or newer.state in FINAL:
                    seen = newer.version
                    shown = await self._show(access, newer)
                    if shown is None:
                        return
                    yield shown
                if newer.state in FINAL:
                    return

    async def order_new_tasks(self) -> None:
        """Have the tasks that this process submits sort after those that exist.

        Their ids contain this machine's time, which may be behind: because its clock was set back while no process of
        Sluice ran, or because the tasks come from another machine.
        """
        async with self._database.statement() as connection:
            if (newest := await get_newest_id(connection)) is not None:
                keep_above(newest)

    async def list(
        self,
        access: Access,
        *,
        status: str | None = None,
        agent_id: int | None = None,
        queue: str | None = None,
        name: str | None = None,
        parent_id: UUID | None = None,
        limit: int,
        after: UUID | None,
    ) -> Listing[Task]:
        """Tasks, newest first.

        A filter that is None matches every task. ``after`` is the id of the last task on the page before.
        """
        async with self._database.statement() as connection:
            listing = await list_tasks(
                connection,
                access,
                status=status,
                agent_id=agent_id,
                queue=queue,
                name=name,
                parent_id=parent_id,
                limit=limit,
                after=after,
            )
        return replace(listing, items=await limit_to_visible(self._database, access, listing.items))

    async def cancel(self, access: Access, task_id: TaskId) -> Task:
        """Cancel a task: a waiting task is REVOKED when this returns, a running one is asked to stop.

        Raises:
            NotFoundError: when the caller sees no such task.
            TaskFinishedError: when the task has finished.
        """
        if access.is_restricted:
            await self.get(access, task_id)
        task = await self._cancel(access, task_id)
        if task is None:
            finished = await self.get(access, task_id)
            raise TaskFinishedError(f"Its state is {finished.state.public}.")
        await self._after_commit.run([task])
        if task.state is State.EXPANDED:
            await self._parents.cancel([task.id])
            task = await self.get(access, task_id)
        return task

    @repeats_on_conflict
    async def _cancel(self, access: Access, task_id: TaskId) -> Task | None:
        async with self._database.statement() as connection:
            return await cancel(connection, task_id, access.organization_id)

    async def retry(self, access: Access, task_id: TaskId) -> Task:
        """Run a finished task again, with its counts reset. For a parent: the children that did not succeed.

        Raises:
            NotFoundError: when the caller sees no such task.
            ConflictError: when the task has not finished, or nothing of it can run again.
            DuplicateDocumentError: when another document has received the same content in the meantime.
        """
        task = await self.get(access, task_id)
        if not (revived := await self._parents.revive(task)):
            if task.state in FINAL:
                async with self._database.statement() as connection:
                    await refuse_duplicate(connection, task.id)
            reason = "Nothing of it can run again" if task.state in FINAL else "The task has not finished"
            raise ConflictError(f"{reason}: its state is {task.state.public}.")
        return revived
