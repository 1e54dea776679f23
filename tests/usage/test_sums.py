"""The sums by hour and by day are those of the records, whatever interrupts their making."""

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
from sqlalchemy import text

from app.db.engine import Database
from app.db.usage.sums import add_records
from app.domain.errors import UnstorableValueError
from app.domain.tasks import Progress, Task
from app.services.queue.attempts import RunningAttempt
from app.services.usage.sums import UsageSums
from tests.usage.records import START, add, check_sums

_UNCOUNTED = text("SELECT count(*) FROM usage_records WHERE counted_at IS NULL")


class Attempt:
    """An attempt of a roll-up."""

    def __init__(self) -> None:
        self.task = cast("Task", self)
        self.arguments: dict[str, Any] = {}

    async def report(self, _progress: Progress) -> None:
        """Take a report."""


async def add_up(database: Database, batch: int = 100) -> Any:
    """Run a roll-up; returns its result."""
    result = (await UsageSums(database, batch).add_all(cast("RunningAttempt", Attempt()))).result
    return {"records": result["records"]}


async def test_the_sums_of_hours_and_days_are_those_of_the_records(database: Database) -> None:
    await add(database, 2_000)
    assert await add_up(database) == {"records": 2_000}
    await check_sums(database)


async def test_a_second_roll_up_counts_nothing_twice(database: Database) -> None:
    await add(database, 500)
    await add_up(database)
    assert await add_up(database) == {"records": 0}
    await check_sums(database)


async def test_late_records_are_added_to_the_hours_they_are_of(database: Database) -> None:
    await add(database, 300)
    await add_up(database)
    await add(database, 300, first=START - timedelta(days=40))
    await add_up(database)
    await check_sums(database)


async def test_several_roll_ups_at_once_count_each_record_once(database: Database) -> None:
    await add(database, 3_000)
    results = await asyncio.gather(*(add_up(database, batch=70) for _ in range(4)))
    assert sum(result["records"] for result in results) == 3_000
    await check_sums(database)


async def test_records_that_are_written_during_a_roll_up_are_counted_once(database: Database) -> None:
    await add(database, 1_000)
    await asyncio.gather(add_up(database, batch=50), *(add(database, 100) for _ in range(5)))
    await add_up(database)
    await check_sums(database)


async def test_a_transaction_that_ends_late_loses_no_record(database: Database) -> None:
    async with database.transaction() as open_one:
        await open_one.execute(
            text("INSERT INTO usage_records (organization_id, agent_id, kind, searches) VALUES (1, 1, 'search', 5)")
        )
        await add(database, 10)
        assert await add_up(database) == {"records": 10}
    assert await add_up(database) == {"records": 1}
    await check_sums(database)


async def add_and_fail(database: Database) -> None:
    """Add a batch in a transaction that ends with an error."""
    async with database.transaction() as connection:
        assert await add_records(connection, 50) == 50
        await connection.execute(text("SELECT 1 / 0"))


async def test_a_batch_that_is_rolled_back_has_counted_nothing(database: Database) -> None:
    await add(database, 100)
    with pytest.raises(UnstorableValueError):
        await add_and_fail(database)
    async with database.statement() as connection:
        assert await connection.scalar(_UNCOUNTED) == 100
    await add_up(database)
    await check_sums(database)


async def test_a_long_roll_up_returns_its_slot_and_continues(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.usage.sums._TURN_SECONDS", 0.0)
    await add(database, 250)
    attempt, turns = Attempt(), 0
    while (outcome := await UsageSums(database, 100).add_all(cast("RunningAttempt", attempt))).continues is not None:
        attempt.arguments |= outcome.continues
        turns += 1
    assert (turns, outcome.result["records"]) == (3, 250)
    await check_sums(database)
