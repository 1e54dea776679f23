from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.engine import create_engine
from app.settings import Settings
from tests.db.library import Library


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """An engine on a fresh database."""
    assert settings.database_url
    engine = create_engine(settings.database_url, pool_size=4)
    yield engine
    await engine.dispose()


@pytest.fixture
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection whose transaction is rolled back after the test."""
    async with engine.connect() as connection:
        yield connection
        await connection.rollback()


@pytest.fixture
def library(engine: AsyncEngine) -> Library:
    """Agents and documents on a fresh database."""
    return Library(engine)
