"""The database that the settings name: prepare it, and check its schema."""

from app.db.engine import Database, create_engine
from app.db.schema import check_revision, find_differences, migrate
from app.domain.errors import DatabaseUnavailableError, StartupError
from app.settings import Settings


async def prepare_database(settings: Settings) -> None:
    """Migrate the database to this version's schema.

    Raises:
        StartupError: when the database is unreachable, refuses the connection, or is at an unknown revision.
    """
    engine = create_engine(get_database_url(settings), pool_size=1, register_types=False)
    try:
        await _check_connection(Database(engine))
        await migrate(engine)
    finally:
        await engine.dispose()


async def check_schema(settings: Settings) -> None:
    """Check that this version contains the database's revision, unless the database is unavailable.

    Raises:
        StartupError: when it does not.
    """
    database = Database(create_engine(get_database_url(settings), pool_size=1, register_types=False))
    try:
        async with database.statement() as connection:
            await connection.run_sync(check_revision)
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


async def _check_connection(database: Database) -> None:
    """Connect once, so that a failure is reported in one line.

    Raises:
        StartupError: with the reason.
    """
    try:
        async with database.statement():
            return
    except DatabaseUnavailableError as error:
        reason: BaseException = error.__cause__ or error
    except Exception as error:  # noqa: BLE001 - for example a wrong password, database name or certificate
        reason = error
    detail = (str(reason) or type(reason).__name__).splitlines()[0]
    raise StartupError(f"The database of DATABASE_URL cannot be reached: {detail}") from reason
