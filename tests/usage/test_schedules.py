"""Schedules: each time has one task, whatever happens to the processes of Beat. The tests set the clock."""

import asyncio
from datetime import UTC, datetime, timedelta

from celery import Celery
from celery.schedules import crontab
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.celery.scheduler import read_entry
from app.db.engine import Database
from app.domain.schedules import Schedule
from app.domain.tasks import TaskName
from app.services.queue.schedules import Schedules

START = datetime(2026, 11, 30, 10, 20, tzinfo=UTC)
_KEYS = text("SELECT s.key FROM scheduled_tasks AS s JOIN tasks AS t ON t.id = s.task_id ORDER BY s.created_at, s.key")
_TASKS = text("SELECT name, queue, state, arguments FROM tasks")


def hourly(*, catch_up: bool = False, minute: str = "5", hour: str = "*") -> Schedule:
    """A schedule as Beat reads it from Celery's settings."""
    entry = {
        "task": TaskName.PING.value,
        "schedule": crontab(minute=minute, hour=hour),
        "options": {"catch_up": catch_up},
    }
    return read_entry(Celery(set_as_current=False, timezone="UTC"), "sums", entry)


class Beat:
    """A Beat whose clock the test sets."""

    def __init__(self, database: Database, now: datetime = START) -> None:
        self.now = now
        self._schedules = Schedules(database, self._read_clock)

    async def _read_clock(self, _connection: AsyncConnection) -> datetime:
        return self.now

    async def tick(self, schedule: Schedule, now: datetime | None = None) -> float:
        """One look at a schedule."""
        self.now = now or self.now
        return await self._schedules.submit_due(schedule)


async def list_keys(database: Database) -> list[str]:
    """The keys of the submitted tasks, in order."""
    async with database.statement() as connection:
        return list((await connection.execute(_KEYS)).scalars())


async def test_a_new_schedule_waits_for_its_next_time(database: Database) -> None:
    beat = Beat(database)
    assert await beat.tick(hourly()) == 45 * 60
    assert await list_keys(database) == []
    assert await beat.tick(hourly(), START + timedelta(minutes=45)) == 3600
    assert await list_keys(database) == ["sums:2026-11-30T11:05Z"]


async def test_a_task_is_pending_in_the_ledger_with_the_time_for_which_it_was_submitted(database: Database) -> None:
    beat = Beat(database)
    await beat.tick(hourly())
    await beat.tick(hourly(), START + timedelta(hours=1))
    async with database.statement() as connection:
        [task] = (await connection.execute(_TASKS)).all()
    assert (task.name, task.queue, task.state) == (TaskName.PING, "default", "PENDING")
    assert task.arguments == {"due": "2026-11-30T11:05:00+00:00"}


async def test_several_beats_at_once_submit_one_task_for_each_time(database: Database) -> None:
    beats = [Beat(database) for _ in range(4)]
    await beats[0].tick(hourly(catch_up=True))
    for hour in range(1, 6):
        now = START + timedelta(hours=hour)
        await asyncio.gather(*(beat.tick(hourly(catch_up=True), now) for beat in beats))
    keys = await list_keys(database)
    assert keys == [f"sums:2026-11-30T{hour}:05Z" for hour in range(11, 16)]


async def test_after_three_days_without_beat_only_the_latest_time_has_a_task(database: Database) -> None:
    await Beat(database).tick(hourly())
    await Beat(database).tick(hourly(), START + timedelta(days=3))
    assert await list_keys(database) == ["sums:2026-12-03T10:05Z"]


async def test_a_schedule_that_catches_up_has_a_task_for_each_time_of_three_days(database: Database) -> None:
    await Beat(database).tick(hourly(catch_up=True))
    later = Beat(database, START + timedelta(days=3))
    await later.tick(hourly(catch_up=True))
    keys = await list_keys(database)
    assert (len(keys), keys[0], keys[-1]) == (72, "sums:2026-11-30T11:05Z", "sums:2026-12-03T10:05Z")


async def test_a_long_gap_is_caught_up_with_in_several_steps(database: Database) -> None:
    await Beat(database).tick(hourly(catch_up=True))
    later = Beat(database, START + timedelta(days=10))
    steps = [await later.tick(hourly(catch_up=True)) for _ in range(3)]
    assert steps == [0, 0, 45 * 60]
    assert len(await list_keys(database)) == 240


async def test_a_clock_that_goes_back_repeats_no_task(database: Database) -> None:
    beat = Beat(database)
    await beat.tick(hourly())
    for minutes in (60, 0, 60):
        await beat.tick(hourly(), START + timedelta(minutes=minutes))
    assert await list_keys(database) == ["sums:2026-11-30T11:05Z"]


async def test_a_schedule_that_becomes_more_frequent_follows_its_new_times_at_once(database: Database) -> None:
    beat = Beat(database)
    await beat.tick(hourly(hour="3"))
    await beat.tick(hourly(minute="*/10"))
    await beat.tick(hourly(minute="*/10"), START + timedelta(minutes=10))
    assert await list_keys(database) == ["sums:2026-11-30T10:30Z"]
