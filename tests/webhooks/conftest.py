from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import create_engine
from app.settings import Settings
from tests.webhooks.world import World


@pytest.fixture
async def engine(settings: Settings) -> AsyncIterator[AsyncEngine]:
    """An engine on a fresh database."""
    assert settings.database_url
    engine = create_engine(settings.database_url, pool_size=10)
    yield engine
    await engine.dispose()


@pytest.fixture
async def world(engine: AsyncEngine) -> AsyncIterator[World]:
    """The services of webhooks, which may send to 127.0.0.1."""
    world = await World(engine).open()
    yield world
    await world.admission.settle()
