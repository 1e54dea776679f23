"""The sequencer: gives committed events their positions, and creates what follows from them."""

import time
from collections.abc import Awaitable, Callable, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.events.sequence import check_waiting, give_positions
from app.domain.events import RecordedEvent
from app.domain.tasks import Queue
from app.ledger.upkeep import try_lock_chore
from app.services.queue.admission import Admission

FanOut = Callable[[AsyncConnection, Sequence[RecordedEvent]], Awaitable[bool]]
"""Writes what follows from events, in the transaction of their positions. Returns whether it has submitted tasks."""

_CHORE = "events"
_BATCH = 1000
_IDLE_SECONDS = 2.0
_WATCHED_SECONDS = 60.0


async def write_nothing(_connection: AsyncConnection, _events: Sequence[RecordedEvent]) -> bool:
    """The ``FanOut`` of an installation whose events are only read."""
    return False


class Sequencer:
    """Runs in every supervisor, one of which at a time gives positions.

    A process that is killed gives none of its batch: the positions and what follows from them are one transaction.
    """

    def __init__(self, database: Database, admission: Admission, fan_out: FanOut = write_nothing) -> None:
        self._database = database
        self._admission = admission
        self._fan_out = fan_out
        self._check_at = 0.0
        self._watched_until = 0.0

    async def advance_if_due(self) -> None:
        """Give positions if events wait for one.

        Looks at each call while an organization has events on, and for a minute after the last event. Otherwise every
        two seconds: the end of a job with a callback is an event too.
        """
        if time.monotonic() < self._check_at:
            return
        is_waiting, is_on = await check_waiting(self._database)
        if is_waiting:
            self._watched_until = time.monotonic() + _WATCHED_SECONDS
            await self.advance()
        elif not is_on and time.monotonic() >= self._watched_until:
            self._check_at = time.monotonic() + _IDLE_SECONDS

    async def advance(self) -> int:
        """Give positions to all events that wait for one; returns how many. 0 while another process does so."""
        given = 0
        while batch := await self._give_batch():
            given += batch
            if batch < _BATCH:
                break
        return given

    async def _give_batch(self) -> int:
        async with self._database.transaction() as connection:
            # A statement of its own: the next one sees everything that the process which had the lock has committed.
            if not await try_lock_chore(connection, _CHORE):
                return 0
            events = await give_positions(connection, _BATCH)
            has_submitted = await self._fan_out(connection, events) if events else False
        if has_submitted:
            self._admission.nudge(Queue.DEFAULT)
        return len(events)
