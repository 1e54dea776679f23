"""Watches tasks through Redis: Celery publishes each stored result on a channel named after the task."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.domain.ids import TaskId

_POLL_SECONDS = 1.0
_RECONNECT_SECONDS = 1.0

log = structlog.get_logger()


class RedisWatch:
    """One subscription connection, shared by all watchers of this process.

    A message only causes a watcher to read the ledger. While Redis is down or hangs, watchers wake once a second.

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
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._tasks: set[asyncio.Task[None]] = set()
        self._reader: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self, task_id: TaskId) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
        """Within the block, ``await wait(seconds)`` returns at the task's next change, or after that time."""
        channel, changed = self._channel_of(str(task_id)), asyncio.Event()

        async def wait(seconds: float) -> None:
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), min(seconds, _POLL_SECONDS))
            changed.clear()

        self._watchers[channel].add(changed)
        try:
            await self._run_briefly(self._subscribe(channel))
            # Its log lines belong to no request: it outlives the one that starts it.
            self._reader = self._reader or self._start(self._read(), Context())
            yield wait
        finally:
            self._watchers[channel].discard(changed)
            if not self._watchers[channel]:
                del self._watchers[channel]
                await self._run_briefly(self._unsubscribe(channel))

    async def close(self) -> None:
        """End the subscription."""
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

    async def _run_briefly(self, work: Coroutine[Any, Any, None]) -> None:
        """Start the work and wait for its end, but no longer than a watcher waits: Redis may hang."""
        await asyncio.wait({self._start(work)}, timeout=_POLL_SECONDS)

    async def _subscribe(self, *channels: str) -> None:
        async with self._connecting:
            try:
                await self._pubsub.subscribe(self._anchor, *channels)
            except (RedisError, OSError) as error:
                log.warning("subscription_failed", error=str(error))

    async def _unsubscribe(self, channel: str) -> None:
        async with self._connecting:
            if channel not in self._watchers:
                with suppress(RedisError, OSError):
                    await self._pubsub.unsubscribe(channel)

    async def _read(self) -> None:
        while True:
            try:
                # redis-py renews its subscriptions when it reconnects.
                message = await self._pubsub.get_message(timeout=None)
            except (RedisError, OSError, RuntimeError):
                await asyncio.sleep(_RECONNECT_SECONDS)
                await self._subscribe(*self._watchers)
                continue
            if message:
                for changed in self._watchers.get(message["channel"].decode(), ()):
                    changed.set()
