"""How much all processes together ask of a provider, counted in Redis by the library ``limits``."""

import asyncio
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import BlockingConnectionPool
from redis.exceptions import RedisError

from app.adapters.redis_url import redis_client_url
from app.domain.errors import ProviderBusyError

# A provider counts a request when it arrives: one that was held up on its way, or here, may fall into the same minute
# as one that was sent a minute later. So a minute has two seconds more here: one for hosts whose clocks differ and for
# the way, one for Redis, whose answer counts from when it was asked for.
_WINDOW_SECONDS = 62
_LATE_SECONDS = 1.0
_PORTIONS = 10_000
_CONNECTIONS = 8
_PATIENCE_SECONDS = 2.0
_AWAY_SECONDS = 5.0
_SOONEST_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Limit:
    """What a provider may be asked in a minute; None: as much as anybody likes."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class RedisLimits:
    """Moving windows: within any 60 seconds no more than the limit is let through, whoever asks.

    The other strategy of ``limits`` that knows costs, a sliding counter, would let nearly twice as much through: all at
    the end of one window, and as much again before the end of the next. A moving window keeps an entry for each unit
    of cost, so tokens are counted in portions of a ten-thousandth of the limit, rounded up: with 1,000,000 a minute, a
    question of 20 tokens takes 100. Entries bear their host's time; clocks must agree to within a second.

    Connections are made at first use, and anew on another event loop, as after a fork.

    Args:
        redis_url: Where the counts are.
        limits: By the name of the provider. Who is not named is not limited, and Redis is not asked.
        prefix: Of every key.
        window: Seconds that a minute has here.
    """

    def __init__(
        self, redis_url: str, limits: Mapping[str, Limit], *, prefix: str = "", window: int = _WINDOW_SECONDS
    ) -> None:
        self._redis_url = redis_url
        self._prefix = f"{prefix}limits"
        self._counts = {name: _list_counts(limit, window) for name, limit in limits.items()}
        self._connected: _Connected | None = None
        self._inherited: _Connected | None = None

    async def acquire(self, provider: str, tokens: int) -> float:
        """Take room for one request of so many tokens.

        Returns 0, or the seconds until there is room. Then nothing was taken, but for one request where another process
        took the last tokens in between.

        Raises:
            ProviderBusyError: when Redis cannot be reached, or answers so late that its answer counts no more.
        """
        counts = self._counts.get(provider)
        if not counts:
            return 0.0
        began = time.monotonic()
        try:
            wait = await _take(self._connect(), provider, counts, tokens)
        except (RedisError, OSError) as error:
            raise _make_busy(provider, "is away") from error
        if not wait and time.monotonic() - began > _LATE_SECONDS:
            raise _make_busy(provider, "answers late")
        return wait

    async def close(self) -> None:
        """Let go of this loop's connections."""
        connected, self._connected = self._connected, None
        if connected and connected.loop is asyncio.get_running_loop():
            await connected.pool.aclose()

    def _connect(self) -> RedisStorage:
        """Made at first use, since an installation without limits needs none."""
        known, loop = self._connected, asyncio.get_running_loop()
        if known and known.loop is loop:
            return known.storage
        if known and known.process != os.getpid():
            # Let go of, a parent's connections would be taken from the parent's loop: the two share its selector.
            self._inherited = known
        pool = BlockingConnectionPool.from_url(
            redis_client_url(self._redis_url),
            max_connections=_CONNECTIONS,
            timeout=_PATIENCE_SECONDS,
            socket_connect_timeout=_PATIENCE_SECONDS,
            socket_timeout=_PATIENCE_SECONDS,
        )
        # ``limits`` reads addresses more strictly than its client does, so it is given the connections instead.
        options: dict[str, Any] = {"connection_pool": pool}
        storage = RedisStorage("async+redis://", implementation="redispy", key_prefix=self._prefix, **options)
        self._connected = _Connected(os.getpid(), loop, pool, storage)
        return storage


@dataclass(frozen=True, slots=True)
class _Connected:
    """Connections, and the event loop of the process that may use them."""

    process: int
    loop: asyncio.AbstractEventLoop
    pool: BlockingConnectionPool
    storage: RedisStorage


@dataclass(frozen=True, slots=True)
class _Count:
    """One limit, and how many tokens one of its entries stands for; 0 where each request is an entry."""

    item: RateLimitItemPerSecond
    portion: int = 0

    def measure(self, tokens: int) -> int:
        """The entries that a request takes; at most as many as there are."""
        return min(self.item.amount, max(1, math.ceil(tokens / self.portion))) if self.portion else 1


def _list_counts(limit: Limit, window: int) -> list[_Count]:
    counts = []
    if limit.requests_per_minute is not None:
        counts.append(_Count(RateLimitItemPerSecond(limit.requests_per_minute, window, "requests")))
    if limit.tokens_per_minute is not None:
        portion = math.ceil(limit.tokens_per_minute / _PORTIONS)
        counts.append(_Count(RateLimitItemPerSecond(limit.tokens_per_minute // portion, window, "tokens"), portion))
    return counts


async def _take(storage: RedisStorage, provider: str, counts: Sequence[_Count], tokens: int) -> float:
    """Take of one count after the other, each in one step; of none where a later one is seen to have no room."""
    limiter = MovingWindowRateLimiter(storage)
    for count in counts[1:]:
        if not await limiter.test(count.item, provider, cost=count.measure(tokens)):
            return await _find_wait(storage, provider, count, tokens)
    for count in counts:
        if not await limiter.hit(count.item, provider, cost=count.measure(tokens)):
            return await _find_wait(storage, provider, count, tokens)
    return 0.0


async def _find_wait(storage: RedisStorage, provider: str, count: _Count, tokens: int) -> float:
    """Seconds until the entry leaves the window that stands in the way: with it, enough have left."""
    item = count.item
    newer = item.amount - count.measure(tokens) + 1
    start, found = await storage.get_moving_window(item.key_for(provider), newer, item.get_expiry())
    if found < newer:  # it has left since it was met
        return _SOONEST_SECONDS
    return max(_SOONEST_SECONDS, start + item.get_expiry() - time.time())


def _make_busy(provider: str, how: str) -> ProviderBusyError:
    detail = f"Waiting for provider {provider}: Redis, which counts what is asked of it, {how}."
    return ProviderBusyError(detail, retry_after=_AWAY_SECONDS)
