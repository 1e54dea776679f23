"""Rate limits of providers, counted in Redis for all processes together."""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from redis.asyncio import BlockingConnectionPool, Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from app.adapters.redis.url import redis_client_url
from app.domain.errors import ProviderBusyError

# A provider counts a request when it arrives, so a delayed request may fall into the same minute as one that was sent a
# minute later. So the window is two seconds longer: one for the answer of Redis, one for the way to the provider.
_WINDOW_SECONDS = 62.0
_LATE_SECONDS = 1.0
_CONNECTIONS = 8
_TIMEOUT_SECONDS = 2.0
_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be sent to a provider in a minute; None for no limit."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What the script returns.

    Attributes:
        wait: 0 if the amounts were taken; otherwise the seconds until there is capacity.
        used: What is used of each limit.
        resets: The seconds until the oldest use of each limit leaves the window.
    """

    wait: float
    used: tuple[int, ...]
    resets: tuple[float, ...]


class RedisLimits:
    """Sliding windows: within any 60 seconds, all processes together send no more than the limit.

    One script checks both limits of a provider and takes from both, by the clock of Redis. So nothing is taken from one
    limit while the other is exhausted, and the clocks of the hosts need not agree. The library ``limits`` is not used:
    it takes from one limit after the other and records the host's time, so it exceeds the limit when one request
    overtakes another on the way to Redis.

    Connections are made at the first use, and again on another event loop, as after a fork.

    Args:
        redis_url: The Redis that holds the counts.
        limits: By the name of the provider. A provider without an entry is not limited, and causes no request to Redis.
        prefix: The prefix of every key.
        window: The length of the window in seconds.
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
        """Take capacity for one request of so many tokens.

        Returns 0 if the request may be sent. Otherwise nothing was taken, and the result is the number of seconds until
        there is capacity, unless other processes take it first.

        Raises:
            ProviderBusyError: Redis cannot be reached, or its answer came too late to be valid.
        """
        limit = self._limits.get(provider, Limit())
        wanted = {"requests": (limit.requests_per_minute, 1), "tokens": (limit.tokens_per_minute, max(1, tokens))}
        counts = {name: (most, min(most, cost)) for name, (most, cost) in wanted.items() if most is not None}
        if not counts:
            return 0.0
        # The braces make a Redis cluster keep both keys on one node.
        keys = [f"{self._prefix}:{{{provider}}}:{name}" for name in counts]
        began = time.monotonic()
        try:
            taken = await self._take(keys, [*counts.values()])
        except (RedisError, OSError) as error:
            raise _make_busy(provider, "cannot be reached") from error
        if not taken.wait and time.monotonic() - began > _LATE_SECONDS:
            raise _make_busy(provider, "answers too late")
        return taken.wait

    async def count(self, name: str, limits: Mapping[str, int]) -> Taken:
        """Count a request against several limits: it is counted by each of them, or by none if one is reached.

        Args:
            name: What the limits belong to, such as an organization.
            limits: The largest number of requests in a window, by the name of the limit.

        Raises:
            ProviderBusyError: Redis cannot be reached.
        """
        keys = [f"{self._prefix}:{{{name}}}:{limit}" for limit in limits]
        try:
            return await self._take(keys, [(most, 1) for most in limits.values()])
        except (RedisError, OSError) as error:
            raise _make_busy(name, "cannot be reached") from error

    async def _take(self, keys: Sequence[str], counts: Sequence[tuple[int, int]]) -> Taken:
        """Run the script; ``counts`` has the limit and the requested amount of each key."""
        reply = (await self._connect()(keys, [self._window, *(n for count in counts for n in count)])).split()
        used = tuple(int(part) for part in reply[1::2])
        return Taken(float(reply[0]), used, tuple(float(part) for part in reply[2::2]))

    async def close(self) -> None:
        """Close the connections of this event loop."""
        connected, self._connected = self._connected, None
        if connected and connected.loop is asyncio.get_running_loop():
            await connected.pool.aclose()

    def _connect(self) -> AsyncScript:
        """Connect at the first use: an installation without limits needs no connection."""
        known, loop = self._connected, asyncio.get_running_loop()
        if known and known.loop is loop:
            return known.take
        if known and known.process != os.getpid():
            # Kept after a fork: destroying these connections would remove them from the selector of the parent's loop,
            # which both processes share.
            self._inherited = known
        pool = BlockingConnectionPool.from_url(
            redis_client_url(self._redis_url),
            max_connections=_CONNECTIONS,
            timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
            socket_timeout=_TIMEOUT_SECONDS,
        )
        self._connected = _Connected(os.getpid(), loop, pool, Redis(connection_pool=pool).register_script(_TAKE))
        return self._connected.take


@dataclass(frozen=True, slots=True)
class _Connected:
    """Connections, with the process and the event loop that may use them."""

    process: int
    loop: asyncio.AbstractEventLoop
    pool: BlockingConnectionPool
    take: AsyncScript


def _make_busy(provider: str, how: str) -> ProviderBusyError:
    detail = f"Waiting for provider {provider}: Redis, which counts the requests to it, {how}."
    return ProviderBusyError(detail, retry_after=_RETRY_SECONDS)


# Each key is a list of the requests that were permitted, newest first: the time, and the running total at that time.
# The last entry before the window stays, so that the usage of the window is a difference of two totals. Arguments: the
# window in seconds, then for each key the limit and the requested amount. Returns the seconds to wait, then for each
# key what is used and the seconds until its oldest use leaves the window.
_TAKE = """
local time = redis.call('TIME')
local now, window, wait = time[1] + time[2] / 1000000, tonumber(ARGV[1]), 0
local totals, used, resets = {}, {}, {}

local function read(key, index)
    local entry = redis.call('LINDEX', key, index)
    if entry then
        local at, total = string.match(entry, '(%S+) (%S+)')
        return tonumber(at), tonumber(total)
    end
end

-- The time at which the running total reached an amount.
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
    used[i] = total - base
    if oldest and oldest <= now - window then oldest = read(key, -2) end
    resets[i] = oldest and oldest + window - now or window
    if totals[i] - base > most then
        wait = math.max(wait, 0.01, find(key, totals[i] - most) + window - now)
    end
end
local function answer()
    local parts = {string.format('%.6f', wait)}
    for i in ipairs(KEYS) do table.insert(parts, string.format('%.0f %.6f', used[i], resets[i])) end
    return table.concat(parts, ' ')
end

if wait > 0 then return answer() end
for i, key in ipairs(KEYS) do
    redis.call('LPUSH', key, string.format('%.6f %.0f', now, totals[i]))
    redis.call('PEXPIRE', key, math.ceil(window * 1000))
    used[i] = used[i] + tonumber(ARGV[2 * i + 1])
end
return answer()
"""
