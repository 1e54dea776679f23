"""Adds records of usage to the sums by hour and by day."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.usage import QUANTITIES

_KEY = "organization_id, {time}, agent_id, kind, model"
_SUMS = ", ".join(f"sum({name}) AS {name}" for name in QUANTITIES)


def _add_to(table: str, time: str, value: str) -> str:
    """The statement that adds the taken records to a table of sums, whose rows are locked in the order of their key."""
    added = ", ".join(f"{name} = s.{name} + excluded.{name}" for name in QUANTITIES)
    return f"""
        INSERT INTO {table} AS s ({_KEY.format(time=time)}, {", ".join(QUANTITIES)})
        SELECT organization_id, {value}, agent_id, kind, model, {_SUMS} FROM taken
        GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT ({_KEY.format(time=time)}) DO UPDATE SET {added}
    """


# Records that another transaction adds at the same time are skipped: that transaction marks them, or rolls back and
# leaves them to the next.
_ADD_RECORDS = text(f"""
    WITH taken AS MATERIALIZED (
        SELECT * FROM usage_records WHERE counted_at IS NULL ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
    ),
    hours AS ({_add_to("usage_hours", "hour", "date_trunc('hour', occurred_at, 'UTC')")}),
    days AS ({_add_to("usage_days", "day", "CAST(occurred_at AT TIME ZONE 'UTC' AS date)")}),
    marked AS (
        UPDATE usage_records AS r SET counted_at = clock_timestamp() FROM taken WHERE r.id = taken.id RETURNING 1
    )
    SELECT count(*) FROM marked
""")


async def add_records(connection: AsyncConnection, limit: int) -> int:
    """Add up to ``limit`` records to the sums and mark them as counted; returns how many.

    A record is counted in the transaction that marks it, whenever it arrives: exactly once, and none is missed.
    """
    return int((await connection.execute(_ADD_RECORDS, {"limit": limit})).scalar_one())
