"""Queries on stored statements."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.billing.uses import describe_use
from app.domain.prices import PriceList, describe_prices, parse_prices
from app.domain.statements import BillingStatement, Line, Use, describe_line, read_line


@dataclass(frozen=True, slots=True)
class StoredStatement:
    """A revision of the statement of a closed month, and the uses from which it was made."""

    statement: BillingStatement
    uses: Sequence[Any]

    def covers(self, uses: Sequence[Use]) -> bool:
        """Whether these uses are those of the statement."""
        return [describe_use(use) for use in uses] == self.uses


@dataclass(frozen=True, slots=True)
class BilledOrganization:
    """What a statement needs of its organization, and the current day in UTC by the database's clock."""

    name: str
    settings: dict[str, Any]
    today: date
    now: datetime


_FIND_ORGANIZATION = text("""
    SELECT name, settings, CAST(now() AT TIME ZONE 'UTC' AS date) AS today, now() AS now
    FROM organizations WHERE id = :organization_id
""")
_LIST = text("""
    SELECT revision, prices, lines, uses, total, made_at,
           total - lag(total) OVER (ORDER BY revision) AS adjustment
    FROM billing_statements WHERE organization_id = :organization_id AND month = :month ORDER BY revision
""")
_ADD = text("""
    INSERT INTO billing_statements (organization_id, month, revision, prices, lines, uses, total)
    VALUES (:organization_id, :month, :revision, CAST(:prices AS jsonb), CAST(:lines AS jsonb), CAST(:uses AS jsonb),
            :total)
    -- Another request has made the same revision.
    ON CONFLICT (organization_id, month, revision) DO NOTHING
""")

_SET_PRICES = text("""
    UPDATE organizations
    SET settings = CASE WHEN CAST(:prices AS jsonb) IS NULL THEN settings - 'prices'
                        ELSE settings || jsonb_build_object('prices', CAST(:prices AS jsonb)) END
    WHERE id = :organization_id RETURNING id
""")


async def get_organization(connection: AsyncConnection, organization_id: int) -> BilledOrganization | None:
    """An organization's name and settings; None if there is none."""
    row = (await connection.execute(_FIND_ORGANIZATION, {"organization_id": organization_id})).one_or_none()
    return BilledOrganization(row.name, row.settings, row.today, row.now) if row else None


async def set_own_prices(connection: AsyncConnection, organization_id: int, prices: dict[str, Any] | None) -> bool:
    """Store an organization's own prices, or remove them; False if there is no such organization."""
    given = {"organization_id": organization_id, "prices": prices and json.dumps(prices)}
    return (await connection.execute(_SET_PRICES, given)).one_or_none() is not None


async def list_stored(
    connection: AsyncConnection, organization_id: int, organization: str, month: date
) -> list[StoredStatement]:
    """The revisions of a month's statement, first one first."""
    rows = await connection.execute(_LIST, {"organization_id": organization_id, "month": month})
    return [
        StoredStatement(
            BillingStatement(
                organization_id,
                organization,
                month,
                row.revision,
                row.made_at,
                parse_prices(row.prices),
                [read_line(line) for line in row.lines],
                row.total,
                row.adjustment,
            ),
            row.uses,
        )
        for row in rows
    ]


async def add_stored(
    connection: AsyncConnection,
    organization_id: int,
    month: date,
    revision: int,
    *,
    prices: PriceList,
    lines: Sequence[Line],
    uses: Sequence[Use],
    total: Decimal,
) -> None:
    """Store a revision, unless it exists."""
    await connection.execute(
        _ADD,
        {
            "organization_id": organization_id,
            "month": month,
            "revision": revision,
            "prices": json.dumps(describe_prices(prices)),
            "lines": json.dumps([describe_line(line) for line in lines]),
            "uses": json.dumps([describe_use(use) for use in uses]),
            "total": total,
        },
    )
