"""Queries on the feed of an organization: its events in the order of their positions."""

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Source, fetch
from app.db.statements import Statement
from app.db.tables.events import event_feeds, events
from app.domain.events import EventFilter, RecordedEvent


def _match(organization_id: int, wanted: EventFilter) -> list[ColumnElement[bool]]:
    conditions = [events.c.organization_id == organization_id, events.c.position.is_not(None)]
    if wanted.types:
        conditions.append(events.c.type.in_(sorted(wanted.types)))
    if wanted.agent_id is not None:
        conditions.append(events.c.agent_id == wanted.agent_id)
    if wanted.document_id is not None:
        conditions.append(events.c.document_id == wanted.document_id)
    return conditions


async def list_events(
    connection: AsyncConnection, organization_id: int, wanted: EventFilter, *, after: int, limit: int
) -> list[RecordedEvent]:
    """List the events after a position, in ascending order."""
    query = (
        select(events)
        .where(*_match(organization_id, wanted), events.c.position > after)
        .order_by(events.c.position)
        .limit(limit)
    )
    return [RecordedEvent(**row) for row in (await connection.execute(query)).mappings()]


async def count_events(connection: AsyncConnection, organization_id: int, wanted: EventFilter) -> int:
    """Count the events that are kept. Without a filter, by the first and the last position, since there are no gaps."""
    if wanted != EventFilter():
        query = select(func.count()).where(*_match(organization_id, wanted))
        return await connection.scalar(query) or 0
    first = await connection.scalar(select(func.min(events.c.position)).where(*_match(organization_id, wanted)))
    return 0 if first is None else await get_last_position(connection, organization_id) - int(first) + 1


async def get_last_position(connection: AsyncConnection, organization_id: int) -> int:
    """Return the position given last; 0 before the first one."""
    query = select(event_feeds.c.last_position).where(event_feeds.c.organization_id == organization_id)
    return await connection.scalar(query) or 0


_LAST_POSITIONS = Statement("""
    SELECT organization_id, last_position FROM event_feeds
    WHERE organization_id = ANY (CAST(:organization_ids AS bigint[]))
""")


async def get_last_positions(source: Source, organization_ids: Collection[int]) -> Mapping[int, int]:
    """Return the position given last in each of these organizations that has one."""
    rows = await fetch(source, _LAST_POSITIONS, {"organization_ids": list(organization_ids)})
    return {row["organization_id"]: row["last_position"] for row in rows}
