"""The database that the settings name: prepare it, and check its schema."""

from app.db.engine import Database, create_engine
from app.db.requirements import check_connection, check_sessions, explained
from app.db.schema import check_revision, find_differences, head, migrate
from app.domain.errors import DatabaseUnavailableError, StartupError
from app.settings import Settings


async def prepare_database(settings: Settings, *, create: bool = True) -> None:
    """Migrate the database to this version's schema.

    Raises:
        StartupError: when the database is unreachable, refuses the connection or a migration, lacks pgvector, is at an
            unknown revision, or is behind a pooler that shares sessions; or, unless ``create``, has no schema yet.
    """
    engine = create_engine(get_database_url(settings), pool_size=2, register_types=False)
    try:
        await check_connection(engine)
        with explained():
            await migrate(engine, create=create)
    finally:
        await engine.dispose()


async def check_database(settings: Settings) -> None:
    """Check the connection, the server and the schema.

    Raises:
        StartupError: says what is missing and what to do.
    """
    engine = create_engine(get_database_url(settings), pool_size=2, register_types=False)
    try:
        await check_connection(engine)
    finally:
        await engine.dispose()
    await check_schema(settings)


async def check_schema(settings: Settings) -> None:
    """Check that sessions are not shared and that the schema is this version's, unless the database is unavailable.

    Raises:
        StartupError: says what differs and what to run.
    """
    database = Database(create_engine(get_database_url(settings), pool_size=2, register_types=False))
    try:
        with explained():
            await check_sessions(database)
        async with database.statement() as connection:
            revision = await connection.run_sync(check_revision)
        if revision != head():
            reason = f"has the schema {revision}; this version needs {head()}" if revision else "has no schema yet"
            raise StartupError(f"The database {reason}. Run ./sluice migrate, or start the API, which does the same.")
    except DatabaseUnavailableError:
        return  # ``check_index`` reports it
    finally:
        await database.close()


async def find_schema_differences(settings: Settings) -> list[str]:
    """The differences between the database's schema and this version's; empty when they agree."""
    engine = create_engine(get_database_url(settings), pool_size=1, register_types=False)
    try:
        return await find_differences(engine)
    finally:
        await engine.dispose()


def get_database_url(settings: Settings) -> str:
    """The database's URL.

    Raises:
        StartupError: when it is not set.
    """
    if settings.database_url is None:
        raise StartupError("DATABASE_URL is not set and no embedded Postgres runs. Start one with `make up`.")
    return settings.database_url
