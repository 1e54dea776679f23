"""A Redis that is unreachable or never answers: nothing grows, and no caller waits for long."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from app.adapters.celery.doorbell import CeleryDoorbell
from app.adapters.redis import states
from app.adapters.redis.states import RedisStates
from app.adapters.redis.url import redis_client_url
from app.adapters.redis.watch import RedisWatch
from app.celery_app import create_celery
from app.domain.ids import new_task_id
from app.embedded import Engines
from app.settings import load_settings
from tests.deadlines import wait_until, within

UNREACHABLE = "redis://127.0.0.1:1/0"


class SilentServer:
    """Accepts connections, reads what arrives, and never answers."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []

    async def start(self) -> str:
        """Start it; returns its address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"

    async def stop(self) -> None:
        self._server.close()
        for writer in self.writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        while await reader.read(65536):
            pass


@pytest.fixture
async def silent() -> AsyncIterator[str]:
    server = SilentServer()
    yield await server.start()
    await server.stop()


@pytest.fixture(params=["unreachable", "silent"])
def url(request: pytest.FixtureRequest) -> str:
    return UNREACHABLE if request.param == "unreachable" else str(request.getfixturevalue("silent"))


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("valkey"), postgres=False) as engines:
        yield engines


async def test_an_outage_keeps_a_bounded_number_of_bytes_and_the_latest_states(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "_LARGEST_BACKLOG", 10_000)
    away = RedisStates(url, 60)
    for number in range(1000):
        away.store(b"%d" % number, 1, b"x" * 100)
    await away.flush()
    for number in range(1000, 1010):
        away.store(b"%d" % number, 1, b"x" * 100)
    kept = list(away._changes)
    assert len(kept) == 100
    assert kept[-1] == b"1009"
    await away.close()


async def test_an_outage_keeps_a_bounded_number_of_deletions(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "_LARGEST_BACKLOG", 100_000)
    away = RedisStates(url, 60)
    for number in range(50):
        await away.delete([b"%d-%d" % (number, key) for key in range(1000)])
    assert len(away._changes) * states._DELETION_BYTES <= 100_000
    assert b"49-999" in away._changes
    await away.close()


async def test_a_state_whose_storing_fails_does_not_return_after_its_deletion(valkey: Engines, silent: str) -> None:
    with Redis.from_url(redis_client_url(valkey.urls.redis_url)) as redis:
        kept = RedisStates(silent, 60)
        kept.store(b"one", 5, b'{"version": 5}')
        kept.store(b"two", 5, b'{"version": 5}')
        await asyncio.sleep(0)  # the sender has taken both
        await kept.delete([b"one"])
        kept._pool = RedisStates(valkey.urls.redis_url, 60)._pool
        await wait_until(lambda: redis.exists("two"), "the other state to be stored")
        await kept.close()
        assert not redis.exists("one")


async def test_a_state_that_follows_a_deletion_is_stored(valkey: Engines) -> None:
    with Redis.from_url(redis_client_url(valkey.urls.redis_url)) as redis:
        stored = RedisStates(valkey.urls.redis_url, 60)
        deleting = asyncio.ensure_future(stored.delete([b"again"]))
        await asyncio.sleep(0)
        stored.store(b"again", 1, b'{"version": 1}')
        await deleting
        await stored.close()
        assert redis.exists("again")


async def test_watches_that_begin_and_end_in_an_outage_leave_nothing_behind(url: str) -> None:
    watch = RedisWatch(AsyncRedis.from_url(url, socket_connect_timeout=2), str)
    before = len(asyncio.all_tasks())

    async def poll() -> None:
        async with watch.watch(new_task_id(), lambda: None):
            pass

    with within(10):
        for _ in range(3):
            await asyncio.gather(*(poll() for _ in range(500)))
    assert len(asyncio.all_tasks()) <= before + 4  # the one that keeps the subscription, with its own
    assert not watch._channels
    with within(5):
        await watch.close()


async def test_an_outage_of_minutes_leaves_no_connections_behind(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.adapters.redis.watch._SEND_SECONDS", 0.01)
    monkeypatch.setattr("app.adapters.redis.watch._RECONNECT_SECONDS", 0.0)
    redis = AsyncRedis.from_url(silent, socket_connect_timeout=2)
    watch, attempts = RedisWatch(redis, str), 0
    serve = watch._serve

    async def count(pubsub: Any) -> None:
        nonlocal attempts
        attempts += 1
        await serve(pubsub)

    monkeypatch.setattr(watch, "_serve", count)
    async with watch.watch(new_task_id(), lambda: None):
        await wait_until(lambda: attempts > 50, "many attempts")
    pool: Any = redis.connection_pool
    assert len(pool._in_use_connections) + len(pool._available_connections) <= 1
    await watch.close()


async def test_channels_that_end_in_an_outage_are_not_subscribed_to_again(valkey: Engines) -> None:
    url = redis_client_url(valkey.urls.redis_url)
    watch, task_id, other, notified = RedisWatch(AsyncRedis.from_url(url), str), new_task_id(), new_task_id(), []
    with Redis.from_url(url) as redis:
        async with watch.watch(other, lambda: notified.append(other)):
            async with watch.watch(task_id, lambda: None):
                redis.client_kill_filter(_type="pubsub")
            await wait_until(lambda: redis.publish(str(other), "changed") and notified, "the watch to work again")
            assert str(task_id).encode() not in redis.pubsub_channels()
    await watch.close()


async def test_channels_of_many_watchers_share_a_command(valkey: Engines) -> None:
    url = redis_client_url(valkey.urls.redis_url)
    watch, entered = RedisWatch(AsyncRedis.from_url(url), str), 0
    ends = asyncio.Event()

    async def follow() -> None:
        nonlocal entered
        async with watch.watch(new_task_id(), lambda: None):
            entered += 1
            await ends.wait()

    with Redis.from_url(url) as redis:
        redis.config_resetstat()
        following = [asyncio.ensure_future(follow()) for _ in range(300)]
        await wait_until(lambda: entered == 300, "every watch to begin")
        ends.set()
        await asyncio.gather(*following)
        await watch.close()
        calls = {name: entry["calls"] for name, entry in redis.info("commandstats").items()}
    assert calls["cmdstat_subscribe"] <= 3


async def test_a_doorbell_closes_within_seconds_while_its_redis_does_not_answer(silent: str) -> None:
    doorbell = CeleryDoorbell(create_celery(load_settings(redis_url=silent)))
    for version in range(3):
        doorbell.publish_state(new_task_id(), version, "SUCCESS", {})
    doorbell.ask_for_watchers(new_task_id(), lambda: pytest.fail("no client watches"))
    began = time.monotonic()
    with within(6):
        await doorbell.forget_states([new_task_id()])
        await doorbell.flush()
        await doorbell.close()
    assert time.monotonic() - began > 1.0, "the Redis did not hang"
