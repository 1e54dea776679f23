"""The newest events of the feeds that clients of this process follow: one read for all of them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import Context

import structlog

from app.db.engine import Database
from app.db.events.feed import get_last_positions, list_events
from app.domain.errors import DatabaseUnavailableError
from app.domain.events import EventFilter, RecordedEvent

_POLL_SECONDS = 0.5
_KEPT = 1000
_ALL = EventFilter()

log = structlog.get_logger()


class RecentEvents:
    """The newest events of one organization, as long as a client follows its feed.

    Attributes:
        first: The position before the oldest event in memory.
        last: The position of the newest one.
    """

    def __init__(self, position: int) -> None:
        self.first = self.last = position
        self.followers: set[asyncio.Event] = set()
        self._events: deque[RecordedEvent] = deque()

    def add(self, events: Sequence[RecordedEvent]) -> None:
        """Add the next events, forget the oldest, and wake the followers."""
        self._events.extend(events)
        self.last = events[-1].position
        while len(self._events) > _KEPT:
            self.first = self._events.popleft().position
        for follower in self.followers:
            follower.set()

    def read(self, after: int) -> Sequence[RecordedEvent] | None:
        """Return the events after a position; None if some of them are no longer in memory."""
        if after < self.first:
            return None
        if after >= self.last:
            return ()
        return [event for event in self._events if event.position > after]


class Follower:
    """A client that follows a feed."""

    def __init__(self, recent: RecentEvents, changed: asyncio.Event) -> None:
        self._recent = recent
        self._changed = changed

    @property
    def first(self) -> int:
        """The position before the oldest event in memory."""
        return self._recent.first

    @property
    def last(self) -> int:
        """The position of the newest event."""
        return self._recent.last

    def read(self, after: int) -> Sequence[RecordedEvent] | None:
        """Return the events after a position; None if some of them are no longer in memory."""
        self._changed.clear()
        return self._recent.read(after)

    async def wait(self, seconds: float) -> bool:
        """Wait for further events since the last call of ``read``. False if there are none after ``seconds``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        return self._changed.is_set()


class NewEvents:
    """Passes the new events of feeds to the clients that follow them.

    Twice a second, one statement reads the last positions of all followed feeds. The events of those that have changed
    are read once, whatever the number of clients.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._feeds: dict[int, RecentEvents] = {}
        self._poller: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def follow(self, organization_id: int) -> AsyncIterator[Follower]:
        """Within the block, the follower receives the events of a feed."""
        if organization_id not in self._feeds:
            positions = await get_last_positions(self._database, [organization_id])
            # Another client may have begun to follow it in the meantime.
            self._feeds.setdefault(organization_id, RecentEvents(positions.get(organization_id, 0)))
        recent, changed = self._feeds[organization_id], asyncio.Event()
        recent.followers.add(changed)
        # In an empty context: its log lines do not belong to the request that started it.
        self._poller = self._poller or asyncio.create_task(self._poll(), context=Context())
        try:
            yield Follower(recent, changed)
        finally:
            recent.followers.discard(changed)
            if not recent.followers:
                self._feeds.pop(organization_id, None)
            if not self._feeds and self._poller:
                self._poller.cancel()
                self._poller = None

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            try:
                await self._read_new()
            except DatabaseUnavailableError:
                log.warning("database_unavailable")  # streams wait
            except Exception:
                log.exception("feeds_not_read")

    async def _read_new(self) -> None:
        positions = await get_last_positions(self._database, self._feeds)
        for organization_id, recent in list(self._feeds.items()):
            if positions.get(organization_id, 0) > recent.last:
                await self._read(organization_id, recent)

    async def _read(self, organization_id: int, recent: RecentEvents) -> None:
        async with self._database.statement() as connection:
            while events := await list_events(connection, organization_id, _ALL, after=recent.last, limit=_KEPT):
                recent.add(events)
