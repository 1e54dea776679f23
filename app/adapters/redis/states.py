"""Stores the states of tasks in Redis on the event loop: many in one round trip, and none over a later one."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.adapters.redis.url import redis_client_url

_TIMEOUT_SECONDS = 2.0
_PAUSE_SECONDS = 0.5
_CHANGES_A_TURN = 200
_LARGEST_BACKLOG = 4 * 1024 * 1024
_DELETION_BYTES = 200  # about what a key takes

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
class _Change:
    """A state that is not stored yet; without a value, a state that is not deleted yet."""

    version: int
    value: bytes | None

    @property
    def size(self) -> int:
        """The bytes that it adds to the backlog."""
        return _DELETION_BYTES if self.value is None else len(self.value)


_DELETION = _Change(-1, None)


class RedisStates:
    """The states of tasks in Redis, each under a key that is also the channel on which it is published.

    No caller waits for Redis. While it is unavailable, up to four megabytes of changes are kept, the latest ones.

    Args:
        url: The address of the Redis.
        expires: The seconds for which a state is kept; 0 for ever.
    """

    def __init__(self, url: str, expires: int) -> None:
        self._pool: ConnectionPool = ConnectionPool.from_url(redis_client_url(url))
        self._expires = expires
        self._changes: dict[bytes, _Change] = {}
        self._backlog = 0  # bytes of the changes
        self._questions: dict[bytes, Callable[[], None]] = {}
        self._connection: AbstractConnection | None = None
        self._sender: asyncio.Task[None] | None = None
        self._failing = False

    def store(self, key: bytes, version: int, value: bytes) -> None:
        """Store and publish a state, unless Redis has a later version of it."""
        self._put(key, _Change(version, value))
        self._start()

    def ask_for_subscribers(self, key: bytes, notify: Callable[[], None]) -> None:
        """Call ``notify`` if a client subscribes to the channel of a state. Not called while Redis is unavailable."""
        if not self._failing:
            self._questions[key] = notify
            self._start()

    async def delete(self, keys: Sequence[bytes]) -> None:
        """Delete states, and wait for it no longer than Redis may take to answer."""
        for key in keys:
            self._put(key, _DELETION)
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
        if self._sender is None and (self._changes or self._questions):
            self._sender = asyncio.create_task(self._send_all())
        return self._sender

    async def _send_all(self) -> None:
        try:
            while self._changes or self._questions:
                await self._send_some()
        finally:
            self._sender = None

    def _put(self, key: bytes, change: _Change) -> None:
        """Have a change wait. The oldest ones are dropped when the backlog is full."""
        former = self._changes.pop(key, None)
        if former:
            self._backlog -= former.size
        is_late = former is not None and former.version > change.version and change.value is not None
        newest = former if former is not None and is_late else change
        self._changes[key] = newest
        self._backlog += newest.size
        while self._backlog > _LARGEST_BACKLOG and len(self._changes) > 1:
            self._backlog -= self._changes.pop(next(iter(self._changes))).size

    async def _send_some(self) -> None:
        """Send what waits, up to a limit. What could not be sent waits again, except for questions."""
        changes = {key: self._changes.pop(key) for key in list(islice(self._changes, _CHANGES_A_TURN))}
        self._backlog -= sum(change.size for change in changes.values())
        questions, self._questions = self._questions, {}
        try:
            subscribers = await self._send(changes, list(questions))
        except (RedisError, OSError) as error:
            self._keep(changes, error)
            await asyncio.sleep(_PAUSE_SECONDS)
            return
        if self._failing:
            self._failing = False
            log.info("results_stored_again")
        for key, notify in questions.items():
            if subscribers.get(key):
                notify()

    def _keep(self, changes: Mapping[bytes, _Change], error: Exception) -> None:
        if not self._failing:
            self._failing = True
            log.warning("results_not_stored", results=len(changes), error=str(error))
        later, self._changes = self._changes, {}
        self._backlog = 0
        for key, change in [*changes.items(), *later.items()]:
            self._put(key, change)

    async def _send(self, changes: Mapping[bytes, _Change], questions: Sequence[bytes]) -> dict[bytes, int]:
        """Send in one round trip; returns the number of subscribers of each channel."""
        states = [(key, change) for key, change in changes.items() if change.value is not None]
        deleted = [key for key, change in changes.items() if change.value is None]
        commands: list[tuple[Any, ...]] = []
        if deleted:
            commands.append(("DEL", *deleted))
        if states:
            arguments = [part for _, state in states for part in (state.version, state.value)]
            commands.append(("EVAL", _STORE, len(states), *(key for key, _ in states), self._expires, *arguments))
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
