"""Work: what the body of a task is given, and what it gives back."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.domain.errors import DatabaseUnavailableError
from app.domain.ids import WorkerId
from app.domain.tasks import Progress, Task
from app.ledger.report import AttemptStatus, report, watch
from app.services.queue.after_commit import AfterCommit

_WATCH_SECONDS = 0.5

log = structlog.get_logger()


async def _write_nothing(_connection: AsyncConnection) -> None:
    """Many tasks have no more to store than their result."""


async def _do_nothing() -> None:
    """Most tasks are done when their end is written."""


class LeaseStatus(Protocol):
    """How a process knows, without asking anybody, whether its worker may still run tasks."""

    def holds(self, worker_id: WorkerId) -> bool:
        """Whether the worker's lease is alive by this machine's clock."""

    def must_hand_back(self) -> bool:
        """Whether the worker stops, and has waited for its tasks as long as it may."""


@dataclass(frozen=True, slots=True)
class WorkerSlot:
    """Where an attempt runs: the worker, its process, and whether that worker may go on."""

    worker_id: WorkerId
    pid: int
    lease_status: LeaseStatus

    @property
    def attempt_status(self) -> AttemptStatus:
        """Go on, or hand back: the worker stops, or its lease has run out and others may have the task already."""
        ends = self.lease_status.must_hand_back() or not self.lease_status.holds(self.worker_id)
        return AttemptStatus.HAND_BACK if ends else AttemptStatus.CONTINUE


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a task came to.

    ``apply`` writes it in the same transaction that turns the task to SUCCESS; with ``expands``, to EXPANDED: then
    ``apply`` inserts its children, which ``last_step`` follows (``app.ledger.children.expand``). ``after`` is done once
    that is committed, if the process lives to do it.
    """

    result: Any
    status: str
    chunk_count: int | None = None
    apply: Callable[[AsyncConnection], Awaitable[None]] = field(default=_write_nothing)
    expands: bool = False
    last_step: Mapping[str, Any] | None = None
    after: Callable[[], Awaitable[None]] = field(default=_do_nothing)


class AttemptLostError(Exception):
    """The attempt was cancelled, superseded or must be handed back; nothing it holds may be written."""

    def __init__(self, attempt_status: AttemptStatus) -> None:
        self.attempt_status = attempt_status
        super().__init__(attempt_status.name)


class Work:
    """What a task's body is given: the row it runs for, and the means to tell of progress."""

    def __init__(self, task: Task, slot: WorkerSlot, database: Database, after_commit: AfterCommit) -> None:
        self.task = task
        self.attempt_status = AttemptStatus.CONTINUE
        self._slot = slot
        self._database = database
        self._after_commit = after_commit

    async def report(self, progress: Progress) -> None:
        """Write progress.

        Raises:
            AttemptLostError: when the task was cancelled or given to another worker.
        """
        async with self._database.statement() as connection:
            self._heed(await report(connection, self.task.attempt_token, progress))
        await self._after_commit.publish_progress(self.task, progress)

    async def report_within(self, connection: AsyncConnection, progress: Progress) -> None:
        """Write progress as part of a transaction, which so holds only while the attempt does.

        Raises:
            AttemptLostError: as ``report``; the transaction must then roll back.
        """
        self._heed(await report(connection, self.task.attempt_token, progress))

    async def ask(self) -> AttemptStatus:
        """Whether the attempt is this one's still; what became of it, if that is known already."""
        if self.attempt_status is not AttemptStatus.CONTINUE:
            return self.attempt_status
        async with self._database.statement() as connection:
            return await watch(connection, self.task.attempt_token)

    async def watch(self) -> None:
        """Return once the attempt is lost, leaving the reason in ``attempt_status``.

        While the database is away, go on for as long as the lease lasts.
        """
        while self.attempt_status is AttemptStatus.CONTINUE:
            await asyncio.sleep(_WATCH_SECONDS)
            if (attempt_status := self._slot.attempt_status) is not AttemptStatus.CONTINUE:
                self.attempt_status = attempt_status
                return
            try:
                async with self._database.statement() as connection:
                    self.attempt_status = await watch(connection, self.task.attempt_token)
            except DatabaseUnavailableError:
                log.warning("watch_failed", task_id=str(self.task.id))

    def _heed(self, attempt_status: AttemptStatus) -> None:
        if attempt_status is not AttemptStatus.CONTINUE:
            self.attempt_status = attempt_status
            raise AttemptLostError(attempt_status)


AttemptFunction = Callable[[Work], Awaitable[Outcome]]
