"""The events of a database, written and read by tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from asyncpg.transaction import Transaction
from sqlalchemy import RowMapping, text

from app.db.engine import Database
from app.db.events.sequence import give_positions
from app.domain.events import RecordedEvent
from app.ledger.upkeep import try_lock_chore

ORGANIZATION = 1
LIMIT = 1000


class Outbox:
    """Writes rows of ``events`` directly, in sessions whose end the test decides."""

    def __init__(self, database: Database, url: str) -> None:
        self._database = database
        self._url = url

    async def sql(self, statement: str, **parameters: Any) -> list[RowMapping]:
        """Run a statement, which commits by itself; returns its rows."""
        async with self._database.statement() as connection:
            result = await connection.execute(text(statement), parameters)
            return list(result.mappings()) if result.returns_rows else []

    async def sequence(self, limit: int = LIMIT) -> list[RecordedEvent]:
        """Give positions once."""
        async with self._database.transaction() as connection:
            if not await try_lock_chore(connection, "events"):
                return []
            return await give_positions(connection, limit)

    async def read(self) -> list[tuple[int, str]]:
        """The feed: positions and types."""
        rows = await self.sql(
            "SELECT position, type FROM events WHERE organization_id = :organization AND position IS NOT NULL"
            " ORDER BY position",
            organization=ORGANIZATION,
        )
        return [(row["position"], row["type"]) for row in rows]

    @asynccontextmanager
    async def writing(self, type: str) -> AsyncIterator[Transaction]:  # noqa: A002
        """Within the block, a session has written an event and has not committed. Ends as the test ends it."""
        connection = await asyncpg.connect(self._url)
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("INSERT INTO events (organization_id, type) VALUES ($1, $2)", ORGANIZATION, type)
        try:
            yield transaction
        finally:
            await connection.close()
