"""The statement of a month with a million records equals a computation in SQL from the raw records, to the cent."""

import sys
import time
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.billing.uses import next_month
from app.db.engine import Database
from app.domain.prices import parse_prices
from app.services.billing.prices import Prices
from app.services.billing.statements import Statements
from tests.deadlines import deadline
from tests.services.test_monthly_statements import LAST_MONTH

_RECORDS = 1_000_000
_PRICES = {
    "versions": [
        {
            "valid_from": "2020-01-01",
            "prices": [
                {
                    "quantity": "documents",
                    "tiers": [{"up_to": 1000, "price": 0}, {"up_to": 300_000, "price": "0.0107"}, {"price": "0.0031"}],
                },
                {"quantity": "tokens_in", "per": 1000, "price": "0.0013"},
                {"quantity": "tokens_in", "model": "large", "per": 1000, "free": 12_345, "price": "0.0217"},
                {"quantity": "stored_gb_months", "price": "0.37"},
                {"quantity": "searches", "price": "0.000125"},
            ],
        }
    ]
}
_FILL = text("""
    INSERT INTO usage_records (organization_id, agent_id, kind, model, occurred_at, documents, tokens_in, stored_bytes,
                               searches)
    SELECT :organization, 1 + n % 97, CASE WHEN n % 5 = 0 THEN 'search' ELSE 'document' END,
           CASE WHEN n % 3 = 0 THEN 'large' WHEN n % 3 = 1 THEN 'small' ELSE '' END,
           CAST(:first AS date) AT TIME ZONE 'UTC' + make_interval(secs => n * 2.4192 - 1000),
           CASE WHEN n % 5 = 0 THEN 0 ELSE 1 END, n % 1013, CASE WHEN n % 11 = 0 THEN -1 ELSE 1 END * (n % 400007),
           CASE WHEN n % 5 = 0 THEN 1 ELSE 0 END
    FROM generate_series(1, :records) AS n
""")
# Written without the code that it checks: from the raw records, with the tiers and the rounding spelled out.
_EXPECTED = text("""
    WITH record AS (
        SELECT * FROM usage_records
        WHERE organization_id = :organization AND occurred_at >= CAST(:first AS date) AT TIME ZONE 'UTC'
            AND occurred_at < CAST(:next AS date) AT TIME ZONE 'UTC'
    ),
    used AS (
        SELECT sum(documents) AS documents, sum(searches) AS searches,
               sum(tokens_in) FILTER (WHERE model = 'large') AS large,
               sum(tokens_in) FILTER (WHERE model <> 'large') AS other
        FROM record
    ),
    level AS (
        SELECT sum(r.stored_bytes) AS bytes
        FROM generate_series(CAST(:first AS date), CAST(:next AS date) - 1, interval '1 day') AS d (day)
        JOIN usage_records AS r ON r.organization_id = :organization
            AND r.occurred_at < (CAST(d.day AS date) + 1) AT TIME ZONE 'UTC'
        GROUP BY d.day
    ),
    stored AS (
        SELECT round(sum(greatest(bytes, 0)) / 1000000000 / (CAST(:next AS date) - CAST(:first AS date)), 6) AS months
        FROM level
    ),
    line AS (
        SELECT unnest(ARRAY[
            least(greatest(documents - 1000, 0), 299000) * 0.0107, greatest(documents - 300000, 0) * 0.0031,
            other * 0.0013 / 1000, greatest(large - 12345, 0) * 0.0217 / 1000, months * 0.37, searches * 0.000125
        ]) AS amount
        FROM used, stored
    )
    SELECT sum(CASE WHEN amount * 100 - trunc(amount * 100) = 0.5 AND mod(trunc(amount * 100), 2) = 0
                    THEN trunc(amount, 2) ELSE round(amount, 2) END)
    FROM line
""")
# Half of the records are in the sums of the days, as after an interrupted roll-up.
_ROLL_UP = text("""
    WITH counted AS (
        UPDATE usage_records SET counted_at = now() WHERE organization_id = :organization AND id % 2 = 0 RETURNING *
    )
    INSERT INTO usage_days (organization_id, day, agent_id, kind, model, documents, tokens_in, stored_bytes, searches)
    SELECT organization_id, (occurred_at AT TIME ZONE 'UTC')::date, agent_id, kind, model, sum(documents),
           sum(tokens_in), sum(stored_bytes), sum(searches)
    FROM counted GROUP BY 1, 2, 3, 4, 5
""")


async def _run(engine: AsyncEngine, statement: Any, **parameters: Any) -> Any:
    async with engine.begin() as connection:
        result = await connection.execute(statement, parameters)
        return result.scalar() if result.returns_rows else None


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_statement_of_a_million_records_is_exact_to_the_cent(database: Database, engine: AsyncEngine) -> None:
    organization = await _run(engine, text("INSERT INTO organizations (name) VALUES ('Weir') RETURNING id"))
    month = {"organization": organization, "first": LAST_MONTH}
    await _run(engine, _FILL, **month, records=_RECORDS)
    await _run(engine, text("ANALYZE usage_records"))
    expected = await _run(engine, _EXPECTED, **month, next=next_month(LAST_MONTH))
    seconds: dict[str, float] = {}
    for name in ("no record in the sums", "half of the records in the sums"):
        if seconds:
            await _run(engine, _ROLL_UP, organization=organization)
        began = time.perf_counter()
        statement = await Statements(database, Prices(database, parse_prices(_PRICES))).get(organization, LAST_MONTH)
        seconds[name] = time.perf_counter() - began
        assert statement.total == expected > Decimal(3000)
        assert statement.revision == 1, "the same records make no further revision"
    sys.stdout.write(f"\nStatement of {_RECORDS:,} records: {statement.total} USD, seconds: {seconds}\n")
    assert max(seconds.values()) < deadline(10)
