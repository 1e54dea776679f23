"""The sequence of each organization's events: positions are given after the commit, so that no reader skips one.

The ids of events say in which order they were written, not in which order they were committed: a reader that
remembered an id would miss an event with a lower id whose transaction ends later. Only committed events get a position,
and one process at a time gives them.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Source, fetch
from app.db.statements import Statement
from app.db.tables.events import events
from app.domain.events import RecordedEvent

COLUMNS = ", ".join(f"e.{column.name}" for column in events.c)

# Two transactions that change the same row are one after the other, so the ids of their events are in the order of
# their commits: the events of a document, or of a task, get positions in that order.
_GIVE_POSITIONS = text(f"""
    WITH numbered AS MATERIALIZED (
        SELECT batch.id, batch.organization_id,
               row_number() OVER (PARTITION BY batch.organization_id ORDER BY batch.id) AS number,
               count(*) OVER (PARTITION BY batch.organization_id) AS count
        FROM (SELECT id, organization_id FROM events WHERE position IS NULL ORDER BY id LIMIT :limit) AS batch
    ),
    feeds AS (
        INSERT INTO event_feeds AS f (organization_id, last_position)
        SELECT DISTINCT organization_id, count FROM numbered ORDER BY organization_id
        ON CONFLICT (organization_id) DO UPDATE SET last_position = f.last_position + excluded.last_position
        RETURNING f.organization_id, f.last_position
    )
    UPDATE events AS e SET position = f.last_position - n.count + n.number
    FROM numbered AS n JOIN feeds AS f USING (organization_id)
    WHERE e.id = n.id
    RETURNING {COLUMNS}
""")


async def give_positions(connection: AsyncConnection, limit: int) -> list[RecordedEvent]:
    """Give committed events the next positions of their organizations, ``limit`` at most, in the order of ids.

    The transaction must have locked the sequence before: ``try_lock_chore``.
    """
    rows = (await connection.execute(_GIVE_POSITIONS, {"limit": limit})).mappings()
    return sorted((RecordedEvent(**row) for row in rows), key=lambda event: event.id)


_IS_WAITING = Statement("""
    SELECT EXISTS (SELECT FROM events WHERE position IS NULL) AS waits,
           EXISTS (SELECT FROM organizations WHERE events_until > now()) AS is_on
""")


async def check_waiting(source: Source) -> tuple[bool, bool]:
    """Return whether events wait for a position, and whether any organization has events on."""
    [row] = await fetch(source, _IS_WAITING, {})
    return row["waits"], row["is_on"]
