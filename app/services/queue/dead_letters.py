"""Dead letters: listed, replayed, discarded, and announced to whoever must know."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from app.db.engine import Database
from app.domain.errors import DocumentBusyError, NotFoundError
from app.domain.ids import TaskId
from app.domain.ports import Alarm
from app.domain.records import Listing
from app.domain.tasks import DeadLetterFilter, Task
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
from app.services.queue.takeover import take_over

_BATCH = 500
_FIRST = UUID(int=0)

log = structlog.get_logger()


class DeadLetters:
    """Tasks that failed for good, until somebody decides about them."""

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
        self, organization_id: int, wanted: DeadLetterFilter, *, limit: int, after: UUID | None
    ) -> Listing[Task]:
        """Dead letters, the newest task first."""
        async with self._database.statement() as connection:
            return await list_dead_letters(connection, organization_id, wanted, limit=limit, after=after)

    async def get(self, organization_id: int, task_id: TaskId) -> Task:
        """One dead letter.

        Raises:
            NotFoundError: when there is no such task of the organization's, or it is no dead letter.
        """
        async with self._database.statement() as connection:
            task = await get_task(connection, task_id, organization_id)
        if task is None or task.dead_lettered_at is None:
            raise _unknown(task_id)
        return task

    async def count(self, organization_id: int, wanted: DeadLetterFilter) -> int:
        """How many dead letters the filter matches."""
        async with self._database.statement() as connection:
            return await count_dead_letters(connection, organization_id, wanted)

    async def replay(self, organization_id: int, task_id: TaskId) -> Task:
        """Run a dead letter afresh, with fresh counts.

        Raises:
            NotFoundError: when it is no dead letter of the organization's.
            DocumentBusyError: when another task has its document.
        """
        replayed, reopened = await self._replay(organization_id, [task_id])
        if not replayed:
            await self.get(organization_id, task_id)
            raise DocumentBusyError("Another task has taken it over.")
        await self._after_commit.publish([*replayed, *reopened])
        return replayed[0]

    async def _replay(self, organization_id: int, task_ids: Sequence[UUID]) -> tuple[Sequence[Task], Sequence[Task]]:
        """Run dead letters afresh; returns them, and the parents that were opened again for them."""
        async with self._database.transaction() as connection:
            parents = await lock_ancestors(connection, task_ids)
            replayed = await replay(connection, organization_id, task_ids)
            await take_over(connection, replayed)
            reopened = [await reopen(connection, parent.id) for parent in parents] if replayed else []
        return replayed, [parent for parent in reopened if parent]

    async def replay_all(self, organization_id: int, wanted: DeadLetterFilter) -> int:
        """Run afresh every dead letter that matches, some hundreds a transaction; returns how many."""
        count, after = 0, _FIRST
        while True:
            async with self._database.statement() as connection:
                task_ids = await find_dead_letters(connection, organization_id, wanted, limit=_BATCH, after=after)
            replayed, reopened = await self._replay(organization_id, task_ids)
            await self._after_commit.publish([*replayed, *reopened])
            count += len(replayed)
            if len(task_ids) < _BATCH:
                return count
            after = task_ids[-1]

    async def discard(self, organization_id: int, task_id: TaskId) -> Task:
        """Take a task off the dead letters. It stays a failure, and is forgotten in its time like any other.

        Raises:
            NotFoundError: when it is no dead letter of the organization's.
        """
        async with self._database.statement() as connection:
            task = await discard(connection, task_id, organization_id)
        if task is None:
            raise _unknown(task_id)
        return task

    async def announce(self, task_id: TaskId) -> None:
        """Raise the alarm for a dead letter, once; should this process die meanwhile, once more.

        One that was replayed, discarded or announced before is passed over.
        """
        async with self._database.statement() as connection:
            task = await get_task(connection, task_id)
        if task is None or task.dead_lettered_at is None or task.announced_at is not None:
            return
        error = task.error or {}
        log.error(
            "dead_letter",
            task_id=str(task.id),
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


def _unknown(task_id: TaskId) -> NotFoundError:
    return NotFoundError(f"There is no dead letter {task_id}.")
