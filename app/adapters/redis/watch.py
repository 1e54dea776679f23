"""Watches tasks through Redis: Celery publishes each stored result on a channel named after the task."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from dataclasses import dataclass, field

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import RedisError

from app.domain.ids import TaskId

_SUBSCRIBE_SECONDS = 1.0
_RECONNECT_SECONDS = 1.0
_SEND_SECONDS = 2.0

log = structlog.get_logger()


@dataclass(slots=True)
class _Channel:
    """A channel that has watchers: what a message on it calls, and whether this process has subscribed to it."""

    watchers: list[Callable[[], None]] = field(default_factory=list)
    subscribed: asyncio.Event = field(default_factory=asyncio.Event)


class RedisWatch:
    """One subscription connection, shared by all watchers of this process.

    A message causes a read of the ledger. While Redis is down or hangs, no watcher is notified. One task keeps the
    subscription: channels that get or lose their watchers in the meantime share a command, and none waits for Redis in
    a task of its own.

    Args:
        redis: The Redis on which results are published.
        channel_of: Returns the channel of a task id.
    """

    def __init__(self, redis: Redis, channel_of: Callable[[str], str]) -> None:
        self._redis = redis
        self._channel_of = channel_of
        # Always subscribed, because redis-py cannot read without any subscription.
        self._anchor = channel_of("sluice")
        self._channels: dict[str, _Channel] = {}
        self._touched: set[str] = set()
        """The channels that got their first watcher or lost their last one since the subscription was last changed."""
        self._changed = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._failing = False

    @asynccontextmanager
    async def watch(self, task_id: TaskId, notify: Callable[[], None]) -> AsyncIterator[None]:
        """Within the block, ``notify`` is called at each change of the task."""
        name = self._channel_of(str(task_id))
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel()
            self._touch(name)
        channel.watchers.append(notify)
        try:
            if not self._failing:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_SUBSCRIBE_SECONDS):
                        await channel.subscribed.wait()
            yield
        finally:
            channel.watchers.remove(notify)
            if not channel.watchers:
                del self._channels[name]
                self._touch(name)

    async def close(self) -> None:
        """End the subscription."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._redis.aclose()

    def _touch(self, name: str) -> None:
        self._touched.add(name)
        self._changed.set()
        if self._keeper is None:
            # Its log lines belong to no request: it outlives the one that starts it.
            self._keeper = asyncio.create_task(self._keep(), context=Context())

    async def _keep(self) -> None:
        """Keep a subscription, with one connection after the other."""
        while True:
            pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
            try:
                await self._serve(pubsub)
            finally:
                self._touched = set(self._channels)
                for channel in self._channels.values():
                    channel.subscribed.clear()
                await _close(pubsub)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _serve(self, pubsub: PubSub) -> None:
        """Subscribe and read, until the connection fails."""
        try:
            async with asyncio.timeout(_SEND_SECONDS):
                await pubsub.subscribe(self._anchor)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._subscribe(pubsub))
                group.create_task(self._read(pubsub))
        except* Exception as errors:  # noqa: BLE001 - whatever failed, the next connection starts anew
            if not self._failing:
                log.warning("subscription_failed", error=repr(errors.exceptions[0]))
            self._failing = True

    async def _subscribe(self, pubsub: PubSub) -> None:
        """Subscribe to the channels that have watchers, and to no others."""
        subscribed: set[str] = set()
        while True:
            self._changed.clear()
            touched, self._touched = self._touched, set()
            wanted = touched & self._channels.keys()
            async with asyncio.timeout(_SEND_SECONDS):
                if missing := wanted - subscribed:
                    await pubsub.subscribe(*missing)
                if left := (touched - wanted) & subscribed:
                    await pubsub.unsubscribe(*left)
            subscribed |= wanted
            subscribed -= touched - wanted
            self._failing = False
            for name in wanted & self._channels.keys():
                self._channels[name].subscribed.set()
            await self._changed.wait()

    async def _read(self, pubsub: PubSub) -> None:
        while True:
            message = await pubsub.get_message(timeout=None)
            if message:
                channel = self._channels.get(message["channel"].decode())
                for notify in tuple(channel.watchers) if channel else ():
                    notify()


async def _close(pubsub: PubSub) -> None:
    """Close the connection without waiting for the server, which may hang, and return it to its pool."""
    connection: AbstractConnection | None = pubsub.connection
    with suppress(RedisError, OSError):
        if connection is not None:
            await connection.disconnect(nowait=True)
        await pubsub.aclose()  # type: ignore[no-untyped-call]
