"""The database that the settings name."""

from app.db.engine import Database, create_engine
from app.db.schema import find_differences, migrate
from app.domain.errors import DatabaseUnavailableError, StartupError
from app.settings import Settings


async def prepare_database(settings: Settings) -> None:
    """Bring the database up to this version's schema.

    Raises:
        StartupError: when it cannot be reached, or refuses.
    """
    engine = create_engine(get_database_url(settings), pool_size=1, register_types=False)
    try:
        await _meet(Database(engine))
        await migrate(engine)
    finally:
        await engine.dispose()


async def find_schema_differences(settings: Settings) -> list[str]:
    """How the database's schema differs from this version's; empty when they agree."""
    engine = create_engine(get_database_url(settings), pool_size=1, register_types=False)
    try:
        return await find_differences(engine)
    finally:
        await engine.dispose()


def get_database_url(settings: Settings) -> str:
    """Where the database is.

    Raises:
        StartupError: when nobody said.
    """
    if settings.database_url is None:
        raise StartupError("DATABASE_URL is not set and no embedded Postgres runs. Start one with `make up`.")
    return settings.database_url


async def _meet(database: Database) -> None:
    """Connect once, so that it is told in a line why that cannot be done."""
    try:
        async with database.statement():
            return
    except DatabaseUnavailableError as error:
        reason: BaseException = error.__cause__ or error
    except Exception as error:  # noqa: BLE001 - a password, a name or a certificate that the server does not take
        reason = error
    said = (str(reason) or type(reason).__name__).splitlines()[0]
    raise StartupError(f"The database of DATABASE_URL cannot be reached: {said}") from reason
