"""Records of usage for tests, and the sums that must be equal."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import text

from app.db.engine import Database
from app.db.tables.usage import QUANTITIES

_ADD = text(f"""
    INSERT INTO usage_records (organization_id, agent_id, kind, model, occurred_at, {", ".join(QUANTITIES)})
    SELECT 1, 1 + n % 7, (ARRAY['document', 'search', 'embedding'])[1 + n % 3], (ARRAY['', 'large'])[1 + n % 2],
           CAST(:first AS timestamptz) + make_interval(mins => CAST(n * :minutes AS integer)),
           {", ".join(f"n % {7 + number}" for number in range(len(QUANTITIES)))}
    FROM generate_series(1, CAST(:count AS integer)) AS n
""")
_SUMS = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in QUANTITIES)
START = datetime(2026, 11, 27, 22, tzinfo=UTC)


async def add(database: Database, count: int, first: datetime = START, minutes: int = 3) -> None:
    """Add records, one for each few minutes."""
    async with database.transaction() as connection:
        await connection.execute(_ADD, {"count": count, "first": first, "minutes": minutes})


async def read_sums(database: Database, source: str, columns: str) -> list[dict[str, Any]]:
    """The sums of a table by some of its columns."""
    query = f"SELECT {columns}, {_SUMS} FROM {source} GROUP BY {columns} ORDER BY {columns}"
    async with database.statement() as connection:
        return [dict(row) for row in (await connection.execute(text(query))).mappings()]


async def check_sums(database: Database) -> None:
    """Check that the sums of hours, days and records are the same, for each agent, kind and model."""
    key = "organization_id, agent_id, kind, model"
    by_records = await read_sums(database, "usage_records", key)
    assert await read_sums(database, "usage_hours", key) == by_records
    assert await read_sums(database, "usage_days", key) == by_records
    by_hour = "(SELECT *, date_trunc('hour', occurred_at, 'UTC') AS hour FROM usage_records) AS r"
    assert await read_sums(database, by_hour, "hour") == await read_sums(database, "usage_hours", "hour")
