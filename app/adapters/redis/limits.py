"""How much all processes together ask of a provider, counted in Redis."""

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

from redis.asyncio import BlockingConnectionPool, Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from app.adapters.redis.url import redis_client_url
from app.domain.errors import ProviderBusyError

# A provider counts a request when it arrives: one that was held up may fall into the same minute as one that was sent a
# minute later. So a minute has two seconds more here: one for the answer of Redis, one for the way to the provider.
_WINDOW_SECONDS = 62.0
_LATE_SECONDS = 1.0
_CONNECTIONS = 8
_PATIENCE_SECONDS = 2.0
_AWAY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Limit:
    """What a provider may be asked in a minute; None: as much as anybody likes."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


class RedisLimits:
    """Moving windows: within any 60 seconds no more than the limit is let through, whoever asks.

    Both of a provider's limits are looked at and taken from in one step, by the clock of Redis: nothing is taken from
    one where the other has no room, and hosts' clocks need not agree. The library ``limits`` takes from one after the
    other, and notes the time at which a host asked: where one request overtakes another on the way to Redis, it lets
    more through than the limit.

    Connections are made at first use, and anew on another event loop, as after a fork.

    Args:
        redis_url: Where the counts are.
        limits: By the name of the provider. Who is not named is not limited, and Redis is not asked.
        prefix: Of every key.
        window: Seconds that a minute has here.
    """

    def __init__(
        self, redis_url: str, limits: Mapping[str, Limit], *, prefix: str = "", window: float = _WINDOW_SECONDS
    ) -> None:
        self._redis_url = redis_url
        self._prefix = f"{prefix}limits"
        self._limits = limits
        self._window = window
        self._connected: _Connected | None = None
        self._inherited: _Connected | None = None

    async def acquire(self, provider: str, tokens: int) -> float:
        """Take room for one request of so many tokens.

        Returns 0, or the seconds until there is room, as long as nobody else takes it; then nothing was taken.

        Raises:
            ProviderBusyError: when Redis cannot be reached, or answers so late that its answer counts no more.
        """
        limit = self._limits.get(provider, Limit())
        wanted = {"requests": (limit.requests_per_minute, 1), "tokens": (limit.tokens_per_minute, max(1, tokens))}
        counts = {name: (most, min(most, cost)) for name, (most, cost) in wanted.items() if most is not None}
        if not counts:
            return 0.0
        # Braces, so that a cluster keeps both in one place.
        keys = [f"{self._prefix}:{{{provider}}}:{name}" for name in counts]
        began = time.monotonic()
        try:
            wait = float(await self._connect()(keys, [self._window, *(n for count in counts.values() for n in count)]))
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

    def _connect(self) -> AsyncScript:
        """Made at first use, since an installation without limits needs none."""
        known, loop = self._connected, asyncio.get_running_loop()
        if known and known.loop is loop:
            return known.take
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
        self._connected = _Connected(os.getpid(), loop, pool, Redis(connection_pool=pool).register_script(_TAKE))
        return self._connected.take


@dataclass(frozen=True, slots=True)
class _Connected:
    """Connections, and the event loop of the process that may use them."""

    process: int
    loop: asyncio.AbstractEventLoop
    pool: BlockingConnectionPool
    take: AsyncScript


def _make_busy(provider: str, how: str) -> ProviderBusyError:
    detail = f"Waiting for provider {provider}: Redis, which counts what is asked of it, {how}."
    return ProviderBusyError(detail, retry_after=_AWAY_SECONDS)


# Each key is a list of what was let through, the newest first: when, and how much had been let through in all by then.
# The last entry before the window stays, so that what the window holds is the difference. Arguments: the window in
# seconds, then for each key how much a window may hold and how much is wanted. Returns the seconds to wait.
_TAKE = """
local time = redis.call('TIME')
local now, window, wait, totals = time[1] + time[2] / 1000000, tonumber(ARGV[1]), 0, {}

local function read(key, index)
    local entry = redis.call('LINDEX', key, index)
    if entry then
        local at, total = string.match(entry, '(%S+) (%S+)')
        return tonumber(at), tonumber(total)
    end
end

-- When so much had been let through.
local function find(key, needed)
    local low, high = 0, redis.call('LLEN', key) - 1
    while low < high do
        local middle = math.ceil((low + high) / 2)
        local _, total = read(key, middle)
        if total >= needed then low = middle else high = middle - 1 end
    end
    return (read(key, low))
end

for i, key in ipairs(KEYS) do
    local before = read(key, -2)
    while before and before <= now - window do
        redis.call('RPOP', key)
        before = read(key, -2)
    end
    local most, wanted = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    local _, total = read(key, 0)
    local oldest, base = read(key, -1)
    total = total or 0
    if not oldest or oldest > now - window then base = 0 end
    totals[i] = total + wanted
    if totals[i] - base > most then
        wait = math.max(wait, 0.01, find(key, totals[i] - most) + window - now)
    end
end
if wait > 0 then return string.format('%.6f', wait) end
for i, key in ipairs(KEYS) do
    redis.call('LPUSH', key, string.format('%.6f %.0f', now, totals[i]))
    redis.call('PEXPIRE', key, math.ceil(window * 1000))
end
return '0'
"""
