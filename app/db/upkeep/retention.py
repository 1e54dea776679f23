"""Queries on what an organization keeps, and the deletion of what is over. Each statement changes a bounded number."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.retention import Subject

_READ = text("SELECT settings -> 'retention' AS retention FROM organizations WHERE id = :organization_id")


async def read_retention(connection: AsyncConnection, organization_id: int) -> dict[str, Any] | None:
    """Read the days that an organization has chosen, by subject. None if there is no such organization."""
    row = (await connection.execute(_READ, {"organization_id": organization_id})).one_or_none()
    return None if row is None else dict(row.retention or {})


_WRITE = text("""
    UPDATE organizations SET settings = settings || jsonb_build_object('retention', CAST(:retention AS jsonb))
    WHERE id = :organization_id RETURNING id
""")


async def write_retention(connection: AsyncConnection, organization_id: int, chosen: Mapping[Subject, int]) -> bool:
    """Replace the days that an organization has chosen. False if there is no such organization."""
    given = {"organization_id": organization_id, "retention": json.dumps(chosen)}
    return (await connection.execute(_WRITE, given)).one_or_none() is not None


_ORGANIZATIONS = text("SELECT id FROM organizations WHERE id > :after ORDER BY id LIMIT :limit")


async def list_organizations(connection: AsyncConnection, after: int, limit: int) -> list[int]:
    """List the ids of the next organizations."""
    return list((await connection.execute(_ORGANIZATIONS, {"after": after, "limit": limit})).scalars())


# The events before the first one that is kept, since a feed has no gaps. A transaction that took long commits events
# that are older than those before them.
_FORGET_EVENTS = text("""
    DELETE FROM events WHERE id = ANY (ARRAY(
        SELECT id FROM (
            SELECT id, bool_and(occurred_at < now() - make_interval(days => :days)) OVER (ORDER BY position) AS is_old
            FROM (SELECT id, position, occurred_at FROM events
                  WHERE organization_id = :organization_id AND position IS NOT NULL
                  ORDER BY position LIMIT :limit) AS first
        ) AS found
        WHERE is_old))
""")

_FORGET_USAGE = text("""
    DELETE FROM usage_records WHERE id = ANY (ARRAY(
        SELECT id FROM usage_records
        WHERE organization_id = :organization_id AND occurred_at < now() - make_interval(days => :days)
            AND counted_at IS NOT NULL
        ORDER BY occurred_at LIMIT :limit FOR UPDATE SKIP LOCKED))
""")


async def forget_events(connection: AsyncConnection, organization_id: int, days: int, limit: int) -> int:
    """Delete an organization's oldest events that are older than ``days``, ``limit`` at most; returns how many."""
    return await _forget(connection, _FORGET_EVENTS, organization_id, days, limit)


async def forget_usage(connection: AsyncConnection, organization_id: int, days: int, limit: int) -> int:
    """Delete records of usage that are in the sums and older than ``days``, ``limit`` at most; returns how many."""
    return await _forget(connection, _FORGET_USAGE, organization_id, days, limit)


async def _forget(connection: AsyncConnection, statement: Any, organization_id: int, days: int, limit: int) -> int:
    given = {"organization_id": organization_id, "days": days, "limit": limit}
    return (await connection.execute(statement, given)).rowcount


_FORGET_KEYS = text("""
    DELETE FROM scheduled_tasks WHERE key = ANY (ARRAY(
        SELECT key FROM scheduled_tasks WHERE created_at < now() - interval '60 days' LIMIT :limit))
""")


async def forget_schedule_keys(connection: AsyncConnection, limit: int) -> int:
    """Delete the keys of tasks that were submitted long ago for their time, ``limit`` at most; returns how many."""
    return (await connection.execute(_FORGET_KEYS, {"limit": limit})).rowcount
