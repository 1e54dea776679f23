"""Requests a minute are counted over all processes, and pass while Redis is unreachable."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import structlog

from app.adapters.redis.limits import RedisLimits
from app.db.engine import Database
from app.domain.identity import Identity, Scope
from app.domain.limits import NO_LIMITS, Limits, RateStatus
from app.services.billing import request_rates as module
from app.services.billing.limit_book import LimitBook
from app.services.billing.request_rates import RequestRates
from app.settings import Settings
from tests.services.test_monthly_statements import Sql, organization, sql

__all__ = ["organization", "sql"]


def _identify(organization_id: int, version: int = 0) -> Identity:
    return Identity(organization_id, frozenset({Scope.READ}), "sk", limits_version=version)


@pytest.fixture
async def counters(settings: Settings) -> AsyncIterator[list[RedisLimits]]:
    """Two processes that count in one Redis."""
    prefix = uuid4().hex
    made = [RedisLimits(settings.redis_url or "", {}, prefix=prefix, window=60.0) for _ in range(2)]
    yield made
    for counter in made:
        await counter.close()


async def test_processes_count_together_and_a_refused_request_is_not_counted(
    database: Database, organization: int, counters: list[RedisLimits]
) -> None:
    defaults = Limits(requests_per_minute=5)
    rates = [RequestRates(LimitBook(database, defaults), counter) for counter in counters]
    found: list[RateStatus] = []
    for number in range(8):
        found += await rates[number % 2].count(_identify(organization))
    assert [state.remaining for state in found] == [4, 3, 2, 1, 0, 0, 0, 0]
    assert [state.refused for state in found] == [False] * 5 + [True] * 3
    assert all(0 < state.reset <= 60 for state in found)


async def test_requests_at_the_same_time_are_counted_exactly(
    database: Database, organization: int, counters: list[RedisLimits]
) -> None:
    rates = [RequestRates(LimitBook(database, Limits(requests_per_minute=20)), counter) for counter in counters]
    found = await asyncio.gather(*(rates[number % 2].count(_identify(organization)) for number in range(50)))
    assert sum(not state.refused for [state] in found) == 20


async def test_the_limits_of_organization_and_agent_hold_together(
    database: Database, sql: Sql, organization: int, counters: list[RedisLimits]
) -> None:
    agent = await sql(
        "INSERT INTO agents (organization_id, name, slug) VALUES (:o, 'A', 'a') RETURNING id", o=organization
    )
    book = LimitBook(database, Limits(requests_per_minute=3))
    rates, caller = RequestRates(book, counters[0]), _identify(organization, 1)
    await book.set(organization, agent, Limits(requests_per_minute=1))
    first = await rates.count(caller, agent)
    second = await rates.count(caller, agent)
    third = await rates.count(caller)
    assert [(state.policy, state.remaining, state.refused) for state in first] == [
        ("organization", 2, False),
        ("agent", 0, False),
    ]
    assert [(state.policy, state.remaining, state.refused) for state in second] == [
        ("organization", 2, False),
        ("agent", 0, True),
    ]
    assert [(state.policy, state.remaining) for state in third] == [("organization", 1)]


async def test_nothing_is_counted_without_a_limit(database: Database, organization: int) -> None:
    no_counter: Any = None
    assert await RequestRates(LimitBook(database, NO_LIMITS), no_counter).count(_identify(organization)) == []


async def test_requests_pass_while_redis_is_unreachable_and_it_is_logged_once(
    database: Database, organization: int, counters: list[RedisLimits], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.0)
    unreachable = RedisLimits(f"redis+socket://{tmp_path}/none", {}, window=60.0)
    rates = RequestRates(LimitBook(database, Limits(requests_per_minute=1)), unreachable)
    with structlog.testing.capture_logs() as logs:
        assert [await rates.count(_identify(organization)) for _ in range(3)] == [[], [], []]
        rates._counter = counters[0]
        assert len(await rates.count(_identify(organization))) == 1
    assert [one["event"] for one in logs] == ["request_limits_unavailable", "request_limits_resumed"]
