"""A connection blocks others for seconds at most, and its end counts as an outage."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database
from app.domain.errors import DatabaseUnavailableError
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
