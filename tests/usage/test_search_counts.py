"""Searches are counted by process and recorded in batches."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.db.engine import Database
from app.db.usage.records import record_searches
from app.domain.errors import DatabaseUnavailableError
from app.domain.vectors import Account
from app.services.usage.searches import SearchCounts
from tests.deadlines import wait_until

OURS, OTHER, THEIRS = Account(1, 7), Account(1, 8), Account(2, 9)
_SEARCHES = text("SELECT organization_id, agent_id, kind, searches FROM usage_records ORDER BY id")


async def list_searches(database: Database) -> list[tuple[Any, ...]]:
    """The recorded searches."""
    async with database.statement() as connection:
        return [tuple(row) for row in await connection.execute(_SEARCHES)]


async def test_searches_of_some_seconds_are_one_record_for_each_agent(database: Database) -> None:
    counts = SearchCounts(database, seconds=60)
    for _ in range(3):
        counts.count([OURS])
    counts.count([OURS, OTHER])
    counts.count([THEIRS])
    assert await list_searches(database) == []
    await counts.close()
    assert sorted(await list_searches(database)) == [(1, 7, "search", 4), (1, 8, "search", 1), (2, 9, "search", 1)]


async def test_counts_are_recorded_without_a_further_search(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = asyncio.Event()

    async def notify(*arguments: Any) -> None:
        await record_searches(*arguments)
        written.set()

    monkeypatch.setattr("app.services.usage.searches.record_searches", notify)
    counts = SearchCounts(database, seconds=0.01)
    counts.count([OURS])
    await written.wait()
    assert await list_searches(database) == [(1, 7, "search", 1)]
    await counts.close()


async def test_searches_during_an_outage_are_recorded_once_after_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = list[UUID]()

    async def lose_answer(connection: Any, batch: UUID, counts: Any) -> None:
        """The first batch is written, but its answer is lost."""
        batches.append(batch)
        await record_searches(connection, batch, counts)
        if len(batches) == 1:
            raise DatabaseUnavailableError

    monkeypatch.setattr("app.services.usage.searches.record_searches", lose_answer)
    counts = SearchCounts(database, seconds=0.01)
    counts.count([OURS, OTHER])
    await wait_until(lambda: len(batches) > 1, "the batch to be sent again")
    counts.count([OURS])
    await counts.close()
    assert batches[0] == batches[1] != batches[-1]
    assert await list_searches(database) == [(1, 7, "search", 1), (1, 8, "search", 1), (1, 7, "search", 1)]
