"""The watch on a Valkey that is killed, hangs and recovers."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import psutil
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from app.adapters.redis import watch as redis_watch
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


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable polling, so that only a message can wake a watcher."""
    monkeypatch.setattr(redis_watch, "_POLL_SECONDS", 60.0)


def connect(valkey: Engines) -> "Redis":
    return Redis.from_url(redis_client_url(valkey.urls.redis_url))


def list_channels(valkey: Engines) -> set[bytes]:
    with connect(valkey) as redis:
        return set(redis.pubsub_channels())


async def is_woken(valkey: Engines, channel: str, wait: Callable[[float], Awaitable[None]]) -> bool:
    """Publish on the channel until the watcher wakes; returns whether it does."""
    waiting = asyncio.ensure_future(wait(60))
    end = time.monotonic() + deadline(10)
    with connect(valkey) as redis:
        while not waiting.done() and time.monotonic() < end:
            redis.publish(channel, "changed")
            await asyncio.sleep(0.05)
    return waiting.done()


@pytest.mark.usefixtures("_patient")
async def test_all_channels_bear_the_prefix_and_a_message_on_one_wakes_its_watchers(
    valkey: Engines, watch: RedisWatch
) -> None:
    task_id = new_task_id()
    async with watch.watch(task_id) as wait, watch.watch(new_task_id()):
        channels = list_channels(valkey)
        assert f"{PREFIX}{task_id}".encode() in channels
        assert all(channel.startswith(PREFIX.encode()) for channel in channels)
        assert await is_woken(valkey, f"{PREFIX}{task_id}", wait)


@pytest.mark.usefixtures("_patient")
async def test_watchers_are_woken_again_after_a_restart(valkey: Engines, watch: RedisWatch) -> None:
    before, meanwhile = new_task_id(), new_task_id()
    async with watch.watch(before) as wait_before:
        os.kill(valkey.pids["valkey"], signal.SIGKILL)
        wait_for(valkey.poll, "Valkey to be dead")
        async with watch.watch(meanwhile) as wait_meanwhile:
            valkey.restart("valkey")
            for task_id, wait in ((before, wait_before), (meanwhile, wait_meanwhile)):
                assert await is_woken(valkey, f"{PREFIX}{task_id}", wait)


async def test_a_redis_that_hangs_does_not_stop_the_polling_every_second(valkey: Engines, watch: RedisWatch) -> None:
    process = psutil.Process(valkey.pids["valkey"])
    process.suspend()
    with within(5):
        try:
            async with watch.watch(new_task_id()) as wait:
                await wait(60)
        finally:
            process.resume()
