"""The database that the settings name."""

from app.db.engine import create_engine
from app.db.schema import find_differences, migrate
from app.domain.errors import StartupError
from app.settings import Settings


async def prepare_database(settings: Settings) -> None:
    """Bring the database up to this version's schema."""
    engine = create_engine(get_database_url(settings), pool_size=1, register_types=False)
    try:
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
