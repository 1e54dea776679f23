"""Queries on the mails about an organization's dead letters: who receives them, and what was sent."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.dead_letters import DeadLetterCount, DeadLetterSummary


@dataclass(frozen=True, slots=True)
class AlertState:
    """The recipients that an organization has chosen, the number of mails so far, and until when they report."""

    emails: Sequence[str]
    number: int
    until: datetime | None


_READ = text("SELECT settings FROM organizations WHERE id = :organization_id")
_LOCK = text("SELECT settings FROM organizations WHERE id = :organization_id FOR NO KEY UPDATE")


async def read_alerts(connection: AsyncConnection, organization_id: int, *, lock: bool = False) -> AlertState | None:
    """Read the state of an organization's alerts; None if there is no such organization.

    With ``lock``, no mail is noted as sent until the transaction ends.
    """
    found = await connection.execute(_LOCK if lock else _READ, {"organization_id": organization_id})
    row = found.one_or_none()
    if row is None:
        return None
    sent = row.settings.get("alerts_sent", {})
    until = datetime.fromisoformat(sent["until"]) if sent else None
    return AlertState(row.settings.get("alerts", {}).get("emails", []), sent.get("number", 0), until)


_WRITE = text("""
    UPDATE organizations SET settings = settings || jsonb_build_object(CAST(:key AS text), CAST(:value AS jsonb))
    WHERE id = :organization_id RETURNING id
""")


async def _write(connection: AsyncConnection, organization_id: int, key: str, value: Any) -> bool:
    given = {"organization_id": organization_id, "key": key, "value": json.dumps(value)}
    return (await connection.execute(_WRITE, given)).one_or_none() is not None


async def write_alerts(connection: AsyncConnection, organization_id: int, emails: Sequence[str]) -> bool:
    """Replace the recipients. False if there is no such organization."""
    return await _write(connection, organization_id, "alerts", {"emails": list(emails)})


async def note_sent(connection: AsyncConnection, organization_id: int, number: int, until: datetime) -> None:
    """Record that a mail reports every dead letter until this time."""
    await _write(connection, organization_id, "alerts_sent", {"number": number, "until": until.isoformat()})


_SINCE = """
    FROM tasks WHERE organization_id = :organization_id AND dead_lettered_at IS NOT NULL AND name <> ALL (:without)
        AND dead_lettered_at > :since AND dead_lettered_at <= :until
"""
_COUNT = text(f"SELECT name, error ->> 'code' AS code, count(*) {_SINCE} GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 50")
_FIRST = text(
    "SELECT id, name, error ->> 'code' AS code, agent_id, document_id, dead_lettered_at"
    f" {_SINCE} ORDER BY dead_lettered_at, id LIMIT :limit"
)
_NOW = text("SELECT clock_timestamp()")


async def read_now(connection: AsyncConnection) -> datetime:
    """The database's clock."""
    now: datetime = (await connection.execute(_NOW)).scalar_one()
    return now


async def summarise(
    connection: AsyncConnection,
    organization_id: int,
    since: datetime,
    until: datetime,
    *,
    without: Sequence[str],
    limit: int,
) -> tuple[list[DeadLetterCount], list[DeadLetterSummary]]:
    """Count the dead letters of a time by task name and code, and describe the first ones.

    Args:
        connection: A connection.
        organization_id: Whose dead letters.
        since: Exclusive.
        until: Inclusive.
        without: The names of tasks that are left out.
        limit: The most dead letters that are described.
    """
    given = {"organization_id": organization_id, "since": since, "until": until, "without": list(without)}
    counts = [DeadLetterCount(*row) for row in await connection.execute(_COUNT, given)]
    first = [DeadLetterSummary(*row) for row in await connection.execute(_FIRST, {**given, "limit": limit})]
    return counts, first
