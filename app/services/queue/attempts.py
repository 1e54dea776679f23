"""Work: what the body of a task is given, and what it gives back."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.domain.errors import DatabaseAwayError
from app.domain.ids import WorkerId
from app.domain.ports import Doorbell
from app.domain.tasks import Progress, Task
from app.ledger.report import Verdict, report, watch
from app.services.queue.result_backend import tell_progress

_WATCH_SECONDS = 0.5

log = structlog.get_logger()


async def _write_nothing(_connection: AsyncConnection) -> None:
    """Many tasks have no more to store than their result."""


async def _do_nothing() -> None:
    """Most tasks are done when their end is written."""


class Tenure(Protocol):
    """How a process knows, without asking anybody, whether its worker may still run tasks."""

    def holds(self, worker_id: WorkerId) -> bool:
        """Whether the worker's lease is alive by this machine's clock."""

    def must_hand_back(self) -> bool:
        """Whether the worker stops, and has waited for its tasks as long as it may."""


@dataclass(frozen=True, slots=True)
class Seat:
    """Where an attempt runs: the worker, its process, and whether that worker may go on."""

    worker_id: WorkerId
    pid: int
    tenure: Tenure

    @property
    def verdict(self) -> Verdict:
        """Go on, or hand back: the worker stops, or its lease has run out and others may have the task already."""
        ends = self.tenure.must_hand_back() or not self.tenure.holds(self.worker_id)
        return Verdict.HAND_BACK if ends else Verdict.GO_ON


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

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        super().__init__(verdict.name)


class Work:
    """What a task's body is given: the row it runs for, and the means to tell of progress."""

    def __init__(self, task: Task, seat: Seat, database: Database, doorbell: Doorbell) -> None:
        self.task = task
        self.verdict = Verdict.GO_ON
        self._seat = seat
        self._database = database
        self._doorbell = doorbell

    async def report(self, progress: Progress) -> None:
        """Write progress.

        Raises:
            AttemptLostError: when the task was cancelled or given to another worker.
        """
        async with self._database.statement() as connection:
            self._heed(await report(connection, self.task.attempt_token, progress))
        await tell_progress(self._doorbell, self.task, progress)

    async def report_within(self, connection: AsyncConnection, progress: Progress) -> None:
        """Write progress as part of a transaction, which so holds only while the attempt does.

        Raises:
            AttemptLostError: as ``report``; the transaction must then roll back.
        """
        self._heed(await report(connection, self.task.attempt_token, progress))

    async def ask(self) -> Verdict:
        """Whether the attempt is this one's still; what became of it, if that is known already."""
        if self.verdict is not Verdict.GO_ON:
            return self.verdict
        async with self._database.statement() as connection:
            return await watch(connection, self.task.attempt_token)

    async def watch(self) -> None:
        """Return once the attempt is lost, leaving the reason in ``verdict``.

        While the database is away, go on for as long as the lease lasts.
        """
        while self.verdict is Verdict.GO_ON:
            await asyncio.sleep(_WATCH_SECONDS)
            if (verdict := self._seat.verdict) is not Verdict.GO_ON:
                self.verdict = verdict
                return
            try:
                async with self._database.statement() as connection:
                    self.verdict = await watch(connection, self.task.attempt_token)
            except DatabaseAwayError:
                log.warning("watch_failed", task_id=str(self.task.id))

    def _heed(self, verdict: Verdict) -> None:
        if verdict is not Verdict.GO_ON:
            self.verdict = verdict
            raise AttemptLostError(verdict)


Body = Callable[[Work], Awaitable[Outcome]]
