"""The watch on a Valkey that is killed, hangs and recovers."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from app.adapters.redis.url import redis_client_url
from app.adapters.redis.watch import RedisWatch
from app.domain.ids import new_task_id
from app.embedded import Engines
from tests.deadlines import deadline, wait_for, within

PREFIX = "one:"


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("valkey"), postgres=False) as engines:
        yield engines


@pytest.fixture
async def watch(valkey: Engines) -> AsyncIterator[RedisWatch]:
    made = RedisWatch(AsyncRedis.from_url(redis_client_url(valkey.urls.redis_url)), lambda task_id: PREFIX + task_id)
    yield made
    await made.close()


def connect(valkey: Engines) -> "Redis":
    return Redis.from_url(redis_client_url(valkey.urls.redis_url))


def list_channels(valkey: Engines) -> set[bytes]:
    with connect(valkey) as redis:
        return set(redis.pubsub_channels())


async def is_woken(valkey: Engines, channel: str, notified: asyncio.Event) -> bool:
    """Publish on the channel until the watcher is notified; returns whether it is."""
    end = time.monotonic() + deadline(10)
    with connect(valkey) as redis:
        while not notified.is_set() and time.monotonic() < end:
            redis.publish(channel, "changed")
            await asyncio.sleep(0.05)
    return notified.is_set()


async def test_all_channels_bear_the_prefix_and_a_message_on_one_wakes_its_watchers(
    valkey: Engines, watch: RedisWatch
) -> None:
    task_id, first, second, other = new_task_id(), asyncio.Event(), asyncio.Event(), asyncio.Event()
    async with (
        watch.watch(task_id, first.set),
        watch.watch(new_task_id(), other.set),
        watch.watch(task_id, second.set),
    ):
        channels = list_channels(valkey)
        assert f"{PREFIX}{task_id}".encode() in channels
        assert all(channel.startswith(PREFIX.encode()) for channel in channels)
        assert await is_woken(valkey, f"{PREFIX}{task_id}", first)
        assert await is_woken(valkey, f"{PREFIX}{task_id}", second)
        assert not other.is_set()


async def test_a_channel_is_left_once_its_last_watcher_has_gone(valkey: Engines, watch: RedisWatch) -> None:
    task_id = new_task_id()
    channel = f"{PREFIX}{task_id}".encode()
    async with watch.watch(task_id, asyncio.Event().set):
        async with watch.watch(task_id, asyncio.Event().set):
            assert channel in list_channels(valkey)
        assert channel in list_channels(valkey)
    await asyncio.to_thread(wait_for, lambda: channel not in list_channels(valkey), "the channel to be left")


async def test_watchers_are_woken_again_after_a_restart(valkey: Engines, watch: RedisWatch) -> None:
    before, meanwhile, woken = new_task_id(), new_task_id(), (asyncio.Event(), asyncio.Event())
    async with watch.watch(before, woken[0].set):
        os.kill(valkey.pids["valkey"], signal.SIGKILL)
        wait_for(valkey.poll, "Valkey to be dead")
        async with watch.watch(meanwhile, woken[1].set):
            valkey.restart("valkey")
            for task_id, notified in zip((before, meanwhile), woken, strict=True):
                assert await is_woken(valkey, f"{PREFIX}{task_id}", notified)


async def test_a_redis_that_hangs_delays_a_watch_by_a_second_only(valkey: Engines, watch: RedisWatch) -> None:
    process = psutil.Process(valkey.pids["valkey"])
    process.suspend()
    with within(5):
        try:
            async with watch.watch(new_task_id(), lambda: None):
                pass
        finally:
            process.resume()
