"""Statements count every record once, and the statement of a closed month never changes."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.bodies.billing import StatementBody
from app.db.billing.uses import next_month
from app.db.engine import Database
from app.domain.errors import InvalidRequestError, NotFoundError
from app.domain.prices import NO_PRICES, PriceList, parse_prices
from app.domain.statements import BillingStatement
from app.services.billing.prices import Prices
from app.services.billing.statements import Statements

TODAY = datetime.now(UTC).date()
THIS_MONTH = TODAY.replace(day=1)
LAST_MONTH = (THIS_MONTH - timedelta(days=1)).replace(day=1)
OLD_MONTH = (LAST_MONTH - timedelta(days=70)).replace(day=1)
PRICES = parse_prices(
    {
        "currency": "EUR",
        "versions": [{"valid_from": "2020-01-01", "prices": [{"quantity": "documents", "free": 2, "price": "0.25"}]}],
    }
)
Sql = Callable[..., Awaitable[Any]]


@pytest.fixture
def sql(engine: AsyncEngine) -> Sql:
    """Runs a statement; returns the first value of its first row, if any."""

    async def run(statement: str, **parameters: Any) -> Any:
        async with engine.begin() as connection:
            result = await connection.execute(text(statement), parameters)
            return result.scalar() if result.returns_rows else None

    return run


@pytest.fixture
async def organization(sql: Sql) -> int:
    """A new organization."""
    made: int = await sql("INSERT INTO organizations (name) VALUES ('Weir') RETURNING id")
    return made


def make_statements(database: Database, prices: PriceList = PRICES) -> Statements:
    return Statements(database, Prices(database, prices))


async def record(sql: Sql, organization: int, day: date, **quantities: int) -> None:
    """Record usage at noon of a day."""
    names, values = ", ".join(quantities), ", ".join(f":{name}" for name in quantities)
    await sql(
        f"INSERT INTO usage_records (organization_id, agent_id, kind, occurred_at, {names}) "
        f"VALUES (:organization, 1, 'document', :at, {values})",
        organization=organization,
        at=datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
        **quantities,
    )


async def roll_up(sql: Sql, organization: int) -> None:
    """Add the records to the sums of the days, as the task of the roll-up does."""
    await sql(
        """
        WITH counted AS (
            UPDATE usage_records SET counted_at = now() WHERE organization_id = :organization AND counted_at IS NULL
            RETURNING *
        )
        INSERT INTO usage_days AS d (organization_id, day, agent_id, kind, model, documents, stored_bytes)
        SELECT organization_id, (occurred_at AT TIME ZONE 'UTC')::date, agent_id, kind, model, sum(documents),
               sum(stored_bytes)
        FROM counted GROUP BY 1, 2, 3, 4, 5
        ON CONFLICT (organization_id, day, agent_id, kind, model) DO UPDATE
        SET documents = d.documents + excluded.documents, stored_bytes = d.stored_bytes + excluded.stored_bytes
        """,
        organization=organization,
    )


def show(statement: BillingStatement) -> list[tuple[str, str, str]]:
    return [(line.quantity, str(line.units), str(line.amount)) for line in statement.lines]


async def test_records_count_once_whether_they_are_in_the_sums_or_not(
    database: Database, sql: Sql, organization: int
) -> None:
    statements = make_statements(database)
    await record(sql, organization, THIS_MONTH, documents=5)
    before = await statements.get(organization, None)
    await roll_up(sql, organization)
    await record(sql, organization, THIS_MONTH, documents=1)
    after = await statements.get(organization, THIS_MONTH)
    assert show(before) == [("documents", "2", "0.00"), ("documents", "3", "0.75")]
    assert show(after) == [("documents", "2", "0.00"), ("documents", "4", "1.00")]
    assert (after.total, after.revision, after.prices.currency) == (Decimal("1.00"), 0, "EUR")


async def test_a_record_belongs_to_its_month_in_utc(database: Database, sql: Sql, organization: int) -> None:
    for second in (datetime(LAST_MONTH.year, LAST_MONTH.month, 1, tzinfo=UTC) - timedelta(seconds=1),) * 2:
        await sql(
            "INSERT INTO usage_records (organization_id, agent_id, kind, occurred_at, documents) "
            "VALUES (:o, 1, 'document', :at, 1), (:o, 1, 'document', :next, 1)",
            o=organization,
            at=second,
            next=second + timedelta(seconds=1),
        )
    statements = make_statements(database, NO_PRICES)
    assert show(await statements.get(organization, LAST_MONTH)) == [("documents", "2", "0.00")]


async def test_what_is_stored_is_the_average_of_the_levels_at_the_ends_of_the_days(
    database: Database, sql: Sql, organization: int
) -> None:
    days = (next_month(LAST_MONTH) - LAST_MONTH).days
    gigabyte = 1_000_000_000
    await record(sql, organization, LAST_MONTH - timedelta(days=40), stored_bytes=3 * gigabyte)
    await roll_up(sql, organization)
    await record(sql, organization, LAST_MONTH + timedelta(days=9), stored_bytes=gigabyte)
    await record(sql, organization, LAST_MONTH + timedelta(days=19), stored_bytes=-4 * gigabyte)
    statement = await make_statements(database, NO_PRICES).get(organization, LAST_MONTH)
    expected = (Decimal(3 * 9 + 4 * 10) / days).quantize(Decimal("0.000001"))
    assert show(statement) == [("stored_gb_months", str(expected), "0.00")]


async def test_a_closed_month_keeps_its_prices_and_late_usage_makes_a_revision(
    database: Database, sql: Sql, organization: int
) -> None:
    await record(sql, organization, LAST_MONTH, documents=10)
    first = await make_statements(database).get(organization, LAST_MONTH)
    dearer = parse_prices(
        {"versions": [{"valid_from": "2020-01-01", "prices": [{"quantity": "documents", "price": 9}]}]}
    )
    later = make_statements(database, dearer)
    assert await later.get(organization, LAST_MONTH) == first
    await record(sql, organization, LAST_MONTH + timedelta(days=3), documents=4)
    second = await later.get(organization, LAST_MONTH)
    assert (first.revision, first.total, first.adjustment) == (1, Decimal("2.00"), None)
    assert (second.revision, second.total, second.adjustment) == (2, Decimal("3.00"), Decimal("1.00"))
    assert await later.get(organization, LAST_MONTH) == second
    assert await later.get(organization, LAST_MONTH, 1) == first


async def test_a_month_is_final_after_sixty_days(database: Database, sql: Sql, organization: int) -> None:
    statements = make_statements(database)
    await record(sql, organization, OLD_MONTH, documents=10)
    first = await statements.get(organization, OLD_MONTH)
    await record(sql, organization, OLD_MONTH, documents=10)
    assert await statements.get(organization, OLD_MONTH) == first


async def test_requests_at_the_same_time_make_one_revision(database: Database, sql: Sql, organization: int) -> None:
    await record(sql, organization, LAST_MONTH, documents=10)
    statements = make_statements(database)
    made = await asyncio.gather(*(statements.get(organization, LAST_MONTH) for _ in range(6)))
    assert {statement.revision for statement in made} == {1}
    assert await sql("SELECT count(*) FROM billing_statements WHERE organization_id = :o", o=organization) == 1


async def test_months_that_have_not_begun_and_unknown_revisions_are_not_found(
    database: Database, organization: int
) -> None:
    statements = make_statements(database)
    with pytest.raises(NotFoundError, match="has not begun"):
        await statements.get(organization, next_month(THIS_MONTH))
    with pytest.raises(NotFoundError, match="no revision 3"):
        await statements.get(organization, LAST_MONTH, 3)


async def test_an_organization_has_its_own_prices_until_they_are_removed(
    database: Database, sql: Sql, organization: int
) -> None:
    prices = Prices(database, PRICES)
    await record(sql, organization, THIS_MONTH, documents=10)
    version = {"valid_from": "2021-01-01", "prices": [{"quantity": "documents", "price": 0.5}]}
    await prices.set_own(organization, [version])
    statements = Statements(database, prices)
    assert (await statements.get(organization, None)).total == Decimal("5.00")
    await prices.set_own(organization, [])
    assert (await statements.get(organization, None)).total == Decimal("2.00")
    with pytest.raises(InvalidRequestError, match=r"body\.versions\[0\]\.valid_from: Must be a date"):
        await prices.set_own(organization, [{}])
    with pytest.raises(NotFoundError):
        await prices.set_own(0, [version])


async def test_a_price_far_below_a_cent_is_stored_and_read_again(
    database: Database, sql: Sql, organization: int
) -> None:
    prices = Prices(database, PRICES)
    await record(sql, organization, LAST_MONTH, pages=50_000_000)
    tiny = {"valid_from": "2021-01-01", "prices": [{"quantity": "pages", "price": "0.0000002"}]}
    await prices.set_own(organization, [tiny])
    for _ in range(2):
        statement = await Statements(database, prices).get(organization, LAST_MONTH)
        assert statement.total == Decimal("10.00")
        assert '"unit_price":"0.0000002"' in StatementBody.of(statement).model_dump_json()
