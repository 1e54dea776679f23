"""New work is refused when a quota is used up, exactly within a process; each level raises one event a month."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.billing.limits import _COUNT_OPEN
from app.db.engine import Database
from app.domain.errors import BudgetExceededError, NotFoundError, QuotaExceededError
from app.domain.limits import NO_LIMITS, ORGANIZATION, Limits, Need
from app.services.billing.limit_book import LimitBook
from app.services.billing.prices import Prices
from app.services.billing.quotas import Quotas
from tests.deadlines import wait_until
from tests.services.test_monthly_statements import PRICES, TODAY, Sql, organization, record, sql

__all__ = ["organization", "sql"]


class World:
    """Quotas on a database."""

    def __init__(self, database: Database, sql: Sql, organization: int, defaults: Limits = NO_LIMITS) -> None:
        self.database, self.sql, self.organization = database, sql, organization
        self.book = LimitBook(database, defaults)
        self.quotas = Quotas(database, self.book, Prices(database, PRICES))

    async def limit(self, agent: int = ORGANIZATION, **limits: Any) -> None:
        """Set limits."""
        await self.book.set(self.organization, agent, Limits(**limits))

    async def add(self, documents: int = 1, stored_bytes: int = 0, agent: int = 1) -> None:
        """Accept documents: their tasks are written while the quotas hold them."""
        async with self.quotas.hold(self.organization, agent, Need(documents, stored_bytes)):
            await asyncio.sleep(0)
            for _ in range(documents):
                await self.sql(
                    """
                    WITH document AS (
                        INSERT INTO documents (organization_id, agent_id, filename, media_type, size_bytes)
                        VALUES (:o, :agent, 'a.txt', 'text/plain', :size) RETURNING id
                    )
                    INSERT INTO tasks (id, organization_id, agent_id, document_id, name, queue)
                    SELECT gen_random_uuid(), :o, :agent, id, 'app.tasks.document_tasks.process_document', 'default'
                    FROM document
                    """,
                    o=self.organization,
                    agent=agent,
                    size=stored_bytes // max(1, documents),
                )

    async def list_events(self) -> list[tuple[str, str]]:
        """The types of the events, each with the name of the limit."""
        found: list[str] = await self.sql(
            "SELECT array_agg(type || ' ' || (data ->> 'name') ORDER BY id) FROM events WHERE organization_id = :o",
            o=self.organization,
        )
        return [(one.split()[0], one.split()[1]) for one in found or []]


@pytest.fixture
async def agent(sql: Sql, organization: int) -> int:
    """An agent of the organization, whose events are on."""
    await sql("UPDATE organizations SET events_until = 'infinity' WHERE id = :o", o=organization)
    made: int = await sql(
        "INSERT INTO agents (organization_id, name, slug) VALUES (:o, 'A', 'a') RETURNING id", o=organization
    )
    return made


@pytest.fixture
def world(database: Database, sql: Sql, organization: int) -> World:
    """Quotas without defaults."""
    return World(database, sql, organization)


async def test_documents_are_accepted_up_to_the_limit_and_no_further(world: World, agent: int) -> None:
    await world.limit(documents_per_month=5)
    await record(world.sql, world.organization, TODAY, documents=2)
    await world.add(2, agent=agent)
    await world.add(1, agent=agent)
    with pytest.raises(
        QuotaExceededError, match="documents_per_month of the organization is 5, and 5 is used"
    ) as caught:
        await world.add(1, agent=agent)
    assert caught.value.status == 402
    assert caught.value.members["quota"]["resets_at"].endswith("-01T00:00:00Z")


async def test_a_batch_counts_as_all_of_its_files(world: World, agent: int) -> None:
    await world.limit(documents_per_month=100)
    await world.add(60, agent=agent)
    with pytest.raises(QuotaExceededError):
        await world.add(41, agent=agent)
    await world.add(40, agent=agent)


async def test_requests_at_the_same_time_fill_a_quota_exactly(world: World, agent: int) -> None:
    await world.limit(documents_per_month=13)
    results = await asyncio.gather(*(world.add(agent=agent) for _ in range(30)), return_exceptions=True)
    assert sum(result is None for result in results) == 13
    assert {type(result) for result in results if result is not None} == {QuotaExceededError}
    count = "SELECT count(*) FROM documents WHERE organization_id = :o"
    assert await world.sql(count, o=world.organization) == 13


async def test_documents_of_former_months_do_not_count(world: World, agent: int) -> None:
    await world.limit(documents_per_month=1)
    await record(world.sql, world.organization, TODAY - timedelta(days=32), documents=50)
    await world.add(agent=agent)


async def test_stored_bytes_count_what_is_stored_and_what_is_about_to_be(world: World, agent: int) -> None:
    await world.limit(stored_bytes=1000)
    await record(world.sql, world.organization, TODAY - timedelta(days=40), stored_bytes=700)
    await world.add(1, 200, agent=agent)
    with pytest.raises(QuotaExceededError, match="Delete documents to free space") as caught:
        await world.add(1, 101, agent=agent)
    assert caught.value.members["quota"] == {
        "name": "stored_bytes",
        "agent_id": None,
        "limit": 1000,
        "used": 900,
        "resets_at": None,
    }
    await record(world.sql, world.organization, TODAY, stored_bytes=-500)
    await world.add(1, 101, agent=agent)


async def test_tokens_and_a_budget_refuse_further_work_once_they_are_used_up(world: World, agent: int) -> None:
    await world.limit(tokens_per_month=100, amount_per_month=Decimal("2.00"))
    await world.quotas.check(world.organization, agent)
    await record(world.sql, world.organization, TODAY, documents=10)
    fresh = World(world.database, world.sql, world.organization)
    with pytest.raises(BudgetExceededError, match=r"amount_per_month of the organization is 2\.00, and 2\.00 is used"):
        await fresh.quotas.check(world.organization, agent)
    await fresh.limit(tokens_per_month=100)
    await fresh.quotas.check(world.organization, agent)
    await record(world.sql, world.organization, TODAY, tokens_in=60, tokens_out=40)
    with pytest.raises(QuotaExceededError, match="tokens_per_month"):
        await World(world.database, world.sql, world.organization).quotas.check(world.organization, agent)


async def test_the_limit_of_an_agent_holds_for_that_agent(world: World, agent: int) -> None:
    await world.limit(agent, documents_per_month=1)
    await world.add(agent=agent)
    with pytest.raises(QuotaExceededError, match=f"of the agent {agent} is 1"):
        await world.add(agent=agent)
    other = await world.sql(
        "INSERT INTO agents (organization_id, name, slug) VALUES (:o, 'B', 'b') RETURNING id", o=world.organization
    )
    await world.add(3, agent=other)
    with pytest.raises(NotFoundError):
        await world.limit(agent + 1_000_000, documents_per_month=1)


async def test_defaults_hold_for_an_organization_without_own_limits(
    database: Database, sql: Sql, organization: int, agent: int
) -> None:
    world = World(database, sql, organization, Limits(documents_per_month=1))
    await world.add(agent=agent)
    with pytest.raises(QuotaExceededError):
        await world.add(agent=agent)
    await world.limit(documents_per_month=2)
    await world.add(agent=agent)


async def test_each_level_raises_one_event_a_month(world: World, agent: int) -> None:
    await world.limit(documents_per_month=10)
    await world.add(7, agent=agent)
    assert await world.list_events() == []
    await world.add(1, agent=agent)
    await world.add(1, agent=agent)
    assert await world.list_events() == [("quota.warning", "documents_per_month")]
    again = World(world.database, world.sql, world.organization)
    await again.add(1, agent=agent)
    with pytest.raises(QuotaExceededError):
        await again.add(1, agent=agent)
    assert await world.list_events() == [
        ("quota.warning", "documents_per_month"),
        ("quota.exceeded", "documents_per_month"),
    ]


async def test_work_that_fails_gives_its_share_back(world: World, agent: int) -> None:
    await world.limit(documents_per_month=1)
    with pytest.raises(ZeroDivisionError):
        async with world.quotas.hold(world.organization, agent, Need(1)):
            raise ZeroDivisionError
    await world.add(agent=agent)


async def test_an_organization_without_limits_causes_no_statement(
    world: World, agent: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.services.billing.limit_book.find_limits", None)
    world.book.note(world.organization, 0)
    async with world.quotas.hold(world.organization, agent, Need(1)):
        pass


async def test_a_process_notices_a_change_with_the_next_request(world: World, agent: int) -> None:
    other = World(world.database, world.sql, world.organization)

    async def authenticate() -> None:
        version = await world.sql("SELECT limits_version FROM organizations WHERE id = :o", o=world.organization)
        other.book.note(world.organization, version)

    await authenticate()
    assert (await other.book.get(world.organization, agent))[0] == NO_LIMITS
    for limit in (7, 8):
        await world.limit(documents_per_month=limit)
        await authenticate()
        assert (await other.book.get(world.organization, agent))[0] == Limits(documents_per_month=limit)


async def test_the_plan_reads_no_task_that_has_ended(world: World, engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        driver: Any = (await connection.get_raw_connection()).driver_connection
        values = _COUNT_OPEN.order({"organization_id": world.organization, "agent_id": 0})
        plan = "\n".join(row[0] for row in await driver.fetch(f"EXPLAIN {_COUNT_OPEN.sql}", *values))
    assert "Seq Scan on tasks" not in plan
    assert "tasks_organization_id_id_idx" not in plan


async def test_requests_of_one_organization_do_not_wait_for_those_of_another(world: World, agent: int) -> None:
    other: int = await world.sql("INSERT INTO organizations (name) VALUES ('Other') RETURNING id")
    for one in (world.organization, other):
        await world.book.set(one, ORGANIZATION, Limits(documents_per_month=1))
    async with world.quotas.hold(world.organization, agent, Need(1)):
        first = asyncio.create_task(_try(world, world.organization, agent))
        await wait_until(lambda: world.quotas._deciding, "the first request waits")
        async with world.quotas.hold(other, agent, Need(1)):
            second = asyncio.create_task(_try(world, other, agent))
            await wait_until(lambda: len(world.quotas._deciding) > 1, "the second request waits")
        await asyncio.wait_for(second, 5)
        assert not first.done()
    await first


async def _try(world: World, organization: int, agent: int) -> bool:
    """Whether a document is accepted."""
    try:
        async with world.quotas.hold(organization, agent, Need(1)):
            return True
    except QuotaExceededError:
        return False
