"""What Celery Beat needs: a connection to the database, and nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.bootstrap.database import get_database_url
from app.db.engine import Database, create_engine
from app.services.queue.schedules import Schedules
from app.settings import Settings


@asynccontextmanager
async def open_schedules(settings: Settings) -> AsyncIterator[Schedules]:
    """The schedules, with a connection that is closed at the end of the block.

    Raises:
        StartupError: when the settings name no database.
    """
    database = Database(create_engine(get_database_url(settings), pool_size=1))
    try:
        yield Schedules(database)
    finally:
        await database.close()
