"""Statements on a database for tests that are not asynchronous: those that drive programs of their own."""

import asyncio
from typing import Any

import asyncpg


def fetch(url: str, query: str, *arguments: Any) -> list[asyncpg.Record]:
    """Run one statement on a new connection; returns its rows."""

    async def run() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(query, *arguments))
        finally:
            await connection.close()

    return asyncio.run(run())  # the caller has no event loop, and asyncpg is the only driver


def execute(url: str, *statements: str) -> None:
    """Run statements on a new connection, each in a transaction of its own."""

    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())  # as above
