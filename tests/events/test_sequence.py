"""No reader skips an event: positions are given after the commit, by one process at a time."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.engine import Database
from app.domain.events import RecordedEvent
from app.ledger.upkeep import try_lock_chore
from app.services.notifications.sequencer import Sequencer
from tests.events.outbox import ORGANIZATION, Outbox
from tests.round_trips import record_sent


class Nudged:
    """Admission that is only counted."""

    def __init__(self) -> None:
        self.queues: list[str] = []

    def nudge(self, queue: str) -> None:
        self.queues.append(queue)


async def test_an_event_of_a_transaction_that_ends_late_is_not_skipped(outbox: Outbox) -> None:
    async with outbox.writing("first") as first, outbox.writing("second") as second:
        await second.commit()
        assert [event.type for event in await outbox.sequence()] == ["second"]
        assert await outbox.sequence() == []  # the transaction of the lower id is still open
        await first.commit()
        await outbox.sequence()
    assert await outbox.read() == [(1, "second"), (2, "first")]


async def test_an_event_of_a_transaction_that_was_rolled_back_leaves_no_gap(outbox: Outbox) -> None:
    async with outbox.writing("kept") as kept, outbox.writing("undone") as undone, outbox.writing("last") as last:
        await kept.commit()
        await undone.rollback()
        await last.commit()
    await outbox.sequence()
    assert await outbox.read() == [(1, "kept"), (2, "last")]


async def test_each_organization_has_positions_of_its_own(outbox: Outbox) -> None:
    await outbox.sql("INSERT INTO events (organization_id, type) SELECT n % 3 + 1, 'a' FROM generate_series(1, 9) AS n")
    given = await outbox.sequence(limit=4)
    given += await outbox.sequence(limit=4)
    given += await outbox.sequence(limit=4)
    assert [(event.organization_id, event.position) for event in given] == [
        (organization, position) for position in (1, 2, 3) for organization in (2, 3, 1)
    ]


async def test_positions_continue_after_every_event_was_removed(outbox: Outbox) -> None:
    await outbox.sql("INSERT INTO events (organization_id, type) VALUES (1, 'removed')")
    await outbox.sequence()
    await outbox.sql("DELETE FROM events")
    await outbox.sql("INSERT INTO events (organization_id, type) VALUES (1, 'later')")
    await outbox.sequence()
    assert await outbox.read() == [(2, "later")]


async def test_while_one_process_gives_positions_another_gives_none(database: Database, outbox: Outbox) -> None:
    await outbox.sql("INSERT INTO events (organization_id, type) VALUES (1, 'a')")
    async with database.transaction() as connection:
        assert await try_lock_chore(connection, "events")
        assert await outbox.sequence() == []
    assert len(await outbox.sequence()) == 1


async def test_what_follows_from_events_is_written_with_their_positions_or_not_at_all(
    database: Database, outbox: Outbox
) -> None:
    seen: list[int] = []

    async def fan_out(connection: AsyncConnection, events: Sequence[RecordedEvent]) -> bool:
        seen.extend(event.position for event in events)
        await connection.execute(text("INSERT INTO discarded_files (key) VALUES ('follows')"))
        if len(seen) == 1:
            raise RuntimeError  # the process is killed
        return True

    nudged = Nudged()
    sequencer = Sequencer(database, nudged, fan_out)  # type: ignore[arg-type]
    await outbox.sql("INSERT INTO events (organization_id, type) VALUES (1, 'a')")
    with pytest.raises(RuntimeError):
        await sequencer.advance()
    assert await outbox.read() == []
    assert await outbox.sql("SELECT key FROM discarded_files") == []
    assert nudged.queues == []
    assert await sequencer.advance() == 1
    assert seen == [1, 1]
    assert await outbox.read() == [(1, "a")]
    assert len(await outbox.sql("SELECT key FROM discarded_files")) == 1
    assert nudged.queues == ["default"]


async def test_a_killed_sequencer_leaves_its_events_to_the_next(database: Database, outbox: Outbox) -> None:
    started = asyncio.Event()

    async def stall(_connection: AsyncConnection, _events: Sequence[RecordedEvent]) -> bool:
        started.set()
        await asyncio.Event().wait()
        return False

    await outbox.sql("INSERT INTO events (organization_id, type) VALUES (1, 'a')")
    stalled = asyncio.create_task(Sequencer(database, Nudged(), stall).advance())  # type: ignore[arg-type]
    await started.wait()
    assert await outbox.sequence() == []
    stalled.cancel()
    await asyncio.gather(stalled, return_exceptions=True)
    while not await outbox.sequence():  # the server notices the end of the session some time later
        pass
    assert await outbox.read() == [(1, "a")]


async def test_without_events_a_supervisor_looks_every_two_seconds_with_one_statement(
    engine: AsyncEngine, database: Database, outbox: Outbox
) -> None:
    await outbox.sql("UPDATE organizations SET events_until = NULL")
    sequencer = Sequencer(database, Nudged())  # type: ignore[arg-type]
    with record_sent(engine) as sent:
        for _ in range(5):
            await sequencer.advance_if_due()
    assert len(sent) == 1


async def test_while_events_are_on_a_supervisor_looks_each_time_and_gives_positions(
    engine: AsyncEngine, database: Database, outbox: Outbox
) -> None:
    sequencer = Sequencer(database, Nudged())  # type: ignore[arg-type]
    with record_sent(engine) as sent:
        for _ in range(3):
            await sequencer.advance_if_due()
    assert len(sent) == 3
    await outbox.sql("INSERT INTO events (organization_id, type) VALUES (1, 'a')")
    await sequencer.advance_if_due()
    assert await outbox.read() == [(1, "a")]


async def test_without_subscribers_the_ends_of_jobs_with_callbacks_follow_one_another_without_a_pause(
    database: Database, outbox: Outbox
) -> None:
    await outbox.sql("UPDATE organizations SET events_until = NULL")
    sequencer = Sequencer(database, Nudged())  # type: ignore[arg-type]
    for name in ("a", "b", "c"):
        await outbox.sql(f"INSERT INTO events (organization_id, type) VALUES (1, '{name}')")
        await sequencer.advance_if_due()
        await sequencer.advance_if_due()
    assert await outbox.read() == [(1, "a"), (2, "b"), (3, "c")]


_TOTAL, _WRITERS, _EACH = 10_000, 8, 25
_OF_WRITER = _TOTAL // _WRITERS
_WRITE = text("""
    INSERT INTO events (organization_id, document_id, type, data)
    SELECT 1, :writer, 'a', jsonb_build_object('number', n)
    FROM generate_series(CAST(:first AS integer), CAST(:last AS integer)) AS n
""")


async def write_events(database: Database, writer: int) -> None:
    """Write the events of one document, some in each transaction."""
    for first in range(0, _OF_WRITER, _EACH):
        async with database.transaction() as connection:
            await connection.execute(_WRITE, {"writer": writer, "first": first, "last": first + _EACH - 1})


async def read_all(outbox: Outbox) -> list[tuple[int, int, int]]:
    """Read until everything was read: position, document and number."""
    seen: list[tuple[int, int, int]] = []
    while len(seen) < _TOTAL:
        rows = await outbox.sql(
            "SELECT position, document_id, CAST(data ->> 'number' AS integer) AS number FROM events"
            " WHERE organization_id = :organization AND position > :after ORDER BY position LIMIT 500",
            organization=ORGANIZATION,
            after=seen[-1][0] if seen else 0,
        )
        seen += [(row["position"], row["document_id"], row["number"]) for row in rows]
    return seen


async def test_ten_thousand_events_of_eight_writers_reach_three_readers_once_and_in_order(
    database: Database, outbox: Outbox
) -> None:
    written = asyncio.Event()

    async def write_all() -> None:
        await asyncio.gather(*(write_events(database, writer) for writer in range(_WRITERS)))
        written.set()

    async def sequence() -> None:
        while await outbox.sequence(300) or not written.is_set():
            pass

    readers = asyncio.gather(*(read_all(outbox) for _ in range(3)))
    await asyncio.gather(write_all(), sequence(), sequence())
    read_by = await readers
    assert read_by[0] == read_by[1] == read_by[2]
    assert [position for position, _, _ in read_by[0]] == list(range(1, _TOTAL + 1))
    for writer in range(_WRITERS):
        assert [number for _, document, number in read_by[0] if document == writer] == list(range(_OF_WRITER))
