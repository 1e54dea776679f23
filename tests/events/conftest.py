from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database, create_engine
from tests.events.outbox import ORGANIZATION, Outbox


@pytest.fixture(scope="module")
def database_url(make_database: Callable[[], AbstractContextManager[tuple[str, str]]]) -> Iterator[str]:
    """A database that a module's tests share."""
    with make_database() as (url, _):
        yield url


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a database without events, whose organization has events on."""
    engine = create_engine(database_url, pool_size=16)
    async with engine.begin() as connection:
        await connection.execute(text("TRUNCATE events, event_feeds, tasks, documents, agents, providers CASCADE"))
        await connection.execute(text(f"DELETE FROM organizations WHERE id <> {ORGANIZATION}"))
        await connection.execute(text("UPDATE organizations SET events_until = 'infinity'"))
    yield engine
    await engine.dispose()


@pytest.fixture
def database(engine: AsyncEngine) -> Database:
    """That database."""
    return Database(engine)


@pytest.fixture
def outbox(database: Database, database_url: str) -> Outbox:
    """The events of that database."""
    return Outbox(database, database_url)
