"""Attempts: what a task's body receives, and the outcome that it returns."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.domain.errors import DatabaseUnavailableError
from app.domain.ids import WorkerId
from app.domain.states import RUNNING
from app.domain.tasks import Progress, Task
from app.ledger.answer_parts import add_parts, restart_parts
from app.ledger.read import get_task
from app.ledger.report import AttemptStatus, watch
from app.services.queue.after_commit import AfterCommit
from app.services.queue.progress import ProgressWriter

WATCH_SECONDS = 0.5
SHORT_SECONDS = 0.005

log = structlog.get_logger()


async def _write_nothing(_connection: AsyncConnection) -> None:
    """The default ``apply``."""


async def _do_nothing() -> None:
    """The default ``after``."""


def _keep() -> None:
    """The default ``release``, of a slot that is held until the attempt ends."""


def never() -> bool:
    """The default ``may_continue``."""
    return False


class LeaseStatus(Protocol):
    """Whether this process's worker may still run tasks, without a query."""

    def holds(self, worker_id: WorkerId) -> bool:
        """Whether the worker's lease is valid by this machine's clock."""

    def must_hand_back(self) -> bool:
        """Whether the worker is stopping and its grace period for running tasks is over."""


@dataclass(frozen=True, slots=True)
class WorkerSlot:
    """Where an attempt runs: the worker, its process, and the status of the worker's lease."""

    worker_id: WorkerId
    pid: int
    lease_status: LeaseStatus
    release: Callable[[], None] = field(default=_keep)
    """Gives the slot to the next task, while the attempt goes on."""
    queue: str | None = None
    """The queue of whose tasks the slot may run further ones for the same message; None for one task a message."""
    may_continue: Callable[[], bool] = field(default=never)
    """Whether the slot may run another task now."""
    count_left: Callable[[], int] = field(default=lambda: sys.maxsize)
    """How many tasks the process may still begin."""
    siblings: int = 1
    """The number of slots of the process."""

    @property
    def attempt_status(self) -> AttemptStatus:
        """HAND_BACK when the worker must stop, or when its lease has expired and another worker may have the task."""
        ends = self.lease_status.must_hand_back() or not self.lease_status.holds(self.worker_id)
        return AttemptStatus.HAND_BACK if ends else AttemptStatus.CONTINUE


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt returns.

    Attributes:
        result: The task's result, as JSON.
        status: A sentence for the client.
        chunk_count: The number of chunks that the task stored.
        apply: Writes the result's rows, in the transaction that sets the task to SUCCESS.
        expands: Whether the task becomes a parent: its state is then EXPANDED, and ``apply`` inserts its children. With
            a ``result``, it succeeds whatever becomes of them.
        last_step: The task to submit after all children have succeeded; see ``app.ledger.children.expand``.
        continues: Arguments with which the task returns to its queue instead of ending; ``app.ledger.finish.requeue``.
        after: Runs once that transaction is committed, unless the process dies first.
        discard: Runs instead if the attempt was cancelled, or ``apply`` failed: deletes the files that it stored.
    """

    result: Any
    status: str
    chunk_count: int | None = None
    apply: Callable[[AsyncConnection], Awaitable[None]] = field(default=_write_nothing)
    expands: bool = False
    last_step: Mapping[str, Any] | None = None
    continues: Mapping[str, Any] | None = None
    after: Callable[[], Awaitable[None]] = field(default=_do_nothing)
    discard: Callable[[], Awaitable[None]] = field(default=_do_nothing)

    @property
    def is_plain(self) -> bool:
        """Whether one statement can write the outcome."""
        return self.apply is _write_nothing and not self.expands and self.continues is None


class AttemptLostError(Exception):
    """The attempt was cancelled, superseded or must be handed back: it may not write its result."""

    def __init__(self, attempt_status: AttemptStatus) -> None:
        self.attempt_status = attempt_status
        super().__init__(attempt_status.name)


class RunningAttempt:
    """What a task's body receives: the task's row, and methods to report progress."""

    def __init__(self, task: Task, slot: WorkerSlot, database: Database, after_commit: AfterCommit) -> None:
        self.task = task
        self.attempt_status = AttemptStatus.CONTINUE
        self._slot = slot
        self._database = database
        self._progress = ProgressWriter(task, database, after_commit)
        self._stage: tuple[str, int] | None = None
        self._began_at = time.monotonic()
        self._ended_at: float | None = None

    @property
    def is_short(self) -> bool:
        """Whether the body took so little time that the slot may claim several tasks of its kind at once."""
        return self._ended_at is not None and self._ended_at - self._began_at <= SHORT_SECONDS

    @property
    def has_reports(self) -> bool:
        """Whether there are reports that were not written."""
        return self._progress.has_kept

    def end_body(self) -> None:
        """Note that the body has returned."""
        self._ended_at = time.monotonic()

    def confine(self, stage: str, start: int) -> None:
        """Report the progress of what follows as part of one stage, which takes the range from ``start`` to 99."""
        self._stage = (stage, start)

    async def report(self, progress: Progress) -> None:
        """Report progress: at once if a client watches the task, otherwise within half a second or with its end.

        Raises:
            AttemptLostError: when the task was cancelled, or when another worker has it.
        """
        self._check_status(await self._progress.add(self._place(progress)) or self.attempt_status)

    async def add_parts(self, parts: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
        """Add parts of an answer, each the name and the data of an event, for the clients that follow the task.

        Raises:
            AttemptLostError: as ``report`` does; the parts are then not added.
        """
        await self._progress.write()
        async with self._database.statement() as connection:
            self._check_status(await add_parts(connection, self.task.attempt_token, parts))
        self._progress.publish_again()

    async def restart_parts(self, data: Mapping[str, Any]) -> None:
        """Drop the parts that exist, of this attempt or of former ones; an event asks clients to discard them."""
        async with self._database.statement() as connection:
            await restart_parts(connection, self.task.attempt_token, data)

    def release_slot(self) -> None:
        """Let the worker slot run other tasks from here on: the attempt only waits for the network until it ends."""
        self._slot.release()

    async def report_within(self, connection: AsyncConnection, progress: Progress) -> None:
        """Write progress as part of a transaction, so that the transaction commits only if the attempt is still valid.

        Raises:
            AttemptLostError: as ``report`` does; the transaction must then roll back.
        """
        self._check_status(await self._progress.write_within(connection, self._place(progress)))

    async def take_reports(self) -> Sequence[Progress]:
        """The reports that were not written, for the statement that ends the attempt."""
        return await self._progress.take()

    async def write_reports(self, connection: AsyncConnection) -> None:
        """Write the reports that were not written, before a statement that ends the attempt without them."""
        await self._progress.write_at_end(connection)

    async def read_status(self) -> AttemptStatus:
        """The status of the attempt, read from the ledger unless the attempt is known to be lost."""
        if self.attempt_status is not AttemptStatus.CONTINUE:
            return self.attempt_status
        return await self._read_status()

    async def find_end(self) -> Task | None:
        """The task, if the attempt has ended by a statement whose answer was lost, so that its end is published."""
        try:
            async with self._database.statement() as connection:
                found = await get_task(connection, self.task.id)
        except DatabaseUnavailableError:
            return None  # the sweep updates the parent
        return found if found and found.epoch == self.task.epoch and found.state not in RUNNING else None

    async def watch(self) -> None:
        """Check, now and then twice a second, until the attempt is lost; the reason is then in ``attempt_status``.

        While the database is unavailable, the attempt continues for as long as the lease is valid.
        """
        while self.attempt_status is AttemptStatus.CONTINUE:
            if (attempt_status := self._slot.attempt_status) is not AttemptStatus.CONTINUE:
                self.attempt_status = attempt_status
                return
            try:
                self.attempt_status = await self._progress.write() or await self._read_status()
            except DatabaseUnavailableError:
                log.warning("attempt_status_unavailable")
            if self.attempt_status is AttemptStatus.CONTINUE:
                await asyncio.sleep(WATCH_SECONDS)

    async def _read_status(self) -> AttemptStatus:
        async with self._database.statement() as connection:
            return await watch(connection, self.task.attempt_token)

    def _place(self, progress: Progress) -> Progress:
        if self._stage is None:
            return progress
        stage, start = self._stage
        return replace(progress, stage=stage, current=start + (99 - start) * progress.current // 100)

    def _check_status(self, attempt_status: AttemptStatus) -> None:
        if attempt_status is not AttemptStatus.CONTINUE:
            self.attempt_status = attempt_status
            raise AttemptLostError(attempt_status)


AttemptFunction = Callable[[RunningAttempt], Awaitable[Outcome]]
