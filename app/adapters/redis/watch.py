"""Watches tasks through Redis: Celery publishes each stored result on a channel named after the task."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.domain.ids import TaskId

_SUBSCRIBE_SECONDS = 1.0
_RECONNECT_SECONDS = 1.0

log = structlog.get_logger()


@dataclass(slots=True)
class _Channel:
    """A channel that has watchers: the task that subscribes to it, and what a message on it calls."""

    subscription: asyncio.Task[None]
    watchers: list[Callable[[], None]] = field(default_factory=list)


class RedisWatch:
    """One subscription connection, shared by all watchers of this process.

    A message causes a read of the ledger. While Redis is down or hangs, no watcher is notified.

    Args:
        redis: The Redis on which results are published.
        channel_of: Returns the channel of a task id.
    """

    def __init__(self, redis: Redis, channel_of: Callable[[str], str]) -> None:
        self._redis = redis
        self._channel_of = channel_of
        # Always subscribed, because redis-py cannot read without any subscription.
        self._anchor = channel_of("sluice")
        self._pubsub = redis.pubsub(ignore_subscribe_messages=True)
        self._connecting = asyncio.Lock()
        self._channels: dict[str, _Channel] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._reader: asyncio.Task[None] | None = None
        self._is_closed = False

    @asynccontextmanager
    async def watch(self, task_id: TaskId, notify: Callable[[], None]) -> AsyncIterator[None]:
        """Within the block, ``notify`` is called at each change of the task."""
        name = self._channel_of(str(task_id))
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel(self._start(self._subscribe(name)))
        channel.watchers.append(notify)
        try:
            await asyncio.wait({channel.subscription}, timeout=_SUBSCRIBE_SECONDS)
            # Its log lines belong to no request: it outlives the one that starts it.
            self._reader = self._reader or self._start(self._read(), Context())
            yield
        finally:
            channel.watchers.remove(notify)
            if not channel.watchers:
                del self._channels[name]
                if not self._is_closed:
                    self._start(self._unsubscribe(name))

    async def close(self) -> None:
        """End the subscription."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._redis.aclose()

    def _start(self, work: Coroutine[Any, Any, None], context: Context | None = None) -> asyncio.Task[None]:
        task = asyncio.create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _subscribe(self, *channels: str) -> None:
        async with self._connecting:
            try:
                await self._pubsub.subscribe(self._anchor, *channels)
            except (RedisError, OSError) as error:
                log.warning("subscription_failed", error=str(error))

    async def _unsubscribe(self, channel: str) -> None:
        async with self._connecting:
            if channel not in self._channels:
                with suppress(RedisError, OSError):
                    await self._pubsub.unsubscribe(channel)

    async def _read(self) -> None:
        while True:
            try:
                # redis-py renews its subscriptions when it reconnects.
                message = await self._pubsub.get_message(timeout=None)
            except (RedisError, OSError, RuntimeError):
                await asyncio.sleep(_RECONNECT_SECONDS)
                await self._subscribe(*self._channels)
                continue
            if message:
                channel = self._channels.get(message["channel"].decode())
                for notify in tuple(channel.watchers) if channel else ():
                    notify()
