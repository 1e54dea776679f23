"""Queries on the database, each on a new connection because the server may be killed at any time."""

import asyncio
from typing import Any

import asyncpg

_AWAY = (OSError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError, asyncpg.OperatorInterventionError)


class Ledger:
    """Runs queries on the database at ``url``; safe to use from any thread."""

    def __init__(self, url: str) -> None:
        self._url = url

    def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """The rows of a query.

        Raises:
            OSError, asyncpg.PostgresError: the database is unavailable, or the query is wrong.
        """
        # Called from threads, which have no event loop.
        return asyncio.run(self._fetch(query, arguments))

    def look(self, query: str, *arguments: Any) -> list[asyncpg.Record] | None:
        """The rows of a query; None while the database is unavailable."""
        try:
            return self.fetch(query, *arguments)
        except _AWAY:
            return None

    def execute(self, script: str) -> None:
        """Run statements that return no rows."""
        asyncio.run(self._execute(script))

    async def _fetch(self, query: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self._url, timeout=5, command_timeout=60)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close(timeout=5)

    async def _execute(self, script: str) -> None:
        connection = await asyncpg.connect(self._url, timeout=5, command_timeout=60)
        try:
            await connection.execute(script)
        finally:
            await connection.close(timeout=5)
