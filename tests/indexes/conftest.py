from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from app.adapters.qdrant.store import QdrantStore
from app.db.engine import create_engine
from tests.adapters.qdrant_server import QdrantServer, run_qdrant
from tests.indexes.world import World


@pytest.fixture(scope="module")
def database_url(make_database: Callable[[], AbstractContextManager[tuple[str, str]]]) -> Iterator[str]:
    """A database that a module's tests share, one after the other."""
    with make_database() as (url, _):
        yield url


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """An installation whose API has not been started yet."""
    engine = create_engine(database_url, pool_size=10)
    world = await World(engine, tmp_path).open()
    yield world
    await world.close()
    await engine.dispose()


@pytest.fixture
def qdrant(world: World) -> Iterator[QdrantServer]:
    """A remote store that the installation may use."""
    with run_qdrant() as server:
        world.stores["qdrant"] = QdrantStore(url=server.url, api_key=server.api_key, collection="sluice", time_limit=10)
        yield server
