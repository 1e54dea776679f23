"""Limits that all processes keep together, judged by what really went through."""

import asyncio
import multiprocessing
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from multiprocessing.queues import Queue
from typing import Any
from uuid import uuid4

import psutil
import pytest
from redis import Redis

from app.adapters.redis_limits import Limit, RedisLimits
from app.adapters.redis_url import redis_client_url
from app.domain.errors import ProviderBusyError
from app.embedded import Engines
from tests.running import wait_for

pytestmark = pytest.mark.anyio

WINDOW = 2
WINDOWS = 3
BUSY = {"requests": Limit(200, None), "tokens": Limit(None, 10_000), "both": Limit(150, 10_000)}


@dataclass(frozen=True, order=True)
class Grant:
    """Room that was got, and when, by a clock that all processes share."""

    provider: str
    when: float
    tokens: int


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("valkey"), postgres=False) as engines:
        yield engines


@pytest.fixture
def redis(valkey: Engines) -> Iterator[Any]:
    """Its methods are declared for both kinds of client at once, so it is Any here."""
    with Redis.from_url(redis_client_url(valkey.urls.redis_url)) as client:
        yield client


@pytest.fixture
def prefix() -> str:
    """So that each test finds nothing counted yet."""
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
    assert 60 < await limits.acquire("few", 0) <= 61


async def test_tokens_are_let_through_up_to_the_limit_whatever_the_requests_are(limits: RedisLimits) -> None:
    assert [await limits.acquire("wordy", tokens) for tokens in (100_000, 400_000, 499_900)] == [0, 0, 0]
    assert await limits.acquire("wordy", 200) > 60
    assert await limits.acquire("wordy", 20) == 0, "the last hundred were left"
    assert await limits.acquire("wordy", 20) > 60


async def test_a_minutes_tokens_are_counted_in_no_more_than_ten_thousand_entries(
    limits: RedisLimits, redis: Any, prefix: str
) -> None:
    assert await limits.acquire("wordy", 1_000_000) == 0
    [key] = redis.keys(f"{prefix}*")
    assert redis.llen(key) == 10_000


async def test_more_tokens_than_a_minute_has_take_the_whole_of_it(limits: RedisLimits) -> None:
    assert await limits.acquire("both", 5000) == 0
    assert await limits.acquire("both", 1) > 60


async def test_a_request_that_is_turned_away_for_its_tokens_takes_no_room_from_others(limits: RedisLimits) -> None:
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
    assert all(0 < redis.ttl(key) <= 61 for key in keys)


async def test_after_the_time_that_was_told_there_is_room_and_not_before(valkey: Engines, prefix: str) -> None:
    limits = RedisLimits(valkey.urls.redis_url, {"wordy": Limit(None, 1000)}, prefix=prefix, window=WINDOW)
    taken = []
    for tokens in (100, 500, 400):  # at moments that differ, so that they leave one after the other
        taken.append(time.time())
        assert await limits.acquire("wordy", tokens) == 0
    # The first two must have left before there is room for so much.
    wait = await limits.acquire("wordy", 600)
    assert time.time() + wait == pytest.approx(taken[1] + WINDOW, abs=0.1)
    await asyncio.sleep(wait)  # which is what the caller is told to do
    assert await limits.acquire("wordy", 600) == 0
    await limits.close()


async def test_without_redis_nobody_asks_uncounted_and_all_goes_on_when_it_is_back(
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


async def test_a_redis_that_hangs_holds_nobody_up_for_long(valkey: Engines, limits: RedisLimits) -> None:
    process = psutil.Process(valkey.pids["valkey"])
    process.suspend()
    began = time.monotonic()
    try:
        with pytest.raises(ProviderBusyError):
            await limits.acquire("few", 0)
    finally:
        process.resume()
    assert time.monotonic() - began < 5


async def test_more_callers_at_once_than_there_are_connections_are_all_counted(valkey: Engines, prefix: str) -> None:
    limits = RedisLimits(valkey.urls.redis_url, {"few": Limit(30, 100_000)}, prefix=prefix)
    waits = await asyncio.gather(*(limits.acquire("few", 10) for _ in range(200)))
    assert sum(wait == 0 for wait in waits) == 30
    await limits.close()


def ask_for_a_while(url: str, seconds: float, seed: int, grants: "Queue[list[Grant]]") -> None:
    """Ask as often as it is allowed, as a worker with four slots would; runs in a process of its own."""

    async def ask(limits: RedisLimits, provider: str, chance: random.Random) -> list[Grant]:
        granted, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            tokens = chance.choice((10, 50, 200))
            if wait := await limits.acquire(provider, tokens):
                await asyncio.sleep(wait * chance.uniform(1, 1.1))
            else:
                granted.append(Grant(provider, time.monotonic(), tokens))
        return granted

    async def run() -> list[Grant]:
        limits, chance = RedisLimits(url, BUSY, window=WINDOW), random.Random(seed)  # noqa: S311 - not a secret
        granted = await asyncio.gather(*(ask(limits, provider, chance) for provider in BUSY for _ in range(4)))
        await limits.close()
        return list(chain.from_iterable(granted))

    grants.put(asyncio.run(run()))


@pytest.fixture(scope="module")
def granted(valkey: Engines) -> dict[str, list[Grant]]:
    """What four processes got, which asked for all they could get; by provider, in the order of time."""
    context, seconds = multiprocessing.get_context("spawn"), float(WINDOWS * WINDOW)
    grants: Queue[list[Grant]] = context.Queue()
    arguments = [(valkey.urls.redis_url, seconds, seed, grants) for seed in range(4)]
    processes = [context.Process(target=ask_for_a_while, args=given) for given in arguments]
    for process in processes:
        process.start()
    got = [grant for _ in processes for grant in grants.get(timeout=120)]
    for process in processes:
        process.join()
    return {name: sorted(grant for grant in got if grant.provider == name) for name in BUSY}


def find_most(grants: Sequence[Grant], seconds: float) -> tuple[int, int]:
    """The most requests, and the most tokens, within any so many seconds: what a provider counts that keeps a log."""
    most_requests = most_tokens = tokens = first = 0
    for last, grant in enumerate(grants):
        tokens += grant.tokens
        while grants[first].when <= grant.when - seconds:
            tokens -= grants[first].tokens
            first += 1
        most_requests, most_tokens = max(most_requests, last - first + 1), max(most_tokens, tokens)
    return most_requests, most_tokens


@pytest.mark.parametrize("provider", ["requests", "tokens", "both"])
def test_many_processes_together_use_the_limit_up_and_never_go_over_it(
    granted: dict[str, list[Grant]], provider: str
) -> None:
    limit, grants = BUSY[provider], granted[provider]
    most = limit.requests_per_minute or 10**9, limit.tokens_per_minute or 10**9
    # A grant is noted some milliseconds after it was counted: that is what the margin of the real window is for.
    requests, tokens = find_most(grants, WINDOW - 0.3)
    assert requests <= most[0]
    assert tokens <= most[1]
    used = len(grants) / most[0], sum(grant.tokens for grant in grants) / most[1]
    assert max(used) > 0.7 * WINDOWS, "room is not wasted either"
