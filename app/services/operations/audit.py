"""The audit log: who wrote what, when. It holds no content of documents and no secrets."""

import asyncio
import time
from collections.abc import Sequence
from contextvars import Context

import structlog

from app.db.audit.entries import add_entries, list_entries
from app.db.engine import Database
from app.db.shared_statements import SharedStatement
from app.domain.audit import AuditEntry, AuditFilter, NewAuditEntry
from app.domain.errors import DatabaseUnavailableError
from app.domain.records import Listing

_BATCH_SECONDS = 0.5
_AT_ONCE = 500
_MOST_KEPT = 10_000

log = structlog.get_logger()


class AuditLog:
    """Writes and lists the entries of the audit log."""

    def __init__(self, database: Database, *, records_addresses: bool) -> None:
        self._database = database
        self.records_addresses = records_addresses
        """Whether entries have the address of the client, which is personal data."""
        self._shared = SharedStatement(self._add)
        self._kept: list[tuple[NewAuditEntry, float]] = []
        """Entries that wait for the next batch, each with its time of ``time.monotonic``."""
        self._writing = asyncio.Lock()
        self._writer: asyncio.Task[None] | None = None

    async def add(self, entry: NewAuditEntry) -> None:
        """Write an entry; on return it is committed. Entries that are added at the same time share a statement.

        Raises:
            DatabaseUnavailableError: it may not be written.
        """
        await self._shared.fetch(entry)

    async def add_soon(self, entry: NewAuditEntry) -> None:
        """Write an entry within a second, in a statement for all entries since the last one.

        The entries of that time are lost if the process is killed. While the database is unavailable, up to 10,000 wait
        for it; further ones are written at once.

        Raises:
            DatabaseUnavailableError: it may not be written, and too many wait already.
        """
        if len(self._kept) >= _MOST_KEPT:
            await self.add(entry)
            return
        self._kept.append((entry, time.monotonic()))
        if self._writer is None or self._writer.done():
            # In an empty context: its log lines do not belong to the request that started it.
            self._writer = asyncio.create_task(self._write_soon(), context=Context())

    async def list(self, wanted: AuditFilter, *, limit: int, after: int | None) -> Listing[AuditEntry]:
        """List entries, the newest first. Those that other processes still keep are missing for up to a second."""
        await self._write_kept()
        async with self._database.statement() as connection:
            return await list_entries(connection, wanted, limit=limit, after=after)

    async def close(self) -> None:
        """Write the entries that wait."""
        try:
            await self._write_kept()
        except DatabaseUnavailableError:
            log.error("audit_entries_lost", entries=len(self._kept))  # noqa: TRY400 - the error is that of the database
        if self._writer is not None:
            self._writer.cancel()

    async def _write_soon(self) -> None:
        while self._kept:
            await asyncio.sleep(_BATCH_SECONDS)
            try:
                await self._write_kept()
            except DatabaseUnavailableError:
                log.warning("audit_entries_wait", entries=len(self._kept))
            except Exception:
                log.exception("audit_entries_lost", entries=len(self._kept[:_AT_ONCE]))
                del self._kept[:_AT_ONCE]  # so that later ones are written

    async def _write_kept(self) -> None:
        async with self._writing:
            while self._kept:
                batch = self._kept[:_AT_ONCE]
                now = time.monotonic()
                await add_entries(self._database, [(entry, now - then) for entry, then in batch])
                del self._kept[: len(batch)]

    async def _add(self, entries: Sequence[NewAuditEntry]) -> Sequence[None]:
        await add_entries(self._database, [(entry, 0.0) for entry in entries])
        return [None] * len(entries)
