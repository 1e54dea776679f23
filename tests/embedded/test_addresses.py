"""Each server has one address, which every client accepts."""

from collections.abc import Iterator
from threading import Thread

import pytest
from celery import Celery
from kombu import Connection
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from app.adapters.redis.url import celery_redis_url, redis_client_url
from app.embedded import Engines, EngineUrls
from tests.deadlines import deadline
from tests.embedded.conftest import query, redis


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineUrls]:
    """Servers that were started by a thread that has ended."""
    engines = Engines(tmp_path_factory.mktemp("data"))
    thread = Thread(target=engines.start)
    thread.start()
    thread.join()
    assert engines.poll() == []
    yield engines.urls
    assert engines.poll() == []
    engines.stop()


def test_asyncpg_connects_and_finds_pgvector(urls: EngineUrls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGHOST", "nowhere.invalid")
    query(urls.database_url, "CREATE EXTENSION IF NOT EXISTS vector")
    assert query(urls.database_url, "SELECT '[3,4]'::vector <-> '[0,0]'") == 5


async def test_sqlalchemy_connects_with_the_same_address(urls: EngineUrls) -> None:
    engine = create_async_engine(urls.database_url.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.connect() as connection:
        answer = await connection.scalar(text("SELECT current_user || '@' || current_database()"))
    await engine.dispose()
    assert answer == "sluice@sluice"


def test_postgres_compares_as_unicode_and_keeps_its_promises(urls: EngineUrls) -> None:
    assert query(urls.database_url, "SELECT lower('ÄÖÜ')") == "äöü"
    for setting, value in {"fsync": "on", "synchronous_commit": "on", "listen_addresses": ""}.items():
        assert query(urls.database_url, f"SHOW {setting}") == value


def test_valkey_never_evicts_and_keeps_a_log(urls: EngineUrls) -> None:
    with redis(urls.redis_url) as client:
        for setting, value in {
            "maxmemory-policy": "noeviction",
            "appendonly": "yes",
            "appendfsync": "everysec",
        }.items():
            assert client.config_get(setting) == {setting: value}
        assert client.config_get("port") == {"port": "0"}


@pytest.mark.parametrize("number", [0, 3])
def test_kombu_celery_and_redis_py_meet_in_one_database(urls: EngineUrls, number: int) -> None:
    url = urls.redis_url.replace("virtual_host=0", f"virtual_host={number}")
    with Connection(url) as connection, connection.SimpleQueue("bell") as queue:
        queue.put({"rings": 1})
        with redis(url) as client:
            assert client.llen("bell") == 1
            assert client.connection_pool.connection_kwargs["db"] == number
        message = queue.get(timeout=deadline(5))
        assert message.payload == {"rings": 1}
        message.ack()


def test_celery_takes_the_address_as_broker_and_as_result_backend(urls: EngineUrls) -> None:
    app = Celery(broker=urls.redis_url, backend=urls.redis_url)
    app.backend.store_result("one", {"done": 1}, "SUCCESS")
    assert app.AsyncResult("one").get(timeout=deadline(5)) == {"done": 1}
    app.send_task("nothing", queue="celery-queue")
    with redis(urls.redis_url) as client:
        assert client.llen("celery-queue") == 1
    app.close()


def test_addresses_are_translated_both_ways_and_others_left_alone() -> None:
    assert redis_client_url("redis+socket:///a/b.sock?virtual_host=2") == "unix:///a/b.sock?db=2"
    assert celery_redis_url("unix:///a/b.sock?db=2") == "redis+socket:///a/b.sock?virtual_host=2"
    assert redis_client_url("redis+socket:///a/b.sock") == "unix:///a/b.sock"
    for url in ("redis://host:6379/1", "rediss://:secret@host/0?ssl_cert_reqs=none"):
        assert redis_client_url(url) == celery_redis_url(url) == url
