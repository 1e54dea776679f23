"""A statement that goes to the driver directly keeps what other statements promise."""

import asyncio

import asyncpg
import pytest
from sqlalchemy import text

from app.db.engine import Database, create_engine, fetch
from app.db.statements import Statement, write_array
from app.domain.errors import DatabaseUnavailableError, UnstorableValueError
from app.settings import Settings
from tests.db.library import Library

_ADD = Statement("SELECT CAST(:first AS bigint) + CAST(:second AS integer), CAST(:first AS bigint)::text")
_ECHO = Statement("SELECT CAST(:text AS text)")
_ARRAY = Statement("SELECT CAST(CAST(:numbers AS text) AS bigint[])")
_SLEEP = Statement("SELECT pg_sleep(CAST(:seconds AS double precision))")
_NOTE = Statement("INSERT INTO notes VALUES (:note)")
_NOTES = Statement("SELECT note FROM notes")
_SESSION = Statement("SELECT pg_backend_pid()")
_END = Statement("""
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE pid = CAST(:session AS integer) AND state = 'active' AND query LIKE '%pg_sleep%'
""")


async def test_parameters_are_given_by_name_and_may_be_used_twice(library: Library) -> None:
    rows = await library.database.fetch(_ADD, {"second": 2, "first": 1})
    assert list(map(tuple, rows)) == [(3, "1")]


@pytest.mark.parametrize("numbers", [[], [1], [3, -1, 2**63 - 1]])
async def test_an_array_written_as_text_has_its_numbers(library: Library, numbers: list[int]) -> None:
    [row] = await library.database.fetch(_ARRAY, {"numbers": write_array(numbers)})
    assert list(row[0]) == numbers


@pytest.mark.parametrize("value", ["\ud800", "a\0b", 7])
async def test_a_value_that_cannot_be_stored_is_the_clients_error(library: Library, value: object) -> None:
    with pytest.raises(UnstorableValueError):
        await library.database.fetch(_ECHO, {"text": value})
    assert await library.database.fetch(_ECHO, {"text": "fine"})


async def test_a_session_that_the_server_ended_is_an_outage_and_the_next_statement_gets_another(
    settings: Settings, library: Library
) -> None:
    database = Database(create_engine(settings.database_url or "", pool_size=1))
    (session,) = (await database.fetch(_SESSION, {}))[0]
    waiting = asyncio.create_task(database.fetch(_SLEEP, {"seconds": 20}))
    while not await library.database.fetch(_END, {"session": session}):
        assert not waiting.done()
    with pytest.raises(DatabaseUnavailableError):
        await waiting
    assert (await database.fetch(_SESSION, {}))[0][0] != session
    await database.close()


async def test_a_cancelled_statement_gives_its_connection_to_no_other(settings: Settings) -> None:
    database = Database(create_engine(settings.database_url or "", pool_size=1))
    (session,) = (await database.fetch(_SESSION, {}))[0]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await database.fetch(_SLEEP, {"seconds": 20})
    assert (await database.fetch(_SESSION, {}))[0][0] != session
    await database.close()


@pytest.mark.parametrize("error", [asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError, OSError])
async def test_a_server_that_accepts_no_connection_is_an_outage(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    async def refuse(*_arguments: object, **_named: object) -> None:
        raise error("the database system is in recovery mode")

    monkeypatch.setattr(asyncpg, "connect", refuse)
    database = Database(create_engine(settings.database_url or "", pool_size=1))
    with pytest.raises(DatabaseUnavailableError):
        await database.fetch(_SESSION, {})
    await database.close()


async def test_a_statement_within_a_transaction_is_undone_with_it(library: Library) -> None:
    async with library.database.statement() as connection:
        await connection.execute(text("CREATE TABLE notes (note text)"))

    async def write_and_fail() -> None:
        async with library.database.transaction() as connection:
            await fetch(connection, _NOTE, {"note": "undone"})  # the first statement, before any of SQLAlchemy's
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await write_and_fail()
    async with library.database.transaction() as connection:
        await fetch(connection, _NOTE, {"note": "direct"})
        await connection.execute(text("INSERT INTO notes VALUES ('by SQLAlchemy')"))
    assert [row["note"] for row in await fetch(library.database, _NOTES, {})] == ["direct", "by SQLAlchemy"]


async def _sleep_in_transaction(database: Database) -> None:
    async with asyncio.timeout(0.1), database.transaction() as connection:
        await fetch(connection, _SLEEP, {"seconds": 20})


async def test_a_cancelled_statement_within_a_transaction_gives_its_connection_to_no_other(settings: Settings) -> None:
    database = Database(create_engine(settings.database_url or "", pool_size=1))
    (session,) = (await database.fetch(_SESSION, {}))[0]
    with pytest.raises(TimeoutError):
        await _sleep_in_transaction(database)
    assert (await database.fetch(_SESSION, {}))[0][0] != session
    await database.close()
