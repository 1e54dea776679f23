"""Reads what was used: the sums, and the records that are not added to them yet."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.usage import QUANTITIES
from app.domain.periods import Granularity, UsageReport

_COLUMNS = ", ".join(QUANTITIES)
_SUMS = ", ".join(f"CAST(sum({name}) AS bigint) AS {name}" for name in QUANTITIES)
_MOMENT = "CAST(day AS timestamp) AT TIME ZONE 'UTC'"
_SOURCES = {
    Granularity.HOUR: ("usage_hours", "hour", "hour"),
    Granularity.DAY: ("usage_days", _MOMENT, _MOMENT),
    Granularity.MONTH: ("usage_days", f"date_trunc('month', {_MOMENT}, 'UTC')", _MOMENT),
}
"""Of each granularity: the table of sums, the beginning of the period of its rows, and the time of a row."""
DIMENSIONS = {"agent": ("agent_id", "0"), "kind": ("kind", "''"), "model": ("model", "''")}
"""What rows can be grouped by: the column, and what stands for all of them."""


def _write_query(wanted: UsageReport) -> TextClause:
    table, start, moment = _SOURCES[wanted.granularity]
    agent = "AND agent_id = :agent_id" if wanted.agent_id is not None else ""
    keys = [column if name in wanted.group_by else f"{rest} AS {column}" for name, (column, rest) in DIMENSIONS.items()]
    return text(f"""
        WITH used AS (
            SELECT {start} AS start, agent_id, kind, model, {_COLUMNS} FROM {table}
            WHERE organization_id = :organization_id AND {moment} >= :begin AND {moment} < :end {agent}
            UNION ALL
            SELECT date_trunc('{wanted.granularity}', occurred_at, 'UTC'), agent_id, kind, model, {_COLUMNS}
            FROM usage_records
            WHERE counted_at IS NULL AND organization_id = :organization_id
              AND occurred_at >= :begin AND occurred_at < :end {agent}
        ),
        named AS (
            -- Work of the organization itself, which has an agent that no client sees.
            SELECT u.start, CASE WHEN a.internal THEN 0 ELSE u.agent_id END AS agent_id, u.kind, u.model, {_COLUMNS}
            FROM used AS u LEFT JOIN agents AS a ON a.id = u.agent_id
        ),
        keyed AS (SELECT start, {", ".join(keys)}, {_COLUMNS} FROM named),
        grouped AS (SELECT start, agent_id, kind, model, {_SUMS} FROM keyed GROUP BY 1, 2, 3, 4)
        SELECT * FROM (SELECT *, count(*) OVER () AS total FROM grouped) AS counted
        WHERE (start, agent_id, kind, model)
              > (CAST(:after_start AS timestamptz), CAST(:after_agent AS bigint), :after_kind, :after_model)
        ORDER BY 1, 2, 3, 4 LIMIT :limit
    """)


async def list_usage(
    connection: AsyncConnection,
    organization_id: int,
    wanted: UsageReport,
    *,
    after: tuple[datetime, int, str, str],
    limit: int,
) -> list[Mapping[str, Any]]:
    """List what was used by period, from one snapshot: a record is in the sums or is added here, never both.

    Each row has ``start``, the columns of ``DIMENSIONS``, the quantities, and the ``total`` of rows. An agent of 0 is
    the organization itself, or all agents if rows are not grouped by them.

    Args:
        connection: The connection.
        organization_id: The organization.
        wanted: What to report.
        after: The keys of the row before the first one.
        limit: The largest number of rows.
    """
    names = ("after_start", "after_agent", "after_kind", "after_model")
    parameters = {
        "organization_id": organization_id,
        "begin": wanted.begin,
        "end": wanted.end,
        "limit": limit,
        **dict(zip(names, after, strict=True)),
    }
    if wanted.agent_id is not None:
        parameters["agent_id"] = wanted.agent_id
    return [dict(row) for row in (await connection.execute(_write_query(wanted), parameters)).mappings()]


_HAS_AGENT = text("SELECT EXISTS (SELECT FROM agents WHERE id = :agent_id AND organization_id = :organization_id)")


async def has_agent(connection: AsyncConnection, organization_id: int, agent_id: int) -> bool:
    """Whether an organization has, or had, an agent."""
    given = {"organization_id": organization_id, "agent_id": agent_id}
    return bool((await connection.execute(_HAS_AGENT, given)).scalar_one())
