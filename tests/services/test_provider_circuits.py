"""Circuit breakers of providers that fail, are busy, reject the key and recover, shared by several processes."""

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.db.engine import Database
from app.db.providers.breakers import claim_probe
from app.domain.errors import (
    ProviderBusyError,
    ProviderCredentialsError,
    ProviderDownError,
    ProviderPausedError,
    ProviderRequestError,
    RetryLaterError,
)
from app.services.providers import calls as service
from app.services.providers.calls import CircuitPolicy, ProviderCalls
from tests.deadlines import deadline, wait_until
from tests.running import ROOT
from tests.services.outside import (
    CLAIM_SECONDS,
    OUTAGE,
    PACE,
    PROVIDER,
    SHORT_CLAIM_SECONDS,
    NoLimits,
    Provider,
    fail,
    get_state,
    let_pass,
)


async def test_five_failures_one_after_the_other_make_a_provider_down_and_the_work_wait(
    providers: ProviderCalls,
) -> None:
    got = await fail(providers, 5)
    assert [type(error) for error in got] == [ProviderDownError] * 4 + [ProviderPausedError]
    state = await get_state(providers)
    assert (state.name, state.state, state.failures, state.reason) == (PROVIDER, "open", 5, OUTAGE)
    assert 4 < state.wait <= 5


async def test_a_success_in_between_makes_the_count_begin_anew(providers: ProviderCalls) -> None:
    await fail(providers, 4)
    assert await providers.call(PROVIDER, Provider().request) == "answer"
    assert [type(error) for error in await fail(providers, 4)] == [ProviderDownError] * 4
    assert await providers.list_states() == []


async def test_a_success_makes_the_count_begin_anew_though_it_was_asked_for_before_the_failures(
    providers: ProviderCalls, others: ProviderCalls
) -> None:
    slow = Provider(hang=True)
    asking = asyncio.create_task(others.call(PROVIDER, slow.request))
    await slow.began.wait()
    await fail(providers, 4)
    slow.go_on.set()
    assert await asking == "answer"
    assert [type(error) for error in await fail(providers, 4)] == [ProviderDownError] * 4


@pytest.mark.parametrize(
    "error", [ProviderDownError(OUTAGE), ProviderBusyError(retry_after=50), ProviderCredentialsError(), None], ids=type
)
async def test_what_was_asked_before_a_provider_went_down_and_ends_later_changes_nothing(
    providers: ProviderCalls, others: ProviderCalls, error: Exception | None
) -> None:
    slow = Provider(*filter(None, [error]), hang=True)
    asking = asyncio.create_task(others.call(PROVIDER, slow.request))
    await slow.began.wait()
    await fail(providers, 5)
    before = await get_state(providers)
    slow.go_on.set()
    [end] = await asyncio.gather(asking, return_exceptions=True)
    assert end == "answer" if error is None else isinstance(end, RetryLaterError)
    assert replace(await get_state(providers), wait=0) == replace(before, wait=0)


async def test_while_a_provider_is_down_it_is_not_called_and_every_caller_gets_the_reason(
    providers: ProviderCalls, others: ProviderCalls
) -> None:
    await fail(providers, 5)
    provider = Provider()
    for process in (providers, others):
        with pytest.raises(ProviderPausedError) as raised:
            await process.call(PROVIDER, provider.request)
        error = raised.value
        assert error.detail
        assert error.detail.startswith(f"Waiting for provider {PROVIDER}: down since 20")
        assert error.detail.endswith(OUTAGE)
        assert error.retry_after
        assert error.retry_after > 4
    assert provider.asked == 0
    assert await providers.call("pinecone", provider.request) == "answer", "another provider is not affected"


async def test_many_failures_at_the_same_time_open_the_circuit_once(
    providers: ProviderCalls, others: ProviderCalls
) -> None:
    provider = Provider(*(ProviderDownError(OUTAGE) for _ in range(40)), hang=True)
    calls = [asyncio.create_task(p.call(PROVIDER, provider.request)) for p in (providers, others) for _ in range(20)]
    await wait_until(lambda: provider.asked == 40, "all to ask")
    provider.go_on.set()
    got = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(error, ProviderDownError) for error in got) == 4
    assert sum(isinstance(error, ProviderPausedError) for error in got) == 36
    state = await get_state(providers)
    assert state.failures == 5, "answers to earlier requests do not count any more"
    assert state.wait <= 5


async def test_one_asks_whether_it_is_up_again_and_its_success_brings_all_back(
    providers: ProviderCalls, others: ProviderCalls, database: Database
) -> None:
    await fail(providers, 5)
    await let_pass(database, 5)
    provider = Provider(hang=True)
    calls = [asyncio.create_task(p.call(PROVIDER, provider.request)) for p in (providers, others) for _ in range(10)]
    await wait_until(lambda: sum(call.done() for call in calls) == 19, "all but one to be told to wait")
    [probing] = [call for call in calls if not call.done()]
    assert all(isinstance(call.exception(), ProviderPausedError) for call in calls if call is not probing)
    assert (provider.asked, provider.most_at_once) == (1, 1)
    provider.go_on.set()
    assert await probing == "answer"
    assert await providers.list_states() == []
    answers = await asyncio.gather(*(others.call(PROVIDER, provider.request) for _ in range(10)))
    assert answers == ["answer"] * 10


async def test_of_two_that_see_at_the_same_moment_that_the_time_has_come_one_asks(
    providers: ProviderCalls, others: ProviderCalls, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = asyncio.Barrier(2)

    async def take_at_the_same_moment(*arguments: Any) -> bool:
        await both.wait()
        return await claim_probe(*arguments)

    await fail(providers, 5)
    await let_pass(database, 5)
    monkeypatch.setattr(service, "claim_probe", take_at_the_same_moment)
    provider = Provider()
    calls = (process.call(PROVIDER, provider.request) for process in (providers, others))
    got = await asyncio.gather(*calls, return_exceptions=True)
    assert provider.asked == 1
    assert {type(end) for end in got} == {str, ProviderPausedError}


async def test_each_time_it_fails_again_it_is_left_alone_for_twice_as_long_but_never_over_a_minute(
    providers: ProviderCalls, database: Database
) -> None:
    await fail(providers, 5)
    waits = []
    for _ in range(6):
        await let_pass(database, 1000)
        [error] = await fail(providers)
        assert isinstance(error, ProviderPausedError), "it does not count as a retry"
        waits.append((await get_state(providers)).wait)
    assert waits == pytest.approx([10, 20, 40, 60, 60, 60], abs=0.5)


async def test_the_time_that_a_failing_provider_asks_for_is_kept_to(providers: ProviderCalls) -> None:
    await fail(providers, 5, error=lambda: ProviderDownError(OUTAGE, retry_after=600))
    assert (await get_state(providers)).wait > 599


async def test_when_the_process_that_asks_is_killed_another_asks(
    database_url: str, providers: ProviderCalls, database: Database
) -> None:
    await fail(providers, 5)
    await let_pass(database, 5)
    command = [sys.executable, "-m", "tests.services.caller", "ask", database_url]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout
    assert await process.stdout.readline() == b"asked\n"
    with pytest.raises(ProviderPausedError):
        await providers.call(PROVIDER, Provider().request)
    process.kill()
    await process.wait()
    await let_pass(database, CLAIM_SECONDS)
    assert await providers.call(PROVIDER, Provider().request) == "answer"
    assert await providers.list_states() == []


async def test_while_a_request_for_a_text_runs_no_other_process_requests_it(
    others: ProviderCalls, database: Database
) -> None:
    await fail(others, 5)
    await let_pass(database, 5)
    slow, other = Provider(hang=True), Provider()
    asker = ProviderCalls(database, NoLimits(), policy=PACE, probe_seconds=SHORT_CLAIM_SECONDS)
    asking = asyncio.create_task(asker.call(PROVIDER, slow.request))
    await slow.began.wait()
    begun = (await get_state(others)).ask_at
    async with asyncio.timeout(deadline(60)):
        while begun and ((await get_state(others)).ask_at or begun) - begun < timedelta(seconds=SHORT_CLAIM_SECONDS):
            with pytest.raises(ProviderPausedError):
                await others.call(PROVIDER, other.request)
            await asyncio.sleep(0.05)
    assert other.asked == 0
    slow.go_on.set()
    assert await asking == "answer"
    assert await others.call(PROVIDER, other.request) == "answer"


async def test_when_the_one_who_asks_is_cancelled_another_asks_soon(
    providers: ProviderCalls, others: ProviderCalls, database: Database
) -> None:
    await fail(providers, 5)
    await let_pass(database, 5)
    slow = Provider(hang=True)
    asking = asyncio.create_task(providers.call(PROVIDER, slow.request))
    await slow.began.wait()
    asking.cancel()
    await asyncio.wait({asking})
    await let_pass(database, CLAIM_SECONDS)
    assert await others.call(PROVIDER, Provider().request) == "answer"


async def test_a_key_that_is_refused_stops_all_at_once_and_is_tried_again_every_half_minute_or_minute(
    providers: ProviderCalls, database: Database
) -> None:
    refusal = "openai-embeddings answered 401: wrong key"
    waits = []
    for _ in range(3):
        [error] = await fail(providers, error=lambda: ProviderCredentialsError(refusal))
        assert isinstance(error, ProviderPausedError)
        assert refusal in (error.detail or "")
        waits.append((await get_state(providers)).wait)
        await let_pass(database, 60)
    assert waits == pytest.approx([30, 60, 60], abs=0.5)
    assert await providers.call(PROVIDER, Provider().request) == "answer"


@pytest.mark.parametrize("error", [ProviderRequestError("no such dimension"), RuntimeError("a defect")])
async def test_what_is_wrong_with_one_request_says_nothing_about_the_provider(
    providers: ProviderCalls, database: Database, error: Exception
) -> None:
    await fail(providers, 4)
    assert await fail(providers, 3, error=lambda: error) == [error] * 3
    assert await providers.list_states() == []
    await fail(providers)
    await let_pass(database, 5)
    assert await fail(providers, error=lambda: error) == [error]
    state = await get_state(providers)
    assert (state.state, state.wait) == ("open", 0), "another process may send a probe at once"
    assert await providers.call(PROVIDER, Provider().request) == "answer"


async def test_one_that_was_down_and_answers_that_it_is_busy_is_up(
    providers: ProviderCalls, database: Database
) -> None:
    await fail(providers, 5)
    await let_pass(database, 5)
    [error] = await fail(providers, error=lambda: ProviderBusyError("slow down", retry_after=20))
    assert isinstance(error, ProviderBusyError)
    state = await get_state(providers)
    assert (state.state, state.failures) == ("waiting", 0)


async def test_what_is_down_is_listed_by_name_with_what_it_said(database: Database) -> None:
    providers = ProviderCalls(database, NoLimits(), policy=CircuitPolicy(1, 5, 60))
    for name in ("qdrant", "openai-chat"):
        with pytest.raises(ProviderPausedError):
            await providers.call(name, Provider(ProviderDownError("out of order")).request)
    states = await providers.list_states()
    assert [state.name for state in states] == ["openai-chat", "qdrant"]
    assert states[0].describe().startswith("openai-chat: down since 20")
    assert states[0].describe().endswith("UTC. out of order")
