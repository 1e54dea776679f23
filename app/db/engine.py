"""The connection pool to Postgres, and the two ways to use it."""

import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from app.db import codecs
from app.domain.errors import DatabaseUnavailableError, UnstorableValueError

_IDLE_SECONDS = 30.0
# A process that is frozen, or a host that is cut off, in the middle of a transaction holds its locks: the server ends
# the session, so that the others wait for seconds at most, and the late one finds its transaction gone.
_SERVER_SETTINGS = {"idle_in_transaction_session_timeout": "5s", "statement_timeout": "30s"}
# Postgres 17 and later know one that also covers a client which freezes in the middle of a statement's messages.
_LIMIT_TRANSACTIONS = "SELECT set_config(name, '30s', false) FROM pg_settings WHERE name = 'transaction_timeout'"


def create_engine(database_url: str, *, pool_size: int, register_types: bool = True) -> AsyncEngine:
    """An async engine on asyncpg for a ``postgresql://`` URL.

    A connection that the database has closed is replaced before use, so that a restarted
    database is met with a new connection rather than an error. Make it in the process and on
    the loop that use it.

    Args:
        database_url: Where the database is.
        pool_size: Connections at most; who needs one more waits up to ten seconds.
        register_types: Teach connections the binary forms of ``halfvec`` and ``tsvector``, and bound how long
            they may hold the others up. Only migrations go without: the types exist once those have run, and they
            may take their time.
    """
    engine = create_async_engine(
        make_url(database_url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_use_lifo=True,  # the connection used last has its statements planned
        connect_args={"timeout": 5, "server_settings": _SERVER_SETTINGS if register_types else {}},
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    event.listen(engine.sync_engine, "checkin", _note_idle)
    if register_types:

        @event.listens_for(engine.sync_engine, "connect")
        def _register(dbapi_connection: Any, _record: object) -> None:
            dbapi_connection.run_async(_prepare)

    return engine


# For searches through an HNSW index: how many candidates it looks at, and that it goes on until enough fit (ADR 5).
_TUNE_HNSW = (
    "SELECT set_config('hnsw.ef_search', '400', false), set_config('hnsw.iterative_scan', 'strict_order', false)"
)


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.execute(_LIMIT_TRANSACTIONS)
    await connection.execute(_TUNE_HNSW)
    await codecs.register(connection)


def _refuse_closed(dbapi_connection: Any, record: Any, _proxy: object) -> None:
    """Have the pool replace a connection that has ended.

    The loop sees the server close a connection, so no round trip is spent on asking. One that
    was idle for long might have ended unseen, on a network path that forgot it: it is asked.

    Raises:
        InvalidatePoolError: tells the pool to connect anew.
    """
    if dbapi_connection.driver_connection.is_closed():
        raise InvalidatePoolError
    if time.monotonic() - record.info.get("idle_since", math.inf) > _IDLE_SECONDS:
        try:
            dbapi_connection.ping()
        except Exception as error:
            raise InvalidatePoolError from error


def _note_idle(_dbapi_connection: Any, record: Any) -> None:
    record.info["idle_since"] = time.monotonic()


_TRANSACTION_TIMEOUT = "25P04"
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
)


def _is_unstorable(error: BaseException) -> bool:
    """Whether the statement was fine but a value in it was not: refused by the server, or by asyncpg before sending."""
    return isinstance(error, DBAPIError) and isinstance(
        getattr(error.orig, "__cause__", None), (asyncpg.DataError, ValueError)
    )


def _is_outage(error: BaseException) -> bool:
    """Whether the database cannot be reached now, so that the same statement may succeed later."""
    if isinstance(error, DBAPIError):
        if getattr(error.orig, "sqlstate", None) == _TRANSACTION_TIMEOUT:
            return False  # it would take as long the next time
        return error.connection_invalidated or isinstance(getattr(error.orig, "__cause__", None), _AWAY)
    return isinstance(error, (*_AWAY, PoolTimeoutError, OSError))


@contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if _is_unstorable(error):
            raise UnstorableValueError from error
        if _is_outage(error):
            raise DatabaseUnavailableError(retry_after=1) from error
        raise


class Database:
    """One pool, two ways in: a transaction, or single statements that commit by themselves.

    Both raise ``DatabaseUnavailableError`` when the database cannot be reached, at any point of the block,
    and ``UnstorableValueError`` when it refuses a value.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._autocommit = engine.execution_options(isolation_level="AUTOCOMMIT")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A connection in a transaction that commits at the end of the block and rolls back on an error."""
        with _failures_named():
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[AsyncConnection]:
        """A connection on which every statement is its own transaction: no round trips for BEGIN and COMMIT."""
        with _failures_named():
            async with self._autocommit.connect() as connection:
                yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()
