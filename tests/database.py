"""Statements on a database for tests that are not asynchronous: those that drive programs of their own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def hold(url: str, statement: str) -> Iterator[None]:
    """Within the block, a session keeps the locks that the statement takes."""
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(url))
        try:
            transaction = connection.transaction()
            runner.run(transaction.start())
            runner.run(connection.execute(statement))
            yield
            runner.run(transaction.rollback())  # answered, so the locks are released
        finally:
            runner.run(connection.close())
