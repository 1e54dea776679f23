"""A connection blocks others for seconds at most, and its end counts as an outage."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database
from app.db.statements import Statement
from app.domain.errors import DatabaseUnavailableError
from tests.database import execute
from tests.deadlines import deadline


async def test_the_server_ends_what_holds_others_up(engine: AsyncEngine) -> None:
    async with Database(engine).statement() as connection:
        assert await connection.scalar(text("SHOW idle_in_transaction_session_timeout")) == "5s"
        assert await connection.scalar(text("SHOW statement_timeout")) == "30s"
        assert await connection.scalar(text("SHOW transaction_timeout")) == "30s"


async def _idle_for_too_long(database: Database) -> None:
    """A transaction that stops sending, as a frozen process does, until the server ends its session."""
    async with database.transaction() as connection:
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
        driver = (await connection.get_raw_connection()).driver_connection
        assert isinstance(driver, asyncpg.Connection)
        ended = asyncio.Event()
        driver.add_termination_listener(lambda _: ended.set())
        await asyncio.wait_for(ended.wait(), deadline(10))
        await connection.execute(text("SELECT 1"))


async def test_a_transaction_idle_for_too_long_is_an_outage_and_the_next_one_works(engine: AsyncEngine) -> None:
    database = Database(engine)
    with pytest.raises(DatabaseUnavailableError):
        await _idle_for_too_long(database)
    async with database.transaction() as connection:
        assert await connection.scalar(text("SELECT 1")) == 1


@pytest.mark.parametrize("turns", range(5))
async def test_a_session_that_the_server_ends_is_an_outage_at_every_moment(engine: AsyncEngine, turns: int) -> None:
    """The error that ends the session arrives some turns of the loop before the connection is closed."""
    database, number = Database(engine), Statement("SELECT 1 AS number")
    async with database.statement() as connection:
        pid = await connection.scalar(text("SELECT pg_backend_pid()"))
    with ThreadPoolExecutor(1) as thread:
        url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        # The loop is blocked until the session has ended, so that it finds all of that at once.
        thread.submit(execute, url, f"SELECT pg_terminate_backend({pid}, 5000)").result()
    for _ in range(turns):
        await asyncio.sleep(0)
    with suppress(DatabaseUnavailableError):
        await database.fetch(number, {})
    [row] = await database.fetch(number, {})
    assert row["number"] == 1
