"""What Sluice needs of a Postgres server: its version, two extensions, and sessions that stay with their connection."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.engine import Database
from app.domain.errors import DatabaseUnavailableError, StartupError

_OLDEST = 15
_PGVECTOR = (0, 8)
_GUIDE = "See docs/postgres.md."
_POOLED = (
    "DATABASE_URL leads to a connection pooler that shares sessions between clients, such as PgBouncer with "
    "pool_mode=transaction. Sluice needs a session for each connection: name Postgres's own address and port, or use "
    f"pool_mode=session. {_GUIDE}"
)
# A prepared statement of another session, one that this session lacks, and a parameter that a pooler does not pass on.
_OF_POOLERS = {"42P05", "26000", "08P01"}
_INSUFFICIENT_PRIVILEGE = "42501"
_POOLER_SECONDS = 10.0

_BACKEND = text("SELECT pg_backend_pid()")
_EXTENSIONS = text("""
    SELECT current_setting('server_version_num')::int / 10000 AS server, wanted.name, available.default_version,
        coalesce(available.installed_version, available.default_version) AS version, available.installed_version
    FROM (VALUES ('vector'), ('btree_gin')) AS wanted (name)
    LEFT JOIN pg_available_extensions AS available USING (name)
    ORDER BY wanted.name DESC
""")


async def check_connection(engine: AsyncEngine) -> None:
    """Connect, and check what Sluice needs of the server.

    Args:
        engine: Its pool has at least two connections.

    Raises:
        StartupError: the database is unreachable, refuses the connection or lacks something; says what to do.
    """
    try:
        with explained():
            database = Database(engine)
            await check_sessions(database)
            async with database.statement() as connection:
                await _check_server(connection)
    except StartupError:
        raise
    except DatabaseUnavailableError as error:
        reason: BaseException = error.__cause__ or error
    except Exception as error:  # noqa: BLE001 - for example a wrong password, database name or certificate
        reason = error
    else:
        return
    detail = (str(reason) or type(reason).__name__).splitlines()[0]
    raise StartupError(f"The database of DATABASE_URL cannot be reached: {detail}") from reason


@contextmanager
def explained() -> Iterator[None]:
    """Within the block, an error whose cause the operator can remove becomes a ``StartupError`` that says how."""
    try:
        yield
    except Exception as error:
        if explanation := _explain(error):
            raise explanation from error
        raise


async def check_sessions(database: Database) -> None:
    """Check that no pooler shares one session of the server between several connections.

    The server's process id that a direct connection received at its start is the one that its statements report. A
    pooler sends another one. It shares sessions if two connections report the same process.

    Args:
        database: Its pool has at least two connections.

    Raises:
        StartupError: a pooler shares sessions.
    """
    async with asyncio.timeout(_POOLER_SECONDS), database.statement() as first:
        process = await first.scalar(_BACKEND)
        driver = (await first.get_raw_connection()).driver_connection
        if driver is None or process == driver.get_server_pid():
            return
        # No transaction is open, so a pooler may have given the session to another client.
        async with database.transaction() as second:
            if await second.scalar(_BACKEND) == process or await first.scalar(_BACKEND) != process:
                raise StartupError(_POOLED)


async def _check_server(connection: AsyncConnection) -> None:
    """Check the server's version, and that it has the extensions. They need not be created yet.

    Raises:
        StartupError: names what is missing and how to get it.
    """
    for row in (await connection.execute(_EXTENSIONS)).all():
        if row.server < _OLDEST:
            raise StartupError(f"Postgres {row.server} is too old: Sluice needs {_OLDEST} or later. {_GUIDE}")
        if row.default_version is None and row.installed_version is None:
            package = f"postgresql-{row.server}-pgvector" if row.name == "vector" else "postgresql-contrib"
            name = "pgvector (the extension vector)" if row.name == "vector" else f"the extension {row.name}"
            raise StartupError(
                f"The Postgres server of DATABASE_URL lacks {name}. Install it there, on Debian and Ubuntu with "
                f"`apt install {package}`, or use an image or service that has it. {_GUIDE}"
            )
        if row.name == "vector" and _parse(row.version) < _PGVECTOR:
            raise StartupError(
                f"pgvector {row.version} is too old: Sluice needs 0.8 or later. Update its package on the server, then "
                f"run in the database, as a superuser: ALTER EXTENSION vector UPDATE; {_GUIDE}"
            )


def _parse(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def _explain(error: BaseException) -> StartupError | None:
    """The reason why a statement or a connection failed, if it is one that the operator can remove."""
    for cause in _list_causes(error):
        state = getattr(cause, "sqlstate", None)
        if state in _OF_POOLERS:
            return StartupError(_POOLED)
        reason = str(cause).splitlines()[0] if str(cause) else ""
        if "extension" in reason and state is not None:
            return StartupError(
                f"The database refuses an extension: {reason}. As a superuser, or as the administrator of a managed "
                "service, run in this database: CREATE EXTENSION IF NOT EXISTS vector; CREATE EXTENSION IF NOT EXISTS "
                f"btree_gin; then run ./sluice migrate. {_GUIDE}"
            )
        if state == _INSUFFICIENT_PRIVILEGE:
            return StartupError(
                f"The role of DATABASE_URL lacks a privilege: {reason}. It must own the tables and may create more: "
                f"GRANT USAGE, CREATE ON SCHEMA public TO the role. {_GUIDE}"
            )
    return None


def _list_causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, the driver's error that it wraps, and so on."""
    while error is not None:
        yield error
        error = getattr(error, "orig", None) or error.__cause__
