"""The feed of an organization's events: pages, and streams that continue until the client leaves."""

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from app.db.engine import Database
from app.db.events.feed import count_events, get_last_position, list_events
from app.db.events.outbox import keep_events_on
from app.domain.events import EventFilter, RecordedEvent
from app.services.notifications.new_events import NewEvents

KEPT_ON_DAYS = 7
"""For how long events are written after the feed was read."""

_RENEW_SECONDS = 3600.0
_READ_AT_ONCE = 500
_SILENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of a feed. ``position`` is where to continue, also on the last page."""

    events: Sequence[RecordedEvent]
    total: int
    position: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class EventBatch:
    """The next events of a stream, perhaps none, and the position up to which it has come."""

    events: Sequence[RecordedEvent]
    position: int


class Feed:
    """The feeds of all organizations. Reading one has its events written from then on, for some days."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._new_events = NewEvents(database)
        self._renew_at: dict[int, float] = {}

    async def list(self, organization_id: int, wanted: EventFilter, *, after: int, limit: int) -> EventPage:
        """List the events after a position, the oldest first."""
        await self.keep_on(organization_id)
        async with self._database.statement() as connection:
            # Read first: every event up to this position is found by the next statement.
            last = await get_last_position(connection, organization_id)
            found = await list_events(connection, organization_id, wanted, after=after, limit=limit + 1)
            total = await count_events(connection, organization_id, wanted)
        events, has_more = found[:limit], len(found) > limit
        latest = events[-1].position if events else after
        return EventPage(events, total, latest if has_more else max(latest, last), has_more)

    async def keep_on(self, organization_id: int) -> None:
        """Have events written for the organization. Writes once an hour at most."""
        now = time.monotonic()
        if now < self._renew_at.get(organization_id, 0.0):
            return
        async with self._database.statement() as connection:
            await keep_events_on(connection, organization_id, KEPT_ON_DAYS)
        self._renew_at[organization_id] = now + _RENEW_SECONDS

    async def follow(self, organization_id: int, wanted: EventFilter, after: int | None) -> AsyncIterator[EventBatch]:
        """Follow a feed from a position, or from its end. The first batch is empty: it says where the stream begins.

        Later batches are empty where no event has come for fifteen seconds.
        """
        async with self._new_events.follow(organization_id) as new:
            position = new.last if after is None else after
            yield EventBatch([], position)
            while True:
                recent = new.read(position)
                if recent is None:
                    events, position = await self._catch_up(organization_id, wanted, position, new.first)
                else:
                    events = [event for event in recent if wanted.matches(event)]
                    position = recent[-1].position if recent else position
                if events:
                    yield EventBatch(events, position)
                elif recent is not None and not recent and not await new.wait(_SILENCE_SECONDS):
                    yield EventBatch([], position)

    async def _catch_up(
        self, organization_id: int, wanted: EventFilter, after: int, known: int
    ) -> tuple[Sequence[RecordedEvent], int]:
        """Read events that are no longer in memory. All up to the position ``known`` have been committed."""
        async with self._database.statement() as connection:
            found = await list_events(connection, organization_id, wanted, after=after, limit=_READ_AT_ONCE)
        if len(found) == _READ_AT_ONCE:
            return found, found[-1].position
        return found, max(known, found[-1].position if found else after)
