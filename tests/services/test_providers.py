"""Busy and rate-limited providers, called by tasks that wait only briefly."""

import time
from typing import Any

import pytest

from app.db.engine import Database
from app.domain.errors import DatabaseUnavailableError, ProviderBusyError, ProviderDownError, ProviderPausedError
from app.services.providers import calls as service
from app.services.providers.calls import ProviderCalls
from tests.services.outside import PROVIDER, Limiter, NoLimits, Provider, fail, get_state, let_pass


async def test_a_provider_that_is_busy_is_left_alone_by_all_as_long_as_it_asked(
    providers: ProviderCalls, others: ProviderCalls, database: Database
) -> None:
    busy = ProviderBusyError("openai-embeddings answered 429: slow down", retry_after=20)
    [error] = await fail(providers, error=lambda: busy)
    assert isinstance(error, ProviderBusyError)
    provider = Provider()
    with pytest.raises(ProviderBusyError, match="Waiting for provider openai-embeddings") as raised:
        await others.call(PROVIDER, provider.request)
    assert raised.value.retry_after
    assert raised.value.retry_after > 19
    assert provider.asked == 0
    state = await get_state(others)
    assert (state.state, state.down_since) == ("waiting", None)
    await let_pass(database, 20)
    assert await others.list_states() == []
    assert await others.call(PROVIDER, provider.request) == "answer"


async def test_a_short_wait_is_waited_in_place_and_the_request_made_again(providers: ProviderCalls) -> None:
    provider = Provider(ProviderBusyError(retry_after=0.2), ProviderBusyError(retry_after=0.1))
    began = time.monotonic()
    assert await providers.call(PROVIDER, provider.request) == "answer"
    assert provider.asked == 3
    assert time.monotonic() - began >= 0.3


async def test_where_a_busy_provider_names_no_time_it_is_left_alone_for_longer_each_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = []

    async def wait(_call: object, seconds: float, _reason: str) -> None:
        waits.append(seconds)
        await let_pass(database, seconds)

    monkeypatch.setattr(service._Call, "wait", wait)
    provider = Provider(*(ProviderBusyError() for _ in range(7)))
    assert await ProviderCalls(database, NoLimits()).call(PROVIDER, provider.request, max_wait=1000) == "answer"
    assert [seconds for seconds in waits if seconds >= 0.9] == [1, 2, 4, 8, 16, 30, 30]


async def test_room_that_comes_soon_is_waited_for_in_place(database: Database) -> None:
    limiter = Limiter(0.05, 0.05)
    assert await ProviderCalls(database, limiter).call(PROVIDER, Provider().request, tokens=700) == "answer"
    assert limiter.tokens == [700, 700, 700]


async def test_room_that_comes_late_puts_the_work_off(database: Database) -> None:
    provider = Provider()
    with pytest.raises(ProviderBusyError, match=f"Waiting for provider {PROVIDER}") as raised:
        await ProviderCalls(database, Limiter(30)).call(PROVIDER, provider.request)
    assert raised.value.retry_after
    assert 30 <= raised.value.retry_after <= 35
    assert provider.asked == 0


async def test_no_request_goes_uncounted_and_those_that_cannot_be_counted_return_one_by_one(
    database: Database,
) -> None:
    detail, provider = f"Waiting for provider {PROVIDER}: Redis is away.", Provider()
    uncounted = ProviderCalls(database, Limiter(*(ProviderBusyError(detail, retry_after=5) for _ in range(20))))
    waits = []
    for _ in range(20):
        with pytest.raises(ProviderBusyError, match=detail) as raised:
            await uncounted.call(PROVIDER, provider.request)
        waits.append(raised.value.retry_after or 0)
    assert provider.asked == 0
    assert min(waits) >= 5
    assert max(waits) - min(waits) > 0.5
    assert await uncounted.list_states() == [], "the provider has not failed"
    assert await uncounted.call(PROVIDER, provider.request) == "answer"


async def test_those_who_are_put_off_do_not_all_come_back_at_the_same_time(
    database: Database, providers: ProviderCalls
) -> None:
    async def get_wait(process: ProviderCalls) -> float:
        with pytest.raises((ProviderBusyError, ProviderPausedError)) as raised:
            await process.call(PROVIDER, Provider().request)
        return raised.value.retry_after or 0

    limited = ProviderCalls(database, Limiter(*[10.0] * 50))
    waits = [await get_wait(limited) for _ in range(50)]
    assert min(waits) >= 10
    assert max(waits) - min(waits) > 2
    await fail(providers, 5)
    waits = [await get_wait(providers) for _ in range(50)]
    assert max(waits) - min(waits) > 1


async def test_another_process_may_probe_a_down_provider_while_the_first_has_no_capacity(
    providers: ProviderCalls, database: Database
) -> None:
    await fail(providers, 5)
    await let_pass(database, 5)
    with pytest.raises(ProviderBusyError):
        await ProviderCalls(database, Limiter(30.0)).call(PROVIDER, Provider().request)
    assert 29 < (await get_state(providers)).wait <= 30, "until the limit permits it, not until the claim expires"
    await let_pass(database, 30)
    assert await providers.call(PROVIDER, Provider().request) == "answer"


async def test_an_answer_counts_though_the_database_is_away_when_it_comes(
    providers: ProviderCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def be_away(*_arguments: Any, **_more: Any) -> None:
        raise DatabaseUnavailableError

    await fail(providers)
    for name in ("record_success", "record_failure"):
        monkeypatch.setattr(service, name, be_away)
    assert await providers.call(PROVIDER, Provider().request) == "answer"
    [error] = await fail(providers)
    assert isinstance(error, ProviderDownError)
