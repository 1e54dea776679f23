from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import text

from app.db.engine import Database, create_engine


@pytest.fixture(scope="module")
def database_url(make_database: Callable[[], AbstractContextManager[tuple[str, str]]]) -> Iterator[str]:
    """A database that a module's tests share."""
    with make_database() as (url, _):
        yield url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database without usage, tasks or schedules."""
    database = Database(create_engine(database_url, pool_size=6))
    async with database.transaction() as connection:
        await connection.execute(
            text("TRUNCATE usage_records, usage_hours, usage_days, scheduled_tasks, tasks CASCADE")
        )
        await connection.execute(text("DELETE FROM chores WHERE name LIKE 'schedule:%'"))
    yield database
    await database.close()
