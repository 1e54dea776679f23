"""Dead letters: list, replay, discard and announce the tasks that failed for good."""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import structlog

from app.db.documents.content_keys import refuse_duplicate
from app.db.engine import Database, repeats_on_conflict
from app.domain.dead_letters import DeadLetterFilter
from app.domain.errors import DocumentBusyError, NotFoundError
from app.domain.identity import Access
from app.domain.ids import TaskId
from app.domain.ports import Alarm
from app.domain.records import Listing
from app.domain.tasks import Task
from app.ledger.dead_letters import (
    count_dead_letters,
    discard,
    find_dead_letters,
    list_dead_letters,
    note_announced,
    replay,
)
from app.ledger.parents import lock_ancestors, reopen
from app.ledger.read import get_task
from app.services.queue.after_commit import AfterCommit
from app.services.queue.parents import set_indexing_tasks
from app.services.queue.visible_tasks import limit_to_visible

_BATCH = 500
_FIRST = UUID(int=0)

log = structlog.get_logger()


class DeadLetters:
    """Tasks that failed for good, until an operator replays or discards them."""

    def __init__(
        self,
        database: Database,
        after_commit: AfterCommit,
        alarms: Sequence[Alarm],
    ) -> None:
        self._database = database
        self._after_commit = after_commit
        self._alarms = alarms

    async def list(
        self, access: Access, criteria: DeadLetterFilter, *, limit: int, after: UUID | None
    ) -> Listing[Task]:
        """Dead letters, newest task first. ``after`` is the id of the last task on the page before."""
        async with self._database.statement() as connection:
            listing = await list_dead_letters(connection, access, criteria, limit=limit, after=after)
        return replace(listing, items=await limit_to_visible(self._database, access, listing.items))

    async def get(self, access: Access, task_id: TaskId) -> Task:
        """One dead letter.

        Raises:
            NotFoundError: when the caller sees no such task, or the task is no dead letter.
        """
        async with self._database.statement() as connection:
            task = await get_task(connection, task_id, access)
        if task is None or task.dead_lettered_at is None:
            raise _not_found(task_id)
        return (await limit_to_visible(self._database, access, [task]))[0]

    async def count(self, access: Access, criteria: DeadLetterFilter) -> int:
        """The number of dead letters that the filter matches."""
        async with self._database.statement() as connection:
            return await count_dead_letters(connection, access, criteria)

    async def replay(self, access: Access, task_id: TaskId) -> Task:
        """Run a dead letter again, with its counts of retries and crashes reset.

        Raises:
            NotFoundError: when the caller sees no such dead letter.
            DocumentBusyError: when another task is processing its document.
            DuplicateDocumentError: when another document has received the same content in the meantime.
        """
        await self.get(access, task_id)
        replayed, reopened = await self._replay(access.organization_id, [task_id])
        if not replayed:
            await self.get(access, task_id)
            async with self._database.statement() as connection:
                await refuse_duplicate(connection, task_id)
            raise DocumentBusyError("Another task is processing the document.")
        await self._after_commit.publish([*replayed, *reopened])
        return replayed[0]

    @repeats_on_conflict
    async def _replay(self, organization_id: int, task_ids: Sequence[UUID]) -> tuple[Sequence[Task], Sequence[Task]]:
        """Run dead letters again; returns them and the parents that were reopened with them."""
        async with self._database.transaction() as connection:
            parents = await lock_ancestors(connection, task_ids)
            replayed = await replay(connection, organization_id, task_ids)
            await set_indexing_tasks(connection, replayed)
            reopened = [await reopen(connection, parent.id) for parent in parents] if replayed else []
        return replayed, [parent for parent in reopened if parent]

    async def replay_all(self, access: Access, criteria: DeadLetterFilter) -> int:
        """Run every matching dead letter again, a batch a transaction; returns how many."""
        count, after = 0, _FIRST
        while True:
            async with self._database.statement() as connection:
                task_ids = await find_dead_letters(connection, access, criteria, limit=_BATCH, after=after)
            replayed, reopened = await self._replay(access.organization_id, task_ids)
            await self._after_commit.publish([*replayed, *reopened])
            count += len(replayed)
            if len(task_ids) < _BATCH:
                return count
            after = task_ids[-1]

    async def discard(self, access: Access, task_id: TaskId) -> Task:
        """Remove a task from the dead letters. It stays a failure, and is deleted after the retention time.

        Raises:
            NotFoundError: when the caller sees no such dead letter.
        """
        await self.get(access, task_id)
        async with self._database.statement() as connection:
            task = await discard(connection, task_id, access.organization_id)
        if task is None:
            raise _not_found(task_id)
        return task

    async def announce(self, task_id: TaskId) -> None:
        """Raise the alarms for a dead letter at least once: twice if this process dies before it has noted that.

        Does nothing for one that was replayed, discarded or announced before.
        """
        async with self._database.statement() as connection:
            task = await get_task(connection, task_id)
        if task is None or task.dead_lettered_at is None or task.announced_at is not None:
            return
        error = task.error or {}
        log.error(
            "dead_letter",
            task_name=task.name,
            queue=task.queue,
            agent_id=task.agent_id,
            document_id=task.document_id,
            attempts=task.attempt,
            crashes=task.crashes,
            code=error.get("code"),
            message=error.get("message"),
        )
        for alarm in self._alarms:
            await alarm.raise_for(task)
        async with self._database.statement() as connection:
            await note_announced(connection, task_id)


def _not_found(task_id: TaskId) -> NotFoundError:
    return NotFoundError(f"Dead letter {task_id} does not exist.")
