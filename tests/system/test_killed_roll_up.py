"""Each record of usage counts once, after days without Beat, with two of them, and with a killed worker."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.celery.scheduler import read_entry
from app.celery_app import create_celery
from app.db.engine import Database, create_engine
from app.domain.schedules import Schedule
from app.services.queue.schedules import Schedules
from app.settings import load_settings
from tests.database import fetch
from tests.deadlines import wait_for
from tests.system.kill_points import DURING_A_ROLL_UP
from tests.system.mortal_stack import MortalStack
from tests.usage.records import add, check_sums

RECORDS = 25_000
STOPPED = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
_TASKS = "SELECT state, attempt, crashes FROM tasks WHERE name LIKE '%sum_usage' ORDER BY id"
_UNCOUNTED = "SELECT FROM usage_records WHERE counted_at IS NULL LIMIT 1"


class Beats:
    """Several processes of Beat, at a time that the test sets."""

    def __init__(self, url: str, schedule: Schedule) -> None:
        self._url = url
        self._schedule = schedule

    def look(self, now: datetime, number: int = 2) -> None:
        """Have them look at the schedule at the same time."""

        async def clock(_connection: AsyncConnection) -> datetime:
            return now

        async def look_at_once(database: Database) -> None:
            await asyncio.gather(*(Schedules(database, clock).submit_due(self._schedule) for _ in range(number)))

        self.run(look_at_once)

    def run(self, work: Callable[[Database], Awaitable[object]]) -> None:
        """Do something with a database of its own."""

        async def run() -> None:
            database = Database(create_engine(self._url, pool_size=4))
            try:
                await work(database)
            finally:
                await database.close()

        asyncio.run(run())


@pytest.mark.parametrize("point", list(DURING_A_ROLL_UP))
def test_each_record_counts_once_after_three_days_without_beat_and_a_killed_worker(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path: Path, point: str
) -> None:
    with make_database() as (url, redis_url):
        settings = load_settings(database_url=url, redis_url=redis_url, data_dir=tmp_path / "data")
        celery = create_celery(settings)
        beats = Beats(url, read_entry(celery, "sum-usage", celery.conf.beat_schedule["sum-usage"]))
        beats.look(STOPPED)
        beats.run(lambda database: add(database, RECORDS, STOPPED, minutes=0))
        beats.run(spread_over_three_days)
        with MortalStack(settings, tmp_path) as stack:
            stack.arm(point)
            beats.look(STOPPED + timedelta(days=3))
            program = stack.start("worker", "default")
            stack.wait_until_struck(point)
            program.wait()
            assert fetch(url, _UNCOUNTED)
            program = stack.start("worker", "default")
            wait_for(lambda: fetch(url, _TASKS)[0]["state"] == "SUCCESS", "the records to be added up")
            beats.run(check_sums)
            # What is recorded late is of the hour in which it happened.
            beats.run(lambda database: add(database, 500, STOPPED + timedelta(hours=5)))
            beats.look(STOPPED + timedelta(days=3, hours=1))
            wait_for(lambda: not fetch(url, _UNCOUNTED), "the late records to be added")
            beats.run(check_sums)
            stack.stop(program)
        first, second = fetch(url, _TASKS)
        assert (first["crashes"], first["attempt"], second["crashes"]) == (1, 2, 0)


async def spread_over_three_days(database: Database) -> None:
    """Give the records times in the three days."""
    async with database.transaction() as connection:
        await connection.execute(
            text("UPDATE usage_records SET occurred_at = occurred_at + (id % 4320) * interval '1 minute'")
        )
