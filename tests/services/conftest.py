from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database, create_engine
from app.services.providers.calls import ProviderCalls
from app.services.providers.embedding import Embedding
from tests.adapters.openai_fixtures import served, server
from tests.services.outside import CLAIM_SECONDS, PACE, NoLimits

__all__ = ["served", "server"]


@pytest.fixture(scope="module")
def database_url(make_database: Callable[[], AbstractContextManager[tuple[str, str]]]) -> Iterator[str]:
    """A database that a module's tests share."""
    with make_database() as (url, _):
        yield url


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a database without provider states or stored vectors."""
    engine = create_engine(database_url, pool_size=8)
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE providers, embedded_texts, provider_usage"))
    yield engine
    await engine.dispose()


@pytest.fixture
def database(engine: AsyncEngine) -> Database:
    """A database without provider states or stored vectors."""
    return Database(engine)


@pytest.fixture
def providers(database: Database) -> ProviderCalls:
    """Calls whose times the test moves."""
    return ProviderCalls(database, NoLimits(), policy=PACE, probe_seconds=CLAIM_SECONDS)


@pytest.fixture
def others(database: Database) -> ProviderCalls:
    """The same, as in another process."""
    return ProviderCalls(database, NoLimits(), policy=PACE, probe_seconds=CLAIM_SECONDS)


@pytest.fixture
def embedding(database: Database) -> Embedding:
    """An embedding service whose claims the test moves."""
    return Embedding(database, ProviderCalls(database, NoLimits()), claim_seconds=CLAIM_SECONDS)


@pytest.fixture
def other(database: Database) -> Embedding:
    """The same, as in another process."""
    return Embedding(database, ProviderCalls(database, NoLimits()), claim_seconds=CLAIM_SECONDS)
