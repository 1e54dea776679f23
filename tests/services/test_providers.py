"""Providers as all processes ask them: their bad days, their wish to be left alone, and their limits."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.engine import Database
from app.domain.errors import (
    DatabaseAwayError,
    ProviderBusyError,
    ProviderDownError,
    ProviderPausedError,
    ProviderRefusedError,
    ProviderRejectedError,
)
from app.services.providers import Pace, Providers, ProviderState

pytestmark = pytest.mark.anyio

NAME = "oracle"
# Nothing here waits so long: the tests move the database's times instead.
PACE = Pace(threshold=5, pause=100.0, longest=600.0)
DOWN, BUSY = ProviderDownError("It broke."), ProviderBusyError("Slowly!", retry_after=50)
REFUSED, REJECTED = ProviderRefusedError("Who are you?"), ProviderRejectedError("Not that.")


class Oracle:
    """The outside world: does to each request what the test has it do, and counts them."""

    def __init__(self, *answers: Exception | str) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self) -> str:
        """The next answer; the last for ever."""
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Slow(Oracle):
    """Answers once it is let; ``reached`` is set when it is asked."""

    def __init__(self, answer: Exception | str) -> None:
        super().__init__(answer)
        self.reached, self.let = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> str:
        """The answer, when the test says so."""
        self.reached.set()
        await self.let.wait()
        return await super().__call__()


class Limiter:
    """Has room, or says how long it has none; cannot count when ``waits`` holds an error."""

    def __init__(self, *waits: float | Exception) -> None:
        self.waits = list(waits)

    async def acquire(self, _provider: str, _tokens: int) -> float:
        """The next wait, then 0."""
        wait = self.waits.pop(0) if self.waits else 0.0
        if isinstance(wait, Exception):
            raise wait
        return wait

    async def close(self) -> None:
        """Nothing to let go of."""


@pytest.fixture
def make(engine: AsyncEngine) -> Callable[..., Providers]:
    """Makes the providers of another process each time: nothing but the database is shared."""

    def make(*waits: float | Exception, probe_seconds: float = 10.0) -> Providers:
        return Providers(Database(engine), Limiter(*waits), pace=PACE, refused_seconds=30, probe_seconds=probe_seconds)

    return make


async def fail(providers: Providers, error: Exception, times: int = 1) -> list[Exception]:
    """What callers meet of so many requests that end with an error; they do not wait."""
    met = []
    for _ in range(times):
        with pytest.raises(Exception) as raised:  # noqa: PT011 - judged by who asked for it
            await providers.call(NAME, Oracle(error), patience=0)
        met.append(raised.value)
    return met


def list_kinds(met: Sequence[Exception]) -> list[type[Exception]]:
    return [type(error) for error in met]


async def get_state(providers: Providers) -> ProviderState | None:
    return next(iter(await providers.list_states()), None)


async def let_time_pass(engine: AsyncEngine) -> None:
    """As if the time had come to ask again."""
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE providers SET ask_at = clock_timestamp()"))


async def test_five_failures_one_after_the_other_stop_all_and_burn_no_retry_from_then_on(make: Callable) -> None:
    assert list_kinds(await fail(make(), DOWN, 5)) == [ProviderDownError] * 4 + [ProviderPausedError]
    unheard = Oracle("never")
    with pytest.raises(ProviderPausedError) as raised:
        await make().call(NAME, unheard)
    assert unheard.asked == 0
    assert raised.value.detail.startswith(f"Waiting for provider {NAME}: down since ")
    assert raised.value.detail.endswith("It broke.")
    assert 99 < raised.value.retry_after <= 105
    assert (await get_state(make())).state == "open"
    assert await make().call("another", Oracle("up")) == "up"


async def test_a_success_counts_failures_anew_though_its_request_began_before_them(make: Callable) -> None:
    slow = Slow("late, but well")
    success = asyncio.create_task(make().call(NAME, slow))
    await slow.reached.wait()
    await fail(make(), DOWN, 4)
    slow.let.set()
    assert await success == "late, but well"
    assert list_kinds(await fail(make(), DOWN, 5)) == [ProviderDownError] * 4 + [ProviderPausedError]


@pytest.mark.parametrize("answer", [DOWN, BUSY, REFUSED, "well"], ids=["down", "busy", "refused", "well"])
async def test_what_was_asked_before_a_provider_went_down_and_ends_later_changes_nothing(
    make: Callable, answer: Exception | str
) -> None:
    slow = Slow(answer)
    late = asyncio.create_task(make().call(NAME, slow, patience=0))
    await slow.reached.wait()
    await fail(make(), DOWN, 5)
    before = await get_state(make())
    slow.let.set()
    if isinstance(answer, str):
        assert await late == answer
    else:
        with pytest.raises((ProviderBusyError, ProviderPausedError), match=f"Waiting for provider {NAME}"):
            await late
    after = await get_state(make())
    assert (after.failures, after.down_since, after.ask_at) == (before.failures, before.down_since, before.ask_at)


async def test_one_at_a_time_sees_whether_it_is_up_again_and_its_success_brings_all_back(
    make: Callable, engine: AsyncEngine
) -> None:
    await fail(make(), DOWN, 5)
    await let_time_pass(engine)
    slow = Slow("up")
    calls = [asyncio.create_task(make().call(NAME, slow)) for _ in range(16)]
    done, [probing] = await asyncio.wait(calls, return_when=asyncio.ALL_COMPLETED, timeout=0) if False else (
        await _await_all_but_one(calls)
    )
    assert {type(call.exception()) for call in done} == {ProviderPausedError}
    slow.let.set()
    assert await probing == "up"
    assert slow.asked == 1
    assert await get_state(make()) is None
    assert await asyncio.gather(*(make().call(NAME, Oracle("up")) for _ in range(16))) == ["up"] * 16


async def _await_all_but_one(
    calls: Sequence["asyncio.Task[str]"],
) -> tuple[set["asyncio.Task[str]"], set["asyncio.Task[str]"]]:
    async with asyncio.timeout(20):
        pending = set(calls)
        while len(pending) > 1:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        return set(calls) - pending, pending


async def test_each_failed_probe_doubles_the_wait_up_to_the_longest(make: Callable, engine: AsyncEngine) -> None:
    await fail(make(), DOWN, 5)
    waits = []
    for _ in range(5):
        waits.append((await get_state(make())).wait)
        await let_time_pass(engine)
        assert list_kinds(await fail(make(), DOWN)) == [ProviderPausedError]
    assert waits == pytest.approx([100, 200, 400, 600, 600], abs=2)
