"""Providers that fail, are busy, refuse, and come back, as several processes ask them."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from app.db.engine import Database
from app.domain.errors import (
    DatabaseAwayError,
    ProviderBusyError,
    ProviderDownError,
    ProviderPausedError,
    ProviderRefusedError,
    ProviderRejectedError,
)
from app.services import providers as service
from app.services.providers import Pace, Providers, ProviderState
from app.settings import Settings
from tests.running import ROOT
from tests.services.outside import PACE, PROBE_SECONDS, PROVIDER, NoLimits, Provider, let_pass, wait_until

pytestmark = pytest.mark.anyio

DOWN = "openai-embeddings answered 503: try later"


@pytest.fixture
def providers(database: Database) -> Providers:
    return Providers(database, NoLimits(), pace=PACE, probe_seconds=PROBE_SECONDS)


@pytest.fixture
def others(database: Database) -> Providers:
    """The same in another process, as far as it can know."""
    return Providers(database, NoLimits(), pace=PACE, probe_seconds=PROBE_SECONDS)


class Limiter:
    """Has the waits it is given, then room."""

    def __init__(self, *waits: float) -> None:
        self.waits = list(waits)
        self.tokens: list[int] = []

    async def acquire(self, _provider: str, tokens: int) -> float:
        self.tokens.append(tokens)
        return self.waits.pop(0) if self.waits else 0.0

    async def close(self) -> None:
        """Nothing to let go of."""


async def fail(
    providers: Providers, times: int = 1, *, error: Callable[[], Exception] | None = None
) -> list[Exception]:
    """What the caller gets when the provider fails so many times."""
    made = [error() if error else ProviderDownError(DOWN) for _ in range(times)]
    got = []
    for failure in made:
        with pytest.raises(Exception) as raised:  # noqa: PT011 - the test looks at which
            await providers.call(PROVIDER, Provider(failure).request)
        got.append(raised.value)
    return got


async def get_state(providers: Providers) -> ProviderState:
    [state] = await providers.list_states()
    return state


async def test_five_failures_one_after_the_other_make_a_provider_down_and_the_work_wait(providers: Providers) -> None:
    got = await fail(providers, 5)
    assert [type(error) for error in got] == [ProviderDownError] * 4 + [ProviderPausedError]
    state = await get_state(providers)
    assert (state.name, state.state, state.failures, state.reason) == (PROVIDER, "open", 5, DOWN)
    assert 4 < state.wait <= 5


async def test_a_success_in_between_makes_the_count_begin_anew(providers: Providers) -> None:
    await fail(providers, 4)
    assert await providers.call(PROVIDER, Provider().request) == "answer"
    assert [type(error) for error in await fail(providers, 4)] == [ProviderDownError] * 4
    assert await providers.list_states() == []


async def test_while_a_provider_is_down_nobody_asks_it_and_all_are_told_why(
    providers: Providers, others: Providers
) -> None:
    await fail(providers, 5)
    provider = Provider()
    for process in (providers, others):
        with pytest.raises(ProviderPausedError) as raised:
            await process.call(PROVIDER, provider.request)
        error = raised.value
        assert error.detail
        assert error.detail.startswith(f"Waiting for provider {PROVIDER}: down since 20")
        assert error.detail.endswith(DOWN)
        assert error.retry_after
        assert error.retry_after > 4
    assert provider.asked == 0
    assert await providers.call("pinecone", provider.request) == "answer", "another provider is none of its business"


async def test_many_failures_at_the_same_time_open_the_circuit_once(providers: Providers, others: Providers) -> None:
    provider = Provider(*(ProviderDownError(DOWN) for _ in range(40)), hang=True)
    calls = [asyncio.create_task(p.call(PROVIDER, provider.request)) for p in (providers, others) for _ in range(20)]
    await wait_until(lambda: provider.asked == 40, "all to ask")
    provider.go_on.set()
    got = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(error, ProviderDownError) for error in got) == 4
    assert sum(isinstance(error, ProviderPausedError) for error in got) == 36
    state = await get_state(providers)
    assert state.failures == 5, "what was heard late counts no more"
    assert state.wait <= 5


async def test_one_asks_whether_it_is_up_again_and_its_success_brings_all_back(
    providers: Providers, others: Providers, database: Database
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


async def test_each_time_it_fails_again_it_is_left_alone_for_twice_as_long_but_never_over_a_minute(
    providers: Providers, database: Database
) -> None:
    await fail(providers, 5)
    waits = []
    for _ in range(6):
        await let_pass(database, 1000)
        [error] = await fail(providers)
        assert isinstance(error, ProviderPausedError), "a retry is not burnt"
        waits.append((await get_state(providers)).wait)
    assert waits == pytest.approx([10, 20, 40, 60, 60, 60], abs=0.5)


async def test_the_time_that_a_failing_provider_asks_for_is_kept_to(providers: Providers) -> None:
    await fail(providers, 5, error=lambda: ProviderDownError(DOWN, retry_after=600))
    assert (await get_state(providers)).wait > 599


async def test_when_the_process_that_asks_is_killed_another_asks(
    settings: Settings, providers: Providers, database: Database
) -> None:
    await fail(providers, 5)
    await let_pass(database, 5)
    command = [sys.executable, "-m", "tests.services.caller", "ask", settings.database_url or ""]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout
    assert await process.stdout.readline() == b"asked\n"
    with pytest.raises(ProviderPausedError):
        await providers.call(PROVIDER, Provider().request)
    process.kill()
    await process.wait()
    answer, deadline = None, time.monotonic() + 30
    while answer is None and time.monotonic() < deadline:
        try:
            answer = await providers.call(PROVIDER, Provider().request)
        except ProviderPausedError:
            await asyncio.sleep(0.05)
    assert answer == "answer"
    assert await providers.list_states() == []


async def test_however_long_the_one_who_asks_waits_for_the_answer_nobody_else_asks(
    providers: Providers, others: Providers, database: Database
) -> None:
    await fail(providers, 5)
    await let_pass(database, 5)
    slow, other = Provider(hang=True), Provider()
    asking = asyncio.create_task(providers.call(PROVIDER, slow.request))
    await slow.began.wait()
    moved, deadline = set[Any](), time.monotonic() + 30
    while len(moved) < 6 and time.monotonic() < deadline:  # renewed for longer than a claim lives
        with pytest.raises(ProviderPausedError):
            await others.call(PROVIDER, other.request)
        moved.add((await get_state(others)).ask_at)
        await asyncio.sleep(0.05)
    assert len(moved) == 6
    assert other.asked == 0
    slow.go_on.set()
    assert await asking == "answer"
    assert await others.call(PROVIDER, other.request) == "answer"


async def test_when_the_one_who_asks_is_cancelled_another_asks_soon(
    providers: Providers, others: Providers, database: Database
) -> None:
    await fail(providers, 5)
    await let_pass(database, 5)
    slow = Provider(hang=True)
    asking = asyncio.create_task(providers.call(PROVIDER, slow.request))
    await slow.began.wait()
    asking.cancel()
    await asyncio.wait({asking})
    await let_pass(database, PROBE_SECONDS)
    assert await others.call(PROVIDER, Provider().request) == "answer"


async def test_a_key_that_is_refused_stops_all_at_once_and_is_tried_again_every_half_minute_or_minute(
    providers: Providers, database: Database
) -> None:
    refusal = "openai-embeddings answered 401: wrong key"
    waits = []
    for _ in range(3):
        [error] = await fail(providers, error=lambda: ProviderRefusedError(refusal))
        assert isinstance(error, ProviderPausedError)
        assert refusal in (error.detail or "")
        waits.append((await get_state(providers)).wait)
        await let_pass(database, 60)
    assert waits == pytest.approx([30, 60, 60], abs=0.5)
    assert await providers.call(PROVIDER, Provider().request) == "answer"


@pytest.mark.parametrize("error", [ProviderRejectedError("no such dimension"), RuntimeError("a defect")])
async def test_what_is_wrong_with_one_request_says_nothing_about_the_provider(
    providers: Providers, database: Database, error: Exception
) -> None:
    await fail(providers, 4)
    assert await fail(providers, 3, error=lambda: error) == [error] * 3
    assert await providers.list_states() == []
    await fail(providers)
    await let_pass(database, 5)
    assert await fail(providers, error=lambda: error) == [error]
    state = await get_state(providers)
    assert (state.state, state.wait) == ("open", 0), "another may ask at once"
    assert await providers.call(PROVIDER, Provider().request) == "answer"


async def test_a_provider_that_is_busy_is_left_alone_by_all_as_long_as_it_asked(
    providers: Providers, others: Providers, database: Database
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


async def test_a_short_wait_is_waited_in_place_and_the_request_made_again(providers: Providers) -> None:
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
    assert await Providers(database, NoLimits()).call(PROVIDER, provider.request, patience=1000) == "answer"
    assert [seconds for seconds in waits if seconds >= 0.9] == [1, 2, 4, 8, 16, 30, 30]


async def test_one_that_was_down_and_answers_that_it_is_busy_is_up(providers: Providers, database: Database) -> None:
    await fail(providers, 5)
    await let_pass(database, 5)
    [error] = await fail(providers, error=lambda: ProviderBusyError("slow down", retry_after=20))
    assert isinstance(error, ProviderBusyError)
    state = await get_state(providers)
    assert (state.state, state.failures) == ("waiting", 0)


async def test_room_that_comes_soon_is_waited_for_in_place(database: Database) -> None:
    limiter = Limiter(0.05, 0.05)
    assert await Providers(database, limiter).call(PROVIDER, Provider().request, tokens=700) == "answer"
    assert limiter.tokens == [700, 700, 700]


async def test_room_that_comes_late_puts_the_work_off(database: Database) -> None:
    provider = Provider()
    with pytest.raises(ProviderBusyError, match=f"Waiting for provider {PROVIDER}") as raised:
        await Providers(database, Limiter(30)).call(PROVIDER, provider.request)
    assert raised.value.retry_after
    assert 30 <= raised.value.retry_after <= 35
    assert provider.asked == 0


async def test_those_who_are_put_off_do_not_all_come_back_at_the_same_time(
    database: Database, providers: Providers
) -> None:
    async def get_wait(process: Providers) -> float:
        with pytest.raises((ProviderBusyError, ProviderPausedError)) as raised:
            await process.call(PROVIDER, Provider().request)
        return raised.value.retry_after or 0

    limited = Providers(database, Limiter(*[10.0] * 50))
    waits = [await get_wait(limited) for _ in range(50)]
    assert min(waits) >= 10
    assert max(waits) - min(waits) > 2
    await fail(providers, 5)
    waits = [await get_wait(providers) for _ in range(50)]
    assert max(waits) - min(waits) > 1


async def test_one_that_is_down_can_be_asked_by_others_while_the_first_has_no_room(
    providers: Providers, database: Database
) -> None:
    await fail(providers, 5)
    await let_pass(database, 5)
    with pytest.raises(ProviderBusyError):
        await Providers(database, Limiter(30.0)).call(PROVIDER, Provider().request)
    await let_pass(database, 30)
    assert await providers.call(PROVIDER, Provider().request) == "answer"


async def test_an_answer_counts_though_the_database_is_away_when_it_comes(
    providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def be_away(*_arguments: Any, **_more: Any) -> None:
        raise DatabaseAwayError

    await fail(providers)
    for name in ("note_success", "note_failure"):
        monkeypatch.setattr(service, name, be_away)
    assert await providers.call(PROVIDER, Provider().request) == "answer"
    [error] = await fail(providers)
    assert isinstance(error, ProviderDownError)


async def test_what_is_down_is_listed_by_name_with_what_it_said(database: Database) -> None:
    providers = Providers(database, NoLimits(), pace=Pace(1, 5, 60))
    for name in ("qdrant", "openai-chat"):
        with pytest.raises(ProviderPausedError):
            await providers.call(name, Provider(ProviderDownError("out of order")).request)
    states = await providers.list_states()
    assert [state.name for state in states] == ["openai-chat", "qdrant"]
    assert states[0].describe().startswith("openai-chat: down since 20")
    assert states[0].describe().endswith("UTC. out of order")
