"""Watching tasks through Redis: Celery publishes each stored result on a channel named after the task."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.domain.ids import TaskId

_POLL_SECONDS = 1.0
# Always subscribed to, so that the reader never finds itself without a subscription.
_ANCHOR = "sluice"
_RECONNECT_SECONDS = 1.0

log = structlog.get_logger()


class RedisWatch:
    """One subscription connection shared by every watcher of this process.

    The message is only a nudge to read the ledger. While Redis is away, watchers wake once a second.
    """

    def __init__(self, redis: Redis, channel_of: Callable[[str], str]) -> None:
        self._redis = redis
        self._channel_of = channel_of
        self._pubsub = redis.pubsub(ignore_subscribe_messages=True)
        self._watchers: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._reader: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watch(self, task_id: TaskId) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
        """Within the block, ``await wait(seconds)`` returns at the next change or after that time."""
        channel, changed = self._channel_of(str(task_id)), asyncio.Event()

        async def wait(seconds: float) -> None:
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), min(seconds, _POLL_SECONDS))
            changed.clear()

        self._watchers[channel].add(changed)
        try:
            await self._subscribe(channel)
            yield wait
        finally:
            self._watchers[channel].discard(changed)
            await self._unsubscribe(channel)

    async def close(self) -> None:
        """End the subscription."""
        if self._reader:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        await self._pubsub.aclose()  # type: ignore[no-untyped-call]
        await self._redis.aclose()

    async def _subscribe(self, channel: str) -> None:
        try:
            await self._pubsub.subscribe(_ANCHOR, channel)
        except (RedisError, OSError) as error:
            log.warning("watch_without_redis", error=str(error))
        if self._reader is None:
            self._reader = asyncio.create_task(self._read())

    async def _unsubscribe(self, channel: str) -> None:
        if self._watchers[channel]:
            return
        del self._watchers[channel]
        with suppress(RedisError, OSError):
            await self._pubsub.unsubscribe(channel)

    async def _read(self) -> None:
        while True:
            try:
                # redis-py subscribes anew by itself when it has to reconnect.
                message = await self._pubsub.get_message(timeout=None)
            except (RedisError, OSError, RuntimeError):
                await asyncio.sleep(_RECONNECT_SECONDS)
                continue
            if message:
                for changed in self._watchers.get(message["channel"].decode(), ()):
                    changed.set()
