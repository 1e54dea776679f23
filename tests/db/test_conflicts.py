"""Conflicting transactions are repeated; a full disk and other limits of the server have errors of their own."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.engine import Database, repeats_on_conflict
from app.domain.errors import (
    DatabaseFullError,
    DatabaseUnavailableError,
    SluiceError,
    TransactionConflictError,
    UnstorableValueError,
)


async def fail(connection: AsyncConnection, sqlstate: str) -> None:
    """Let the server refuse a statement with this SQLSTATE."""
    await connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{sqlstate}'; END $$"))


@pytest.mark.parametrize(
    ("sqlstate", "kind", "status"),
    [
        ("53100", DatabaseFullError, 507),
        ("53200", DatabaseUnavailableError, 503),
        ("53300", DatabaseUnavailableError, 503),
        ("40001", TransactionConflictError, 503),
        ("40P01", TransactionConflictError, 503),
        ("55P03", TransactionConflictError, 503),
        ("22001", UnstorableValueError, 422),
    ],
)
async def test_what_the_server_refuses_has_an_error_with_a_status(
    engine: AsyncEngine, sqlstate: str, kind: type[SluiceError], status: int
) -> None:
    for connect in (Database(engine).transaction, Database(engine).statement):
        with pytest.raises(kind) as caught:
            async with connect() as connection:
                await fail(connection, sqlstate)
        assert (type(caught.value), caught.value.status) == (kind, status)


async def test_both_transactions_of_a_deadlock_commit(engine: AsyncEngine) -> None:
    database, barrier = Database(engine), asyncio.Barrier(2)
    calls: list[str] = []

    @repeats_on_conflict
    async def lock(first: str, second: str) -> None:
        calls.append(first)
        async with database.transaction() as connection:
            statement = text("UPDATE queues SET waiting = waiting + 1 WHERE name = :name")
            await connection.execute(statement, {"name": first})
            if len(calls) <= 2:
                await barrier.wait()
            await connection.execute(statement, {"name": second})

    await asyncio.gather(lock("high_priority", "low_priority"), lock("low_priority", "high_priority"))
    assert len(calls) == 3
    async with database.statement() as connection:
        rows = await connection.execute(
            text("SELECT waiting FROM queues WHERE name IN ('high_priority','low_priority')")
        )
        assert list(rows.scalars()) == [2, 2]


async def test_a_conflict_that_does_not_end_is_an_error_after_six_calls(engine: AsyncEngine) -> None:
    calls = 0

    @repeats_on_conflict
    async def conflict() -> None:
        nonlocal calls
        calls += 1
        async with Database(engine).transaction() as connection:
            await fail(connection, "40001")

    with pytest.raises(TransactionConflictError):
        await conflict()
    assert calls == 6
