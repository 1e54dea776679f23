"""The audit log: who wrote what, when. It holds no content of documents and no secrets."""

from collections.abc import Sequence

from app.db.audit.entries import add_entries, list_entries
from app.db.engine import Database
from app.db.shared_statements import SharedStatement
from app.domain.audit import AuditEntry, AuditFilter, NewAuditEntry
from app.domain.records import Listing


class AuditLog:
    """Writes and lists the entries of the audit log."""

    def __init__(self, database: Database, *, records_addresses: bool) -> None:
        self._database = database
        self.records_addresses = records_addresses
        """Whether entries have the address of the client, which is personal data."""
        self._shared = SharedStatement(self._add)

    async def add(self, entry: NewAuditEntry) -> None:
        """Write an entry; on return it is committed. Entries that are added at the same time share a statement.

        Raises:
            DatabaseUnavailableError: it may not be written.
        """
        await self._shared.fetch(entry)

    async def list(self, wanted: AuditFilter, *, limit: int, after: int | None) -> Listing[AuditEntry]:
        """List entries, the newest first."""
        async with self._database.statement() as connection:
            return await list_entries(connection, wanted, limit=limit, after=after)

    async def _add(self, entries: Sequence[NewAuditEntry]) -> Sequence[None]:
        await add_entries(self._database, entries)
        return [None] * len(entries)
