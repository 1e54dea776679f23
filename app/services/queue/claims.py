"""Claims: the tasks that the slots of this process get, and what becomes of a claim whose answer is lost."""

import asyncio
import time
from collections.abc import Collection, Iterable, Sequence
from contextvars import Context
from typing import TYPE_CHECKING, Any

import structlog

from app.db.engine import Database
from app.domain.errors import DatabaseUnavailableError, UnstorableValueError
from app.domain.ids import TaskId
from app.domain.tasks import Attempt, Task, TaskName
from app.ledger.claim import Claim, Slot, claim, claim_next, list_claimed
from app.ledger.finish import abort, finish_and_claim, finish_several_and_claim, hand_back
from app.services.queue.admission import Admission
from app.services.queue.after_commit import AfterCommit
from app.services.queue.attempts import RunningAttempt, WorkerSlot

if TYPE_CHECKING:
    from app.services.queue.attempt_ends import Success

DATABASE_RETRY_SECONDS = 0.5
_STATEMENT_SECONDS = 31.0  # longer than ``statement_timeout``
_LOOK_SECONDS = 5.0

log = structlog.get_logger()


class Claims:
    """Claims tasks for the slots of this process, and knows those that it received."""

    def __init__(self, database: Database, after_commit: AfterCommit, admission: Admission) -> None:
        self._database = database
        self._after_commit = after_commit
        self._admission = admission
        self._held: set[Attempt] = set()
        self._look_until = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def claim(self, task_id: TaskId, name: TaskName, slot: WorkerSlot) -> Claim:
        """Claim for a message. If the answer is lost, release the claim, or the row would stay in a running state."""
        try:
            claimed = await claim(self._database, task_id, name, self._describe(slot))
        except DatabaseUnavailableError:
            await self.release_unheld(slot)
            return Claim()
        if claimed.task is None and claimed.name not in {name, None}:
            log.warning(
                "message_refused", reason="it names another task than the row", message_name=name, name=claimed.name
            )
        elif claimed.task and slot.queue:
            self._admission.note_claim(slot.queue, claimed, slot.siblings, own=task_id)
            if claimed.task.id != task_id:
                self._after_commit.publish_continued(claimed.task)
        return self._hold(claimed)

    async def claim_next(self, slot: WorkerSlot) -> Claim:
        """Claim the next task of the slot's queue. No failure is raised: the task that has ended must be published."""
        try:
            return self._hold(await claim_next(self._database, self._describe(slot)))
        except DatabaseUnavailableError:
            await self.release_unheld(slot)
        except Exception:
            log.exception("claim_failed")
        return Claim()

    async def finish(
        self, attempt: RunningAttempt, slot: WorkerSlot, result: Any, **written: Any
    ) -> tuple[Task | None, Claim]:
        """End a task whose outcome writes nothing else, and claim the next ones if the slot may continue.

        A failure of the claim does not fail the task: its end is then written alone. ``written`` is what
        ``app.ledger.finish`` writes besides the result.
        """
        token = attempt.task.attempt_token
        if slot.may_continue():
            described = self._describe(slot, attempt.task.name if attempt.is_short else None)
            try:
                task, claimed = await finish_and_claim(self._database, token, described, result, **written)
            except (DatabaseUnavailableError, UnstorableValueError):
                raise
            except Exception:
                log.exception("claim_failed")
            else:
                return task, self._hold(claimed)
        alone = Slot(slot.worker_id, slot.pid)
        return await finish_and_claim(self._database, token, alone, result, **written)

    async def finish_several(
        self, ends: Sequence["Success"], slot: WorkerSlot, name: str | None
    ) -> tuple[dict[TaskId, Task], Claim]:
        """End several tasks whose outcomes write nothing else, and claim the next ones, of ``name`` if several."""
        given = [(end.attempt.task.attempt_token, end.outcome.result, end.outcome.status) for end in ends]
        written, claimed = await finish_several_and_claim(self._database, given, self._describe(slot, name))
        return written, self._hold(claimed)

    def announce(self, task: Task) -> None:
        """Announce a task that begins without a message."""
        self._after_commit.publish_continued(task)

    def follow(self, claimed: Claim, slot: WorkerSlot) -> None:
        """Announce the task with which the slot continues, and have the queue admitted where that is due."""
        if slot.queue is None:
            return
        if claimed.task is None:
            # The last admission may have counted this slot as busy, and published no message for an admitted task.
            self._admission.nudge(slot.queue)
            return
        self._admission.note_claim(slot.queue, claimed, slot.siblings)
        self._after_commit.publish_continued(claimed.task)

    def drop(self, task: Task) -> None:
        """Note that the attempt for which the task was claimed has ended."""
        self._held.discard(task.attempt_token)

    async def release(self, tasks: Collection[Task], slot: WorkerSlot) -> None:
        """Hand back claimed tasks whose attempts have not begun. While the database is unavailable, this is put off."""
        for task in tasks:
            self.drop(task)
        try:
            await self._hand_back(tasks)
        except Exception as error:  # noqa: BLE001 - the process no longer holds the tasks, so they are looked for
            log.warning("claims_not_released", tasks=len(tasks), error=str(error))
            self._keep_looking(slot)

    async def release_unheld(self, slot: WorkerSlot) -> None:
        """Once the database is available, hand back what was claimed for this process without its receiving it.

        A claim may still wait for a lock in the database, which has not noticed that its client is gone. So this looks
        again in the background, for as long as a statement may take.
        """
        log.warning("claim_unconfirmed")
        while not await self._release_once(slot):
            pass
        self._keep_looking(slot)

    def _keep_looking(self, slot: WorkerSlot) -> None:
        self._look_until = time.monotonic() + _STATEMENT_SECONDS
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_again(slot), context=Context())

    async def _look_again(self, slot: WorkerSlot) -> None:
        is_available = False
        while not is_available or time.monotonic() < self._look_until:
            await asyncio.sleep(_LOOK_SECONDS)
            is_available = await self._release_once(slot)

    async def _hand_back(self, tasks: Iterable[Task]) -> None:
        """Hand back tasks. One that was cancelled in the meantime ends; its parent, if any, is left to the sweep."""
        for task in tasks:
            async with self._database.statement() as connection:
                released = await hand_back(connection, task.attempt_token)
                released = released or await abort(connection, task.attempt_token)
            if released is not None:
                await self._after_commit.publish([released])

    async def _release_once(self, slot: WorkerSlot) -> bool:
        """Hand back what this process has not received in half a second; returns whether the database is available.

        The answer to a claim arrives long before.
        """
        try:
            seen = {task.attempt_token for task in await self._list_unheld(slot)}
            await asyncio.sleep(DATABASE_RETRY_SECONDS)
            await self._hand_back([task for task in await self._list_unheld(slot) if task.attempt_token in seen])
        except DatabaseUnavailableError:
            await asyncio.sleep(DATABASE_RETRY_SECONDS)
            return False
        return True

    async def _list_unheld(self, slot: WorkerSlot) -> list[Task]:
        async with self._database.statement() as connection:
            claimed = await list_claimed(connection, self._describe(slot))
        return [task for task in claimed if task.attempt_token not in self._held]

    def _hold(self, claimed: Claim) -> Claim:
        """Note that this process received the claim, before anything else can look for claims that it did not."""
        self._held.update(task.attempt_token for task in claimed.tasks)
        return claimed

    def _describe(self, slot: WorkerSlot, name: str | None = None) -> Slot:
        """Describe the slot. It may claim several tasks only if they have ``name``."""
        if slot.queue is None:
            return Slot(slot.worker_id, slot.pid)
        most = min(slot.count_left(), self._admission.share(slot.queue, is_short=name is not None))
        return Slot(slot.worker_id, slot.pid, slot.queue, self._admission.enough(slot.queue), most, name)
