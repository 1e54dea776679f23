"""What an organization used in a month.

The sums of the days are complete together with the records that were not added to them yet: one transaction adds a
record and marks it. So one statement, which sees one state of both, counts each record exactly once.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from app.db.engine import Source, fetch
from app.db.statements import Statement
from app.domain.limits import ORGANIZATION
from app.domain.prices import STORED, UNITS
from app.domain.statements import Use

_COUNTED = [name for name in UNITS if name != STORED]
_SUMS = ", ".join(f"CAST(sum({name}) AS bigint) AS {name}" for name in [*_COUNTED, "stored_bytes"])
_NAMES = ", ".join([*_COUNTED, "stored_bytes"])
_GB = 1_000_000_000
_SIX_DECIMALS = Decimal("0.000001")

_SCOPE = f"organization_id = :organization_id AND CAST(:agent_id AS bigint) IN ({ORGANIZATION}, agent_id)"

_BY_DAY = Statement(f"""
    SELECT day, kind, model, {_SUMS}
    FROM (
        SELECT day, kind, model, {_NAMES} FROM usage_days
        WHERE {_SCOPE} AND day >= CAST(:first AS date) AND day < CAST(:next AS date)
        UNION ALL
        SELECT CAST(occurred_at AT TIME ZONE 'UTC' AS date), kind, model, {_NAMES} FROM usage_records
        WHERE {_SCOPE} AND counted_at IS NULL
            AND occurred_at >= CAST(:first AS date) AT TIME ZONE 'UTC'
            AND occurred_at < CAST(:next AS date) AT TIME ZONE 'UTC'
    ) AS used
    GROUP BY day, kind, model
    UNION ALL
    -- What was stored before the month, on the day before it.
    SELECT CAST(:first AS date) - 1, '', '', {", ".join("0" for _ in _COUNTED)}, CAST(sum(stored) AS bigint)
    FROM (
        SELECT sum(stored_bytes) FROM usage_days WHERE {_SCOPE} AND day < CAST(:first AS date)
        UNION ALL
        SELECT sum(stored_bytes) FROM usage_records
        WHERE {_SCOPE} AND counted_at IS NULL
            AND occurred_at < CAST(:first AS date) AT TIME ZONE 'UTC'
    ) AS before (stored)
""")


async def list_uses(
    source: Source, organization_id: int, month: date, today: date, agent_id: int = ORGANIZATION
) -> list[Use]:
    """What an organization or one of its agents used in a month, by day, quantity, kind and model, in this order.

    Args:
        source: The database or an open transaction.
        organization_id: The organization.
        month: The first day of the month.
        today: The current day. What is stored counts for the days up to it.
        agent_id: The agent, or ``ORGANIZATION`` for all.
    """
    following = next_month(month)
    parameters = {"organization_id": organization_id, "agent_id": agent_id, "first": month, "next": following}
    rows = await fetch(source, _BY_DAY, parameters)
    changes: dict[date, int] = {}
    for row in rows:
        changes[row["day"]] = changes.get(row["day"], 0) + (row["stored_bytes"] or 0)
    uses = [
        Use(row["day"], name, row["kind"], row["model"], Decimal(row[name]))
        for row in rows
        for name in _COUNTED
        if row[name]
    ]
    stored = _list_stored(changes, month, min(following - timedelta(days=1), today))
    return sorted([*uses, *stored], key=lambda use: (use.day, use.quantity, use.kind, use.model))


def next_month(month: date) -> date:
    """The first day of the month after ``month``."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)


def _list_stored(changes: dict[date, int], month: date, last: date) -> Iterator[Use]:
    """The GB-months of each day: what is stored at its end, in GB, divided by the days of the month."""
    days = (next_month(month) - month).days
    level, day = changes.get(month - timedelta(days=1), 0), month
    exact, given = Decimal(0), Decimal(0)
    while day <= last:
        level += changes.get(day, 0)
        # Rounded so that the days up to each one add up to their rounded sum.
        exact += Decimal(max(0, level)) / (_GB * days)
        rounded = exact.quantize(_SIX_DECIMALS, rounding=ROUND_HALF_EVEN)
        if rounded != given:
            yield Use(day, STORED, "", "", rounded - given)
        given, day = rounded, day + timedelta(days=1)


def describe_use(use: Use) -> list[Any]:
    """The JSON of a use, from which ``read_use`` reads it."""
    return [use.day.isoformat(), use.quantity, use.kind, use.model, str(use.amount)]
