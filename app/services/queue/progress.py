"""The progress of an attempt: which of its reports are written, and when."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.domain.tasks import Progress, Task
from app.ledger.report import AttemptStatus, report
from app.services.queue.after_commit import AfterCommit

_KEPT_SECONDS = 0.5
_ASK_SECONDS = 0.02
_WATCHED_SECONDS = 2.0


class ProgressWriter:
    """Writes the reports of an attempt to the ledger, then to Celery's result backend.

    A report that no client watches is kept until half a second has passed since the last write. The next write adds the
    stages of all kept reports, with the times at which they began. So a task that takes a few milliseconds passes its
    stages without a statement: ``take`` gives them to the statement that ends it.
    """

    def __init__(self, task: Task, database: Database, after_commit: AfterCommit) -> None:
        self._task = task
        self._database = database
        self._after_commit = after_commit
        self._kept: list[Progress] = []
        self._latest: Progress | None = None
        # At most the row's version, which other statements raise too, such as that of a cancel.
        self._version = task.version
        self._written_at = time.monotonic()
        self._watched_until = 0.0
        self._asks_at = 0.0
        self._lock = asyncio.Lock()
        self._writing: set[asyncio.Task[AttemptStatus | None]] = set()
        self._is_closed = False

    @property
    def has_kept(self) -> bool:
        """Whether reports are kept."""
        return bool(self._kept)

    async def add(self, progress: Progress) -> AttemptStatus | None:
        """Write a report or keep it; returns what ``write`` does."""
        self._keep(progress)
        now = progress.reported_at
        if now >= self._watched_until and now >= self._asks_at:
            self._asks_at = now + _ASK_SECONDS
            self._after_commit.ask_for_watchers(self._task.id, self._note_watcher)
        if now < self._watched_until or now - self._written_at >= _KEPT_SECONDS:
            return await self.write()
        return None

    async def write(self) -> AttemptStatus | None:
        """Write what is kept, and return whether the attempt continues; None if nothing is kept.

        A cancelled caller does not interrupt the statement: it would be unknown whether the reports are written.
        """
        return await asyncio.shield(self._start()) if self._kept else None

    async def write_within(self, connection: AsyncConnection, progress: Progress) -> AttemptStatus:
        """Write a report as part of a transaction that has not changed the task yet.

        What is kept is written before, by itself: a transaction that is rolled back would lose it.
        """
        await self.write()
        async with self._lock:
            status = await report(connection, self._task.attempt_token, progress)
            self._written_at = time.monotonic()
            return status

    async def take(self) -> Sequence[Progress]:
        """What the statement that ends the attempt has to write. From here on, nothing else writes it."""
        self._is_closed = True
        async with self._lock:
            return tuple(self._kept)

    async def write_at_end(self, connection: AsyncConnection) -> None:
        """Write what is kept before the statement that ends the attempt, on the same connection."""
        if kept := await self.take():
            await report(connection, self._task.attempt_token, kept[-1], kept[:-1])
            self._kept.clear()

    def publish_again(self) -> None:
        """Wake the clients that follow the task: something other than its progress has changed."""
        if self._latest:
            self._after_commit.publish_progress(self._task, self._latest, self._version)

    def _keep(self, progress: Progress) -> None:
        """Keep a report: of each stage the first, which enters it, and the latest."""
        kept = self._kept
        if kept and progress.chunk_count is None:
            progress = replace(progress, chunk_count=kept[-1].chunk_count)
        if len(kept) > 1 and kept[-2].stage == kept[-1].stage == progress.stage:
            kept.pop()
        kept.append(progress)

    def _note_watcher(self) -> None:
        """A client watches the task: write what is kept now, and further reports at once."""
        self._watched_until = time.monotonic() + _WATCHED_SECONDS
        if self._kept and not self._is_closed:
            self._start()

    def _start(self) -> asyncio.Task[AttemptStatus | None]:
        writing = asyncio.create_task(self._write())
        self._writing.add(writing)
        writing.add_done_callback(self._end)
        return writing

    def _end(self, writing: asyncio.Task[AttemptStatus | None]) -> None:
        self._writing.discard(writing)
        if not writing.cancelled():
            writing.exception()  # the caller, if there is one, receives it

    async def _write(self) -> AttemptStatus | None:
        async with self._lock:
            kept, self._kept = self._kept, []
            if not kept or self._is_closed:
                self._kept = kept
                return None
            try:
                async with self._database.statement() as connection:
                    status = await report(connection, self._task.attempt_token, kept[-1], kept[:-1])
            except BaseException:
                self._kept = [*kept, *self._kept]
                raise
        self._written_at = time.monotonic()
        if status is AttemptStatus.CONTINUE:
            self._version += len(kept)
            self._latest = kept[-1]
            self._after_commit.publish_progress(self._task, kept[-1], self._version)
        return status
