"""The connection pool to PostgreSQL, and the ways to use it."""

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import asyncpg
from sqlalchemy import event
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from app.db import codecs
from app.db.nested_json import load_json
from app.db.statements import Statement
from app.domain.errors import (
    DatabaseFullError,
    DatabaseUnavailableError,
    TransactionConflictError,
    UnstorableValueError,
)

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_IDLE_SECONDS = 30.0
# A process that freezes, or loses its network, in the middle of a transaction keeps its locks. The server ends its
# session, so that other processes wait for seconds at most, and its transaction is rolled back. PostgreSQL 17 and later
# have a limit that also covers a client which freezes in the middle of a statement's messages. The limits are set by a
# statement and not as parameters of the connection, which poolers such as PgBouncer refuse.
_SET_LIMITS = """
    SELECT set_config(name, setting, false) FROM (VALUES
        ('idle_in_transaction_session_timeout', '5s'), ('statement_timeout', '30s'), ('transaction_timeout', '30s')
    ) AS wanted (name, setting)
    WHERE name IN (SELECT name FROM pg_settings)
"""


def create_engine(database_url: str, *, pool_size: int, register_types: bool = True) -> AsyncEngine:
    """An async engine on asyncpg for a ``postgresql://`` URL.

    A connection that the database has closed is replaced before use, so that a restart of the database causes no
    error. Create the engine in the process and on the event loop that use it.

    Args:
        database_url: The address of the database.
        pool_size: The maximum number of connections; a caller that needs one more waits up to ten seconds.
        register_types: Register the binary codecs of ``halfvec`` and ``tsvector`` and set the time limits. False for
            migrations only: the types exist after those have run, and a migration may take long.
    """
    engine = create_async_engine(
        make_url(database_url).set(drivername="postgresql+asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        json_deserializer=load_json,
        pool_use_lifo=True,  # the connection used last has its statements planned
        connect_args={"timeout": 5},
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    event.listen(engine.sync_engine, "checkin", _note_idle)
    if register_types:

        @event.listens_for(engine.sync_engine, "connect")
        def _register(dbapi_connection: Any, _record: object) -> None:
            dbapi_connection.run_async(_prepare)

    return engine


# For searches through an HNSW index: the number of candidates, and to continue until enough rows match (ADR 5).
_TUNE_HNSW = (
    "SELECT set_config('hnsw.ef_search', '200', false), set_config('hnsw.iterative_scan', 'strict_order', false)"
)


async def _prepare(connection: asyncpg.Connection) -> None:
    await connection.execute(_SET_LIMITS)
    await connection.execute(_TUNE_HNSW)
    await codecs.register(connection)


def _refuse_closed(dbapi_connection: Any, record: Any, _proxy: object) -> None:
    """Have the pool replace a connection that is closed.

    The event loop notices when the server closes a connection, which needs no round trip. A connection that was idle
    for long may have been dropped on the network without notice: it is pinged.

    Raises:
        InvalidatePoolError: makes the pool open a new connection.
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
_OUTAGES = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InsufficientResourcesError,  # too many connections, or out of memory
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InterfaceError,
    # The server has ended the session with an error, and the connection is about to be closed: nothing was sent.
    asyncpg.InternalClientError,
)
# Two transactions were in each other's way, and this one was rolled back.
_CONFLICTS = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError)
# Indexes whose key a transaction first looks for and then inserts: another one may insert it in between.
_CONTESTED_INDEXES = {"documents_agent_id_content_key_key"}


def _find_cause(error: Exception) -> BaseException | None:
    """The driver's error.

    SQLAlchemy wraps it twice, and once where only its pool failed to connect, but not where the driver was called
    directly, as for a COPY.
    """
    if isinstance(error, DBAPIError):
        return getattr(error.orig, "__cause__", None)
    return error.__cause__ if isinstance(error, AsyncAdapt_asyncpg_dbapi.Error) else error


def _is_conflict(cause: BaseException | None) -> bool:
    if isinstance(cause, asyncpg.UniqueViolationError):
        return cause.constraint_name in _CONTESTED_INDEXES
    return isinstance(cause, _CONFLICTS)


def _is_unstorable(error: Exception) -> bool:
    """Return whether a value was refused, by the server or by asyncpg before sending, rather than the statement."""
    if isinstance(error, DBAPIError):
        return isinstance(_find_cause(error), (asyncpg.DataError, ValueError))
    return isinstance(error, asyncpg.DataError) or (
        isinstance(error, ValueError) and isinstance(error, asyncpg.InterfaceError)
    )


def _is_outage(error: Exception) -> bool:
    """Return whether the database is unavailable, so that the same statement may succeed later."""
    if isinstance(error, DBAPIError):
        if getattr(error.orig, "sqlstate", None) == _TRANSACTION_TIMEOUT:
            return False  # it would take as long the next time it is tried
        return error.connection_invalidated or isinstance(_find_cause(error), _OUTAGES)
    return isinstance(_find_cause(error), (*_OUTAGES, PoolTimeoutError, OSError))


@contextmanager
def _failures_named() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        cause = _find_cause(error)
        if isinstance(cause, asyncpg.DiskFullError):
            raise DatabaseFullError from error
        if _is_conflict(cause):
            raise TransactionConflictError(retry_after=1) from error
        if _is_unstorable(error):
            raise UnstorableValueError from error
        if _is_outage(error):
            raise DatabaseUnavailableError(retry_after=1) from error
        raise


_CONFLICT_ATTEMPTS = 6
_CONFLICT_SECONDS = 20.0
_CONFLICT_DELAY = 0.05


def repeats_on_conflict(
    method: Callable[Parameters, Awaitable[Result]],
) -> Callable[Parameters, Awaitable[Result]]:
    """Decorate a method that writes one transaction: call it again when another transaction was in the way.

    PostgreSQL has rolled back everything that the call wrote. The method must not have done anything else before its
    commit that may not be done twice. It is called up to six times within twenty seconds, after short random delays.

    Raises:
        TransactionConflictError: at the last call too, another transaction was in the way.
    """

    @wraps(method)
    async def call(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
        deadline = time.monotonic() + _CONFLICT_SECONDS
        for attempt in range(1, _CONFLICT_ATTEMPTS):
            try:
                return await method(*arguments, **named)
            except TransactionConflictError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(random.random() * _CONFLICT_DELAY * 2**attempt)  # noqa: S311 - spreads the attempts
        return await method(*arguments, **named)

    return call


class Database:
    """A connection pool with three ways to use it: a transaction, statements that each commit by themselves, or one.

    All raise ``DatabaseUnavailableError`` when the database is unavailable at any point of the block,
    ``DatabaseFullError`` when its disk is full, ``TransactionConflictError`` when another transaction was in the way
    (a deadlock, for instance), and ``UnstorableValueError`` when it refuses a value.
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
        """A connection on which every statement is its own transaction, without round trips for BEGIN and COMMIT."""
        with _failures_named():
            async with self._autocommit.connect() as connection:
                yield connection

    async def fetch(self, statement: Statement, parameters: Mapping[str, Any]) -> list[asyncpg.Record]:
        """Run one statement, which is its own transaction, and return its rows.

        Takes a third of the processor time of ``statement``, because SQLAlchemy takes no part except for its pool.
        """
        with _failures_named():
            connection = await self._engine.raw_connection()
            try:
                driver: Any = connection.driver_connection
                rows = list(await driver.fetch(statement.sql, *statement.order(parameters)))
            except BaseException as error:
                # After a cancel, the server may still be busy with the statement.
                if isinstance(error, (asyncio.CancelledError, asyncpg.InternalClientError)):
                    connection.invalidate()
                await greenlet_spawn(connection.close)
                raise
            connection.close()  # waits for nothing: SQLAlchemy has begun no transaction that it would roll back
            return rows

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()


Row = asyncpg.Record
"""A row that a ``Statement`` returns."""

Source = Database | AsyncConnection
"""Where a ``Statement`` runs: on a connection of its own, or on one that the caller has open."""


async def fetch(source: Source, statement: Statement, parameters: Mapping[str, Any]) -> list[asyncpg.Record]:
    """Run a statement that goes to the driver directly, and return its rows.

    On a ``Database``, it is its own transaction. On a connection, it belongs to the connection's transaction, together
    with the statements of SQLAlchemy before and after it.
    """
    if isinstance(source, Database):
        return await source.fetch(statement, parameters)
    adapted: Any = (await source.get_raw_connection()).dbapi_connection
    if adapted._transaction is None:  # noqa: SLF001 - SQLAlchemy sends BEGIN before its own first statement only
        await adapted._start_transaction()  # noqa: SLF001
    try:
        return list(await adapted.driver_connection.fetch(statement.sql, *statement.order(parameters)))
    except asyncio.CancelledError:
        await source.invalidate()  # the server may still be busy with the statement
        raise
