from collections.abc import AsyncIterator

import pytest

from app.db.engine import Database, create_engine
from app.settings import Settings


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[Database]:
    """A fresh database."""
    database = Database(create_engine(settings.database_url or "", pool_size=8))
    yield database
    await database.close()
