"""Counts how the tasks of an hour ended, and how long their stages took."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.usage.durations import write_bucket
from app.domain.states import FINAL

_STATES = ", ".join(f"'{state}'" for state in FINAL)

ENDED = f"""
    SELECT t.organization_id, t.agent_id, t.state, t.error, t.stages, t.created_at, t.available_at, t.started_at,
           t.completed_at
    FROM tasks AS t JOIN agents AS a ON a.id = t.agent_id AND NOT a.internal
    WHERE t.state IN ({_STATES})
"""
"""Tasks of clients that have ended; a condition on ``t.completed_at`` follows."""

_HOUR = "date_trunc('hour', t.completed_at, 'UTC')"

OUTCOMES = f"""
    SELECT t.organization_id, {_HOUR} AS hour, t.agent_id, t.state, coalesce(t.error ->> 'code', '') AS code,
           count(*) AS count
    FROM ended AS t GROUP BY 1, 2, 3, 4, 5
"""
"""The rows of ``task_hours`` of the tasks in ``ended``."""

# A stage lasts until the next one begins, as in ``app.domain.task_view``.
STAGES = f"""
    SELECT t.organization_id, {_HOUR} AS hour, t.agent_id, s.stage, {write_bucket("s.ms")} AS bucket, count(*) AS count
    FROM ended AS t CROSS JOIN LATERAL (
        SELECT 'queue' AS stage, extract(epoch FROM t.started_at - greatest(t.created_at, t.available_at)) * 1000 AS ms
        WHERE t.started_at IS NOT NULL
        UNION ALL
        SELECT 'total', extract(epoch FROM t.completed_at - t.created_at) * 1000
        UNION ALL
        SELECT e.entry ->> 'name', coalesce(lead(CAST(e.entry ->> 'at' AS numeric)) OVER (ORDER BY e.number),
               extract(epoch FROM t.completed_at) * 1000) - CAST(e.entry ->> 'at' AS numeric)
        FROM jsonb_array_elements(t.stages) WITH ORDINALITY AS e (entry, number)
    ) AS s
    GROUP BY 1, 2, 3, 4, 5
"""
"""The rows of ``stage_hours`` of the tasks in ``ended``."""

# The hour that was counted last is counted again, because a transaction may have ended after that. An hour of long ago
# is not: retention may have deleted its tasks.
_FIND_NEXT = text(f"""
    SELECT date_trunc('hour', min(t.completed_at), 'UTC') FROM tasks AS t
    WHERE t.completed_at >= greatest('-infinity', CAST(:after AS timestamptz), (
            SELECT CASE WHEN max(hour) > now() - interval '1 day' THEN max(hour) ELSE max(hour) + interval '1 hour' END
            FROM task_hours))
      AND t.completed_at < date_trunc('hour', now(), 'UTC') AND t.state IN ({_STATES})
""")


async def find_hour_to_count(connection: AsyncConnection, after: datetime | None) -> datetime | None:
    """Find the next hour that is over and whose tasks are to be counted, since ``after``. None when all are counted."""
    found: datetime | None = (await connection.execute(_FIND_NEXT, {"after": after})).scalar_one()
    return found


_CLEAR = [
    text("DELETE FROM task_hours WHERE hour = CAST(:hour AS timestamptz)"),
    text("DELETE FROM stage_hours WHERE hour = CAST(:hour AS timestamptz)"),
]
_COUNT = text(f"""
    WITH ended AS MATERIALIZED (
        {ENDED} AND t.completed_at >= CAST(:hour AS timestamptz)
        AND t.completed_at < CAST(:hour AS timestamptz) + interval '1 hour'
    ),
    counted AS (INSERT INTO task_hours (organization_id, hour, agent_id, state, code, count) {OUTCOMES})
    INSERT INTO stage_hours (organization_id, hour, agent_id, stage, bucket, count) {STAGES}
""")


async def count_hour(connection: AsyncConnection, hour: datetime) -> None:
    """Count the tasks that ended in an hour, in place of what was counted before. The caller holds a lock."""
    for statement in (*_CLEAR, _COUNT):
        await connection.execute(statement, {"hour": hour})
