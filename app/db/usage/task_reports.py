"""Reads how tasks ended and how long their stages took: hours that are counted, and the tasks since then."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.usage.task_sums import ENDED, OUTCOMES, STAGES
from app.domain.periods import UsageReport
from app.domain.states import State

_STATES = {"succeeded": State.SUCCESS, "failed": State.FAILURE, "revoked": State.REVOKED}
_ENDS = ", ".join(
    f"CAST(coalesce(sum(count) FILTER (WHERE state = '{state}'), 0) AS bigint) AS {name}"
    for name, state in _STATES.items()
)
_PERCENTILES = ", ".join(
    f"min(bucket) FILTER (WHERE upto >= {share} * total) AS {name}" for name, share in (("p50", 0.5), ("p95", 0.95))
)

# The rows of a page, of what is in ``outcomes`` and ``buckets``.
_PAGE = f"""
    grouped AS (SELECT start, agent_id, {_ENDS}, CAST(sum(count) AS bigint) AS tasks FROM outcomes GROUP BY 1, 2),
    page AS (
        SELECT * FROM (SELECT *, count(*) OVER () AS total FROM grouped) AS g
        WHERE (start, agent_id) > (CAST(:after_start AS timestamptz), CAST(:after_agent AS bigint))
        ORDER BY start, agent_id LIMIT :limit
    ),
    failures AS (
        SELECT start, agent_id, jsonb_object_agg(code, count) AS codes FROM (
            SELECT start, agent_id, code, sum(count) AS count FROM outcomes WHERE state = '{State.FAILURE}'
            GROUP BY 1, 2, 3) AS f
        GROUP BY 1, 2
    ),
    running AS (
        SELECT b.*, sum(b.count) OVER (PARTITION BY start, agent_id, stage ORDER BY bucket) AS upto,
               sum(b.count) OVER (PARTITION BY start, agent_id, stage) AS total
        FROM buckets AS b JOIN page USING (start, agent_id)
    ),
    timed AS (SELECT start, agent_id, stage, max(total) AS count, {_PERCENTILES} FROM running GROUP BY 1, 2, 3),
    stages AS (
        SELECT start, agent_id, jsonb_agg(jsonb_build_array(stage, count, p50, p95) ORDER BY stage) AS stages
        FROM timed GROUP BY 1, 2
    )
    SELECT page.*, coalesce(codes, '{{}}') AS failures, coalesce(stages, '[]') AS stages
    FROM page LEFT JOIN failures USING (start, agent_id) LEFT JOIN stages USING (start, agent_id)
    ORDER BY start, agent_id
"""


def _write_query(wanted: UsageReport) -> TextClause:
    agent = "AND agent_id = :agent_id" if wanted.agent_id is not None else ""
    counted = f"organization_id = :organization_id AND hour >= :begin AND hour < :end {agent}"
    agent_key = "agent_id" if wanted.group_by else "0 AS agent_id"
    key = f"date_trunc('{wanted.granularity}', hour, 'UTC') AS start, {agent_key}"
    return text(f"""
        WITH since AS (SELECT max(hour) + interval '1 hour' AS moment FROM task_hours),
        ended AS MATERIALIZED (
            {ENDED} AND t.organization_id = :organization_id {agent.replace("agent_id =", "t.agent_id =")}
            AND t.completed_at >= greatest(CAST(:begin AS timestamptz), (SELECT moment FROM since))
            AND t.completed_at < :end
        ),
        outcomes AS (
            SELECT {key}, state, code, count FROM (
                SELECT organization_id, hour, agent_id, state, code, count FROM task_hours WHERE {counted}
                UNION ALL {OUTCOMES}) AS o
        ),
        buckets AS (
            SELECT {key}, stage, bucket, sum(count) AS count FROM (
                SELECT organization_id, hour, agent_id, stage, bucket, count FROM stage_hours WHERE {counted}
                UNION ALL {STAGES}) AS s
            GROUP BY 1, 2, 3, 4
        ),
        {_PAGE}
    """)


async def list_task_sums(
    connection: AsyncConnection,
    organization_id: int,
    wanted: UsageReport,
    *,
    after: tuple[datetime, int],
    limit: int,
) -> list[Mapping[str, Any]]:
    """List how tasks ended by period, from one snapshot.

    Each row has ``start``, ``agent_id`` (0 if rows are not grouped), ``tasks`` and how many of them ``succeeded``,
    ``failed`` and were ``revoked``, the ``failures`` by code, the ``stages`` as arrays of name, count, and the buckets
    of the percentiles, and the ``total`` of rows.

    Args:
        connection: The connection.
        organization_id: The organization.
        wanted: What to report; rows can be grouped by agent.
        after: The keys of the row before the first one.
        limit: The largest number of rows.
    """
    parameters: dict[str, Any] = {
        "organization_id": organization_id,
        "begin": wanted.begin,
        "end": wanted.end,
        "after_start": after[0],
        "after_agent": after[1],
        "limit": limit,
    }
    if wanted.agent_id is not None:
        parameters["agent_id"] = wanted.agent_id
    return [dict(row) for row in (await connection.execute(_write_query(wanted), parameters)).mappings()]
