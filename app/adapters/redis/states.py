"""Stores the states of tasks in Redis on the event loop: many in one round trip, and none over a later one."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.adapters.redis.url import redis_client_url

_TIMEOUT_SECONDS = 2.0
_PAUSE_SECONDS = 0.5
_STATES_A_TURN = 200
_LARGEST_BACKLOG = 4 * 1024 * 1024

log = structlog.get_logger()

# Keys: those of the states. Arguments: the seconds after which a state expires (0: never), then the version and the
# value of each. A value begins with its version. One that another program stored has none, and is replaced.
_STORE = """
for i, key in ipairs(KEYS) do
    local version, value = tonumber(ARGV[2 * i]), ARGV[2 * i + 1]
    local stored = string.match(redis.call('GETRANGE', key, 0, 31), '^{"version": (%d+)')
    if not stored or tonumber(stored) <= version then
        if tonumber(ARGV[1]) > 0 then
            redis.call('SETEX', key, ARGV[1], value)
        else
            redis.call('SET', key, value)
        end
        redis.call('PUBLISH', key, value)
    end
end
"""


@dataclass(frozen=True, slots=True)
class _State:
    """A state that is not stored yet."""

    version: int
    value: bytes


class RedisStates:
    """The states of tasks in Redis, each under a key that is also the channel on which it is published.

    No caller waits for Redis. While it is unavailable, up to four megabytes of states are kept, the latest ones.

    Args:
        url: The address of the Redis.
        expires: The seconds for which a state is kept; 0 for ever.
    """

    def __init__(self, url: str, expires: int) -> None:
        self._pool: ConnectionPool = ConnectionPool.from_url(redis_client_url(url))
        self._expires = expires
        self._states: dict[bytes, _State] = {}
        self._backlog = 0  # bytes of the values
        self._questions: dict[bytes, Callable[[], None]] = {}
        self._deleted: list[bytes] = []
        self._connection: AbstractConnection | None = None
        self._sender: asyncio.Task[None] | None = None
        self._failing = False

    def store(self, key: bytes, version: int, value: bytes) -> None:
        """Store and publish a state, unless Redis has a later version of it."""
        former = self._states.pop(key, None)
        if former:
            self._backlog -= len(former.value)
        newest = former if former and former.version > version else _State(version, value)
        self._states[key] = newest
        self._backlog += len(newest.value)
        while self._backlog > _LARGEST_BACKLOG and len(self._states) > 1:
            self._backlog -= len(self._states.pop(next(iter(self._states))).value)
        self._start()

    def ask_for_subscribers(self, key: bytes, notify: Callable[[], None]) -> None:
        """Call ``notify`` if a client subscribes to the channel of a state. Not called while Redis is unavailable."""
        if not self._failing:
            self._questions[key] = notify
            self._start()

    async def delete(self, keys: Sequence[bytes]) -> None:
        """Delete states, and wait for it no longer than Redis may take to answer."""
        for key in keys:
            if former := self._states.pop(key, None):
                self._backlog -= len(former.value)
        self._deleted += keys
        await self.flush()

    async def flush(self) -> None:
        """Wait until the states so far are stored, but no longer than Redis may take, and not while it fails."""
        if (sender := self._start()) and not self._failing:
            # A little longer than a call may take, so that its failure is known before the next flush.
            await asyncio.wait({sender}, timeout=_TIMEOUT_SECONDS + 0.25)

    async def close(self) -> None:
        """Store the states so far if Redis is available, and close the connection."""
        await self.flush()
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        await self._disconnect()

    def _start(self) -> asyncio.Task[None] | None:
        """The task that sends what waits; it begins at the loop's next turn, so that it finds all of this turn."""
        if self._sender is None and (self._states or self._questions or self._deleted):
            self._sender = asyncio.create_task(self._send_all())
        return self._sender

    async def _send_all(self) -> None:
        try:
            while self._states or self._questions or self._deleted:
                await self._send_some()
        finally:
            self._sender = None

    async def _send_some(self) -> None:
        """Send what waits, up to a limit. What could not be sent waits again, except for questions."""
        keys = list(self._states)[:_STATES_A_TURN]
        states = {key: self._states.pop(key) for key in keys}
        self._backlog -= sum(len(state.value) for state in states.values())
        deleted, self._deleted = self._deleted, []
        questions, self._questions = self._questions, {}
        try:
            subscribers = await self._send(states, deleted, list(questions))
        except (RedisError, OSError) as error:
            self._keep(states, deleted, error)
            await asyncio.sleep(_PAUSE_SECONDS)
            return
        if self._failing:
            self._failing = False
            log.info("results_stored_again")
        for key, notify in questions.items():
            if subscribers.get(key):
                notify()

    def _keep(self, states: dict[bytes, _State], deleted: list[bytes], error: Exception) -> None:
        if not self._failing:
            self._failing = True
            log.warning("results_not_stored", results=len(states) + len(deleted), error=str(error))
        later, self._states = self._states, {}
        self._backlog = 0
        self._deleted = deleted + self._deleted
        for key, state in [*states.items(), *later.items()]:
            self.store(key, state.version, state.value)

    async def _send(
        self, states: dict[bytes, _State], deleted: Sequence[bytes], questions: Sequence[bytes]
    ) -> dict[bytes, int]:
        """Send in one round trip; returns the number of subscribers of each channel."""
        commands: list[tuple[Any, ...]] = []
        if deleted:
            commands.append(("DEL", *deleted))
        if states:
            arguments = [part for state in states.values() for part in (state.version, state.value)]
            commands.append(("EVAL", _STORE, len(states), *states, self._expires, *arguments))
        if questions:
            commands.append(("PUBSUB", "NUMSUB", *questions))
        is_new = self._connection is None
        try:
            replies = await self._call(commands)
        except (RedisError, OSError) as error:
            # A server that does not answer is not asked again at once.
            if is_new or isinstance(error, (RedisTimeoutError, TimeoutError)):
                raise
            replies = await self._call(commands)  # the server may have closed the idle connection
        counts = replies[-1] if questions else []
        return dict(zip(counts[::2], counts[1::2], strict=True))

    async def _call(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        if self._connection is None:
            self._connection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        connection = self._connection
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                await connection.connect()
                await connection.send_packed_command(connection.pack_commands(commands))
                return [await connection.read_response() for _ in commands]
        except BaseException:
            await self._disconnect()
            raise

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)
