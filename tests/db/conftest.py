import os
from collections.abc import AsyncIterator, Iterator
from importlib import import_module
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.engine import create_engine
from app.db.schema import migrate


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Postgres server: ``DATABASE_URL``, or an embedded one."""
    if url := os.environ.get("DATABASE_URL"):
        yield url
        return
    engines = import_module("app.embedded").Engines(tmp_path_factory.mktemp("engines"))
    engines.start()
    try:
        yield engines.database_url
    finally:
        engines.stop()


@pytest.fixture(scope="session")
async def engine(server: str) -> AsyncIterator[AsyncEngine]:
    """An engine on a fresh database with the schema in it."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(server)
    await admin.execute(f"CREATE DATABASE {name}")
    path, _, query = server.partition("?")
    url = f"{path.rsplit('/', 1)[0]}/{name}?{query}"
    migration = create_engine(url, pool_size=1, register_types=False)
    await migrate(migration)
    await migration.dispose()
    engine = create_engine(url, pool_size=4)
    yield engine
    await engine.dispose()
    await admin.execute(f"DROP DATABASE {name}")
    await admin.close()


@pytest.fixture
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection whose transaction is rolled back after the test."""
    async with engine.connect() as connection:
        yield connection
        await connection.rollback()
