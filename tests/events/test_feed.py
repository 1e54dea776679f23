"""A follower receives every event once and in order, and many followers cost one read."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database
from app.domain.events import EventFilter, RecordedEvent
from app.services.notifications import feed as feed_module
from app.services.notifications import new_events
from app.services.notifications.feed import EventBatch, Feed
from app.services.notifications.new_events import RecentEvents
from tests.events.outbox import ORGANIZATION, Outbox
from tests.round_trips import record_sent

ALL = EventFilter()
_ADD = """
    INSERT INTO events (organization_id, agent_id, type)
    SELECT :organization, n % 2 + 1, 'a' FROM generate_series(1, :count) AS n
"""


async def add(outbox: Outbox, count: int, organization: int = ORGANIZATION) -> None:
    """Write events and give them positions."""
    await outbox.sql(_ADD, count=count, organization=organization)
    while await outbox.sequence():
        pass


async def take(batches: AsyncIterator[EventBatch], count: int) -> list[int]:
    """Read so many positions of a stream."""
    positions: list[int] = []
    while len(positions) < count:
        positions += [event.position for event in (await anext(batches)).events]
    return positions


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_events, "_POLL_SECONDS", 0.01)


async def test_a_follower_behind_the_events_in_memory_reads_the_rest_from_the_database(
    database: Database, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_events, "_KEPT", 7)
    monkeypatch.setattr(feed_module, "_READ_AT_ONCE", 5)
    await add(outbox, 23)
    async with aclosing(Feed(database).follow(ORGANIZATION, ALL, 2)) as batches:  # type: ignore[type-var]
        assert await take(batches, 21) == list(range(3, 24))
        await add(outbox, 30)
        assert await take(batches, 30) == list(range(24, 54))


async def test_a_follower_with_a_filter_moves_on_past_events_of_others(
    database: Database, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "_SILENCE_SECONDS", 0.05)
    await add(outbox, 6)
    wanted = EventFilter(agent_id=2)
    async with aclosing(Feed(database).follow(ORGANIZATION, wanted, 0)) as batches:  # type: ignore[type-var]
        assert await take(batches, 3) == [1, 3, 5]
        await outbox.sql("INSERT INTO events (organization_id, agent_id, type) VALUES (1, 1, 'a')")
        await outbox.sequence()
        while (batch := await anext(batches)).position < 7:
            assert batch.events == []


async def test_two_hundred_streams_share_the_reads_of_one(
    engine: AsyncEngine, database: Database, outbox: Outbox
) -> None:
    feed = Feed(database)
    streams = [feed.follow(ORGANIZATION, ALL, None) for _ in range(200)]
    for stream in streams:
        assert (await anext(stream)).position == 0
    with record_sent(engine) as statements:
        await add(outbox, 5)
        received = await asyncio.gather(*(take(stream, 5) for stream in streams))
    assert received == [[1, 2, 3, 4, 5]] * 200
    reads = [statement for statement in statements if "SELECT events." in statement]
    assert len(reads) <= 2
    for stream in streams:
        await stream.aclose()  # type: ignore[attr-defined]


async def test_a_feed_without_followers_is_not_read(database: Database) -> None:
    feed = Feed(database)
    stream = feed.follow(ORGANIZATION, ALL, None)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    assert feed._new_events._feeds == {}
    assert feed._new_events._poller is None


async def test_reading_a_feed_has_its_events_written_for_some_days(
    engine: AsyncEngine, database: Database, outbox: Outbox
) -> None:
    read_until = "SELECT events_until > now() + interval '6 days' AS on FROM organizations WHERE id = 1"
    await outbox.sql("UPDATE organizations SET events_until = NULL")
    with record_sent(engine) as statements:
        feed = Feed(database)
        for _ in range(3):
            await feed.list(ORGANIZATION, ALL, after=0, limit=1)
    assert sum("UPDATE organizations" in statement for statement in statements) == 1
    assert (await outbox.sql(read_until))[0]["on"] is True
    await outbox.sql("UPDATE organizations SET events_until = 'infinity'")
    await Feed(database).keep_on(ORGANIZATION)
    assert (await outbox.sql("SELECT events_until = 'infinity' AS on FROM organizations WHERE id = 1"))[0]["on"] is True


def test_recent_events_say_what_they_no_longer_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_events, "_KEPT", 3)
    recent = RecentEvents(10)
    recent.add([make_event(position) for position in range(11, 16)])
    assert (recent.first, recent.last) == (12, 15)
    assert recent.read(11) is None
    assert list_positions(recent.read(12)) == [13, 14, 15]
    assert list_positions(recent.read(15)) == []
    assert list_positions(recent.read(99)) == []


def make_event(position: int) -> RecordedEvent:
    return RecordedEvent(position, 1, None, None, None, "a", {}, None, datetime.now(UTC), position)


def list_positions(events: Sequence[RecordedEvent] | None) -> list[int]:
    assert events is not None
    return [event.position for event in events]
