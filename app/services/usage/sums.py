"""Sums: adds what was used to the sums by hour and by day."""

import time

from app.db.engine import Database, repeats_on_conflict
from app.db.usage.sums import add_records
from app.domain.counting import count_of
from app.domain.tasks import Progress
from app.services.queue.attempts import Outcome, RunningAttempt

_BATCH = 10_000
"""The records of one transaction, which takes a fraction of a second."""
_TURN_SECONDS = 60.0
"""After this time the task returns to its queue and continues later, so that it stays below every time limit."""


class UsageSums:
    """Adds records to the sums, in batches that each commit. A batch that is interrupted has counted nothing."""

    def __init__(self, database: Database, batch: int = _BATCH) -> None:
        self._database = database
        self._batch = batch

    async def add_all(self, attempt: RunningAttempt) -> Outcome:
        """Add every record that is not counted yet, whatever hour it is of."""
        until = time.monotonic() + _TURN_SECONDS
        added = attempt.task.arguments.get("added", 0)
        while batch := await self._add_batch():
            added += batch
            status = f"Added {count_of(added, 'record')} to the sums"
            await attempt.report(Progress("sum", 0, status))
            if time.monotonic() > until:
                return Outcome(None, status, continues={"added": added})
        return Outcome({"records": added}, f"Added {count_of(added, 'record')} to the sums")

    @repeats_on_conflict
    async def _add_batch(self) -> int:
        async with self._database.transaction() as connection:
            return await add_records(connection, self._batch)
