"""Limits that hold for all processes together, measured by the requests that were permitted."""

import asyncio
import gc
import multiprocessing
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from multiprocessing.queues import Queue
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from app.adapters.redis import limits as redis_limits
from app.adapters.redis.limits import Limit, RedisLimits
from app.adapters.redis.url import redis_client_url
from app.domain.errors import ProviderBusyError
from app.embedded import Engines
from tests.deadlines import deadline, wait_for, within

WINDOW = 1
WINDOWS = 3
BUSY = {"requests": Limit(200, None), "tokens": Limit(None, 10_000), "both": Limit(150, 10_000)}


@dataclass(frozen=True)
class Answer:
    """An answer, between two moments of a clock that all processes share.

    ``wait`` is 0 where the request was permitted, and None where Redis answered too late and may have counted it.
    """

    provider: str
    began: float
    ended: float
    tokens: int
    wait: float | None


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("valkey"), postgres=False) as engines:
        yield engines


@pytest.fixture
def redis(valkey: Engines) -> Iterator[Any]:
    """A client. Its methods are declared for synchronous and asynchronous clients at once, hence ``Any``."""
    with Redis.from_url(redis_client_url(valkey.urls.redis_url)) as client:
        yield client


@pytest.fixture
def prefix() -> str:
    """A prefix for each test, so that nothing is counted yet."""
    return f"{uuid4()}:"


@pytest.fixture
async def limits(valkey: Engines, prefix: str) -> AsyncIterator[RedisLimits]:
    made = RedisLimits(
        valkey.urls.redis_url,
        {"few": Limit(3), "wordy": Limit(None, 1_000_000), "both": Limit(5, 1000), "free": Limit()},
        prefix=prefix,
    )
    yield made
    await made.close()


async def test_as_many_requests_as_a_minute_has_get_through_and_the_next_is_told_when(limits: RedisLimits) -> None:
    assert [await limits.acquire("few", 0) for _ in range(3)] == [0, 0, 0]
    assert 60 < await limits.acquire("few", 0) <= 62


async def test_tokens_are_let_through_up_to_the_limit_whatever_the_requests_are(limits: RedisLimits) -> None:
    assert [await limits.acquire("wordy", tokens) for tokens in (100_000, 400_000, 499_900)] == [0, 0, 0]
    assert await limits.acquire("wordy", 101) > 60
    assert await limits.acquire("wordy", 100) == 0, "the last hundred were left"
    assert await limits.acquire("wordy", 0) > 60


async def test_redis_keeps_an_entry_a_request_and_forgets_those_of_earlier_minutes(
    valkey: Engines, redis: Any, prefix: str
) -> None:
    limits = RedisLimits(valkey.urls.redis_url, {"wordy": Limit(10**6, 10**12)}, prefix=prefix, window=0.2)
    taken: list[float] = []  # the latest moment at which each was taken
    last = 0.0
    while not taken or last < taken[0] + 0.5:
        last = time.monotonic()
        assert await limits.acquire("wordy", 10**5) == 0
        taken.append(time.monotonic())
    recent = sum(moment >= last - 0.2 for moment in taken)
    for key in redis.keys(f"{prefix}*"):
        assert redis.llen(key) <= recent + 1, "and the last one before"
    await limits.close()


async def test_more_tokens_than_a_minute_has_take_the_whole_of_it(limits: RedisLimits) -> None:
    assert await limits.acquire("both", 5000) == 0
    assert await limits.acquire("both", 1) > 60


async def test_a_request_refused_for_its_tokens_uses_no_capacity(limits: RedisLimits) -> None:
    assert await limits.acquire("both", 900) == 0
    for _ in range(10):
        assert await limits.acquire("both", 200) > 60
    assert [await limits.acquire("both", 20) for _ in range(4)] == [0, 0, 0, 0]


async def test_who_has_no_limit_never_waits_and_asks_no_redis() -> None:
    limits = RedisLimits("redis://127.0.0.1:1", {"free": Limit()})
    assert await limits.acquire("free", 10**9) == 0
    assert await limits.acquire("unheard-of", 10**9) == 0
    await limits.close()


async def test_keys_bear_the_prefix_and_go_by_themselves(limits: RedisLimits, redis: Any, prefix: str) -> None:
    await limits.acquire("both", 20)
    keys = redis.keys(f"{prefix}limits:*")
    assert len(keys) == 2
    assert all(0 < redis.ttl(key) <= 62 for key in keys)


async def test_capacity_is_available_after_the_stated_time_and_not_before(valkey: Engines, prefix: str) -> None:
    limits = RedisLimits(valkey.urls.redis_url, {"wordy": Limit(None, 1000)}, prefix=prefix, window=WINDOW)
    moments = []
    for tokens in (100, 500, 400):  # at different moments, so that they leave the window one after the other
        before = time.monotonic()
        assert await limits.acquire("wordy", tokens) == 0
        moments.append((before, time.monotonic()))
        await asyncio.sleep(WINDOW / 5)
    # The first two must have left the window before there is capacity for so much.
    before = time.monotonic()
    wait = await limits.acquire("wordy", 600)
    after = time.monotonic()
    earliest, latest = (moment + WINDOW for moment in moments[1])
    assert earliest - after - 0.05 <= wait <= max(latest - before, 0) + 0.05
    await asyncio.sleep(wait)  # the caller has to wait
    assert await limits.acquire("wordy", 600) == 0
    await limits.close()


async def test_without_redis_no_request_goes_uncounted_and_work_resumes_when_it_is_back(
    valkey: Engines, limits: RedisLimits
) -> None:
    assert await limits.acquire("few", 0) == 0
    os.kill(valkey.pids["valkey"], signal.SIGKILL)
    wait_for(valkey.poll, "Valkey to be dead")
    with pytest.raises(ProviderBusyError, match="Waiting for provider few: Redis") as raised:
        await limits.acquire("few", 0)
    assert raised.value.retry_after
    assert await limits.acquire("free", 0) == 0
    valkey.restart("valkey")
    assert await limits.acquire("few", 0) == 0


async def test_a_redis_that_hangs_delays_a_request_only_briefly(
    valkey: Engines, limits: RedisLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_limits, "_TIMEOUT_SECONDS", 0.3)
    os.kill(valkey.pids["valkey"], signal.SIGSTOP)
    with within(3):
        try:
            with pytest.raises(ProviderBusyError):
                await limits.acquire("few", 0)
        finally:
            os.kill(valkey.pids["valkey"], signal.SIGCONT)


async def test_what_redis_says_too_late_counts_no_more(
    valkey: Engines, limits: RedisLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry would leave the window less than a minute after its request is sent."""
    assert await limits.acquire("few", 0) == 0
    monkeypatch.setattr(redis_limits, "_LATE_SECONDS", 0.05)
    os.kill(valkey.pids["valkey"], signal.SIGSTOP)
    asyncio.get_running_loop().call_later(0.2, os.kill, valkey.pids["valkey"], signal.SIGCONT)
    with pytest.raises(ProviderBusyError, match="answers too late") as raised:
        await limits.acquire("few", 0)
    assert raised.value.retry_after


def test_one_event_loop_after_the_other_counts_on(valkey: Engines, prefix: str) -> None:
    limits = RedisLimits(valkey.urls.redis_url, {"few": Limit(3)}, prefix=prefix)

    async def ask(leave: bool) -> float:
        wait = await limits.acquire("few", 0)
        if leave:
            await limits.close()
        return wait

    # A new event loop each time is what this test is about.
    waits = [asyncio.run(ask(leave)) for leave in (False, True, False, False)]
    assert waits[:3] == [0, 0, 0]
    assert waits[3] > 60


async def test_a_forked_process_counts_on_and_leaves_its_parent_what_it_has(
    limits: RedisLimits,
) -> None:
    async def ask_often() -> list[float]:
        return await asyncio.gather(*(limits.acquire("wordy", 100) for _ in range(20)))

    def run_child() -> None:
        waits = asyncio.run(ask_often())  # the child has its own event loop
        gc.collect()
        os._exit(0 if waits == [0.0] * 20 else 1)  # without pytest's own exit

    assert await ask_often() == [0.0] * 20
    child = multiprocessing.get_context("fork").Process(target=run_child)
    child.start()
    await asyncio.to_thread(child.join, 60)
    assert child.exitcode == 0
    assert await ask_often() == [0.0] * 20
    assert await limits.acquire("wordy", 1_000_000 - 60 * 100 + 1) > 0


async def test_more_callers_at_once_than_there_are_connections_are_all_counted(valkey: Engines, prefix: str) -> None:
    limits = RedisLimits(valkey.urls.redis_url, {"few": Limit(30, 100_000)}, prefix=prefix)
    waits = await asyncio.gather(*(limits.acquire("few", 10) for _ in range(200)))
    assert sum(wait == 0 for wait in waits) == 30
    await limits.close()


def ask_for_a_while(url: str, seconds: float, seed: int, results: "Queue[list[Answer]]") -> None:
    """Send as many requests as permitted, as a worker with four slots would. Runs in its own process."""

    async def ask(limits: RedisLimits, provider: str, chance: random.Random) -> list[Answer]:
        answers, end = [], time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            tokens, wait = chance.choice((10, 50, 200)), None
            with suppress(ProviderBusyError):  # if the machine was too slow
                wait = await limits.acquire(provider, tokens)
            answers.append(Answer(provider, began, time.monotonic(), tokens, wait))
            await asyncio.sleep((wait or 0) * chance.uniform(1, 1.1))
        return answers

    async def run() -> list[Answer]:
        limits, chance = RedisLimits(url, BUSY, window=WINDOW), random.Random(seed)  # noqa: S311 - not a secret
        answers = await asyncio.gather(*(ask(limits, provider, chance) for provider in BUSY for _ in range(4)))
        await limits.close()
        return list(chain.from_iterable(answers))

    results.put(asyncio.run(run()))  # the process has no event loop yet


@pytest.fixture(scope="module")
def answers(valkey: Engines) -> dict[str, list[Answer]]:
    """The answers to four processes that sent as many requests as permitted, by provider, in the order of time."""
    context, seconds = multiprocessing.get_context("fork"), float(WINDOWS * WINDOW)
    results: Queue[list[Answer]] = context.Queue()
    arguments = [(valkey.urls.redis_url, seconds, seed, results) for seed in range(4)]
    processes = [context.Process(target=ask_for_a_while, args=given) for given in arguments]
    for process in processes:
        process.start()
    got = [answer for _ in processes for answer in results.get(timeout=deadline(120))]
    for process in processes:
        process.join()
    return {name: sorted((one for one in got if one.provider == name), key=lambda one: one.ended) for name in BUSY}


def find_most(permitted: Sequence[Answer], seconds: float) -> tuple[int, int]:
    """The most requests and tokens that were certainly within so many seconds, as a provider counts them."""
    spans = [
        [answer for answer in permitted if first.began <= answer.began and answer.ended < first.began + seconds]
        for first in permitted
    ]
    return max(map(len, spans)), max(sum(answer.tokens for answer in span) for span in spans)


@pytest.mark.parametrize("provider", ["requests", "tokens", "both"])
def test_many_processes_together_use_the_limit_up_and_never_go_over_it(
    answers: dict[str, list[Answer]], provider: str
) -> None:
    limit, given = BUSY[provider], answers[provider]
    most = limit.requests_per_minute or 10**9, limit.tokens_per_minute or 10**9
    requests, tokens = find_most([answer for answer in given if answer.wait == 0], WINDOW)
    assert requests <= most[0]
    assert tokens <= most[1]
    for refused in filter(lambda answer: answer.wait, given):
        before = refused.began - WINDOW - 0.01
        counted = [one for one in given if not one.wait and one.ended >= before and one.began <= refused.ended]
        used = len(counted) + 1, sum(one.tokens for one in counted) + refused.tokens
        assert used[0] > most[0] or used[1] > most[1], "a refused request would have exceeded the limit"
