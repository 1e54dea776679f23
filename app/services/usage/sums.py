"""Sums: adds what was used to the sums by hour and by day, and counts how the tasks of each hour ended."""

import time
from datetime import datetime, timedelta

from app.db.engine import Database, repeats_on_conflict
from app.db.usage.sums import add_records
from app.db.usage.task_sums import count_hour, find_hour_to_count
from app.domain.counting import count_of
from app.domain.tasks import Progress
from app.ledger.upkeep import try_lock_chore
from app.services.queue.attempts import Outcome, RunningAttempt

_BATCH = 10_000
"""The records of one transaction, which takes a fraction of a second."""
_TURN_SECONDS = 60.0
"""After this time the task returns to its queue and continues later, so that it stays below every time limit."""


class UsageSums:
    """Adds records to the sums in batches, and counts tasks by hour. A step that is interrupted has changed nothing."""

    def __init__(self, database: Database, batch: int = _BATCH) -> None:
        self._database = database
        self._batch = batch

    async def add_all(self, attempt: RunningAttempt) -> Outcome:
        """Add every record that is not counted yet, of any hour; then count the tasks of the hours that are over."""
        until = time.monotonic() + _TURN_SECONDS
        added = attempt.task.arguments.get("added", 0)
        while batch := await self._add_batch():
            added += batch
            status = f"Added {count_of(added, 'record')} to the sums"
            await attempt.report(Progress("sum", 0, status))
            if time.monotonic() > until:
                return Outcome(None, status, continues={"added": added})
        hours = await self._count_tasks(attempt)
        status = f"Added {count_of(added, 'record')} to the sums and counted the tasks of {count_of(hours, 'hour')}"
        return Outcome({"records": added, "hours": hours}, status)

    @repeats_on_conflict
    async def _add_batch(self) -> int:
        async with self._database.transaction() as connection:
            return await add_records(connection, self._batch)

    async def _count_tasks(self, attempt: RunningAttempt) -> int:
        """Count the tasks of each hour that is over; returns the number of hours."""
        hours, after = 0, None
        while hour := await self._count_next_hour(after):
            hours, after = hours + 1, hour + timedelta(hours=1)
            await attempt.report(Progress("tasks", 50, f"Counted the tasks of {count_of(hours, 'hour')}"))
        return hours

    @repeats_on_conflict
    async def _count_next_hour(self, after: datetime | None) -> datetime | None:
        async with self._database.transaction() as connection:
            if not await try_lock_chore(connection, "task_hours"):
                return None  # another task counts them
            hour = await find_hour_to_count(connection, after)
            if hour is not None:
                await count_hour(connection, hour)
            return hour
