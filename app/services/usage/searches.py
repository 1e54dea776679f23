"""Searches: counted in this process, and recorded together every few seconds, so that no search waits for it."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextvars import Context
from uuid import UUID, uuid4

import structlog

from app.db.engine import Database
from app.db.usage.records import record_searches
from app.domain.errors import DatabaseUnavailableError
from app.domain.vectors import Account

_FLUSH_SECONDS = 5.0

log = structlog.get_logger()


class SearchCounts:
    """Counts the searches of a process. A process that is killed loses those of the last five seconds at most.

    While the database is unavailable, the counts stay here and are recorded later.
    """

    def __init__(self, database: Database, seconds: float = _FLUSH_SECONDS) -> None:
        self._database = database
        self._seconds = seconds
        self._counts: Counter[Account] = Counter()
        self._batch: tuple[UUID, Counter[Account]] | None = None
        self._timer: asyncio.Task[None] | None = None

    def count(self, accounts: Sequence[Account]) -> None:
        """Count a search of each of these agents."""
        self._counts.update(accounts)
        if self._timer is None:
            # In an empty context: its log lines do not belong to the request that searched first.
            self._timer = asyncio.create_task(self._flush_later(), context=Context())

    async def flush(self) -> None:
        """Record the counts so far.

        Raises:
            DatabaseUnavailableError: they are kept. A batch that may have been written keeps its id.
        """
        while self._batch or self._counts:
            if self._batch is None:
                self._batch, self._counts = (uuid4(), self._counts), Counter()
            async with self._database.statement() as connection:
                await record_searches(connection, *self._batch)
            self._batch = None

    async def close(self) -> None:
        """Record the counts before the process ends."""
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.gather(self._timer, return_exceptions=True)
        try:
            await self.flush()
        except DatabaseUnavailableError:
            lost = self._counts + (self._batch[1] if self._batch else Counter())
            log.warning("searches_not_recorded", searches=lost.total())

    async def _flush_later(self) -> None:
        """Wait, then record, until nothing is left."""
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.flush()
                self._timer = None
            except DatabaseUnavailableError:
                continue
            except Exception:
                log.exception("searches_not_recorded")
                continue
            return
