"""The doorbell on a Valkey that is killed, hangs and recovers."""

import asyncio
import base64
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import psutil
import pytest
from celery import Celery
from redis import Redis

from app.adapters.celery.doorbell import CeleryDoorbell
from app.adapters.redis.url import redis_client_url
from app.celery_app import create_celery
from app.domain.ids import new_task_id
from app.domain.tasks import Bell, Queue, TaskLabel, TaskName
from app.embedded import Engines
from app.settings import load_settings
from tests.deadlines import deadline, wait_for, within

HIGH, DEFAULT = Queue.HIGH.value, Queue.DEFAULT.value
READYZ_SECONDS = 3.0


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("valkey"), postgres=False) as engines:
        yield engines


@pytest.fixture
def valkey(engines: Engines) -> Iterator[Engines]:
    """An empty Valkey, which a test may kill or suspend."""
    with connect(engines) as redis:
        redis.flushall()
    yield engines
    wake(engines)
    for name in engines.poll():
        engines.restart(name)


@pytest.fixture
async def doorbell(valkey: Engines) -> AsyncIterator[CeleryDoorbell]:
    made = make_doorbell(valkey)
    yield made
    wake(valkey)
    await made.close()


def make_doorbell(valkey: Engines, prefix: str = "") -> CeleryDoorbell:
    return CeleryDoorbell(create_celery(load_settings(redis_url=valkey.urls.redis_url, redis_key_prefix=prefix)))


def make_bell(queue: str = HIGH) -> Bell:
    return Bell(new_task_id(), TaskName.PROCESS_DOCUMENT.value, queue)


def connect(valkey: Engines) -> "Redis":
    return Redis.from_url(redis_client_url(valkey.urls.redis_url))


def count(valkey: Engines, key: str = HIGH) -> int:
    with connect(valkey) as redis:
        return int(redis.llen(key))


def kill(valkey: Engines) -> None:
    os.kill(valkey.pids["valkey"], signal.SIGKILL)
    wait_for(valkey.poll, "Valkey to be dead")


def hang(valkey: Engines) -> None:
    psutil.Process(valkey.pids["valkey"]).suspend()


def wake(valkey: Engines) -> None:
    if not valkey.poll():
        psutil.Process(valkey.pids["valkey"]).resume()


async def test_a_message_carries_the_id_of_its_task_and_never_an_eta(valkey: Engines, doorbell: CeleryDoorbell) -> None:
    bell = make_bell()
    await doorbell.publish([bell])
    with connect(valkey) as redis:
        [raw] = redis.lrange(HIGH, 0, -1)
    message = json.loads(raw)
    headers = message["headers"]
    assert (headers["id"], headers["task"]) == (str(bell.task_id), bell.name)
    assert (headers["eta"], headers["expires"], message["properties"].get("expiration")) == (None, None, None)
    arguments, named, embedded = json.loads(base64.b64decode(message["body"]))
    assert (arguments, named, set(embedded.values())) == ([], {}, {None})


@pytest.mark.parametrize("shown", [True, False])
async def test_a_message_shows_people_what_its_task_is_about(valkey: Engines, shown: bool) -> None:
    celery = create_celery(load_settings(redis_url=valkey.urls.redis_url))
    doorbell = CeleryDoorbell(celery, shows_filenames=shown)
    label = TaskLabel(agent_id=3, document_id=12, filename="Straße 'a'.pdf")
    await doorbell.publish([replace(make_bell(), label=label)])
    await doorbell.close()
    with connect(valkey) as redis:
        headers = json.loads(redis.lrange(HIGH, 0, -1)[0])["headers"]
    assert headers["argsrepr"] == ("(\"Straße 'a'.pdf\",)" if shown else "()")
    assert headers["kwargsrepr"] == "{'document_id': 12, 'agent_id': 3}"


async def test_no_more_messages_than_the_limit_wait_except_those_that_their_tasks_need(
    valkey: Engines, doorbell: CeleryDoorbell
) -> None:
    await doorbell.publish([replace(make_bell(), limit=4) for _ in range(10)])
    assert count(valkey) == 4
    await doorbell.publish([make_bell(), replace(make_bell(), limit=4), make_bell()])
    assert count(valkey) == 6
    await doorbell.publish([replace(make_bell(DEFAULT), limit=4)])
    assert count(valkey, DEFAULT) == 1


async def test_messages_are_published_again_as_soon_as_those_that_waited_are_read_or_lost(
    valkey: Engines, doorbell: CeleryDoorbell
) -> None:
    await doorbell.publish([replace(make_bell(), limit=4) for _ in range(4)])
    with connect(valkey) as redis:
        redis.rpop(HIGH)
        await doorbell.publish([replace(make_bell(), limit=4) for _ in range(2)])
        assert count(valkey) == 4
        redis.flushall()
    await doorbell.publish([replace(make_bell(), limit=4) for _ in range(2)])
    assert count(valkey) == 2


async def test_a_process_that_has_not_published_yet_exceeds_the_limit_by_one_message(valkey: Engines) -> None:
    for expected in (4, 5, 6):
        another = CeleryDoorbell(create_celery(load_settings(redis_url=valkey.urls.redis_url)))
        for _ in range(3):
            await another.publish([replace(make_bell(), limit=4) for _ in range(4)])
        await another.close()
        assert count(valkey) == expected


async def test_the_length_of_the_list_costs_no_command_while_it_is_short(
    valkey: Engines, doorbell: CeleryDoorbell
) -> None:
    await doorbell.publish([make_bell()])  # the first of a queue has kombu declare it, which reads its length
    with connect(valkey) as redis:
        redis.config_resetstat()
        await doorbell.publish([replace(make_bell(), limit=5) for _ in range(3)])
        assert "cmdstat_llen" not in redis.info("commandstats")


async def test_the_first_bell_after_a_restart_of_the_broker_rings(valkey: Engines, doorbell: CeleryDoorbell) -> None:
    await doorbell.publish([make_bell(DEFAULT)])
    kill(valkey)
    valkey.restart("valkey")
    await doorbell.publish([make_bell(), make_bell()])
    assert count(valkey) == 2


async def test_a_bell_rings_although_the_broker_has_closed_the_idle_connection(
    valkey: Engines, doorbell: CeleryDoorbell
) -> None:
    await doorbell.publish([make_bell(DEFAULT)])
    with connect(valkey) as redis:
        redis.client_kill_filter(_type="normal", skipme=True)
    await doorbell.publish([make_bell()])
    assert count(valkey) == 1


async def test_a_kept_connection_that_fails_is_replaced_at_once(
    valkey: Engines, doorbell: CeleryDoorbell, monkeypatch: pytest.MonkeyPatch
) -> None:
    await doorbell.publish([make_bell(DEFAULT)])
    send = Celery.send_task
    failed: list[Any] = []

    def fail_once(self: Celery, *arguments: Any, **options: Any) -> Any:
        if count(valkey) == 1 and not failed:
            failed.append(options["producer"].connection)
            raise OSError("made for a test")
        return send(self, *arguments, **options)

    monkeypatch.setattr(Celery, "send_task", fail_once)
    await doorbell.publish([make_bell(), make_bell(), make_bell()])
    assert count(valkey) == 3  # what was published before the failure was not published again
    assert failed
    assert not failed[0].connected


async def test_bells_are_given_up_at_once_while_the_broker_is_away(valkey: Engines, doorbell: CeleryDoorbell) -> None:
    await doorbell.publish([make_bell()])
    kill(valkey)
    with within(2):
        for _ in range(50):
            await doorbell.publish([make_bell()])
    valkey.restart("valkey")
    await doorbell.publish([make_bell(DEFAULT)])
    assert count(valkey, DEFAULT) == 1


async def test_of_many_bells_only_the_first_waits_for_a_broker_that_hangs(
    valkey: Engines, doorbell: CeleryDoorbell
) -> None:
    await doorbell.publish([make_bell(DEFAULT)])
    hang(valkey)
    with within(8):
        for _ in range(20):
            await doorbell.publish([make_bell()])
    wake(valkey)
    async with asyncio.timeout(deadline(20)):
        while not count(valkey):
            await doorbell.publish([make_bell()])


async def test_telling_a_result_backend_that_hangs_or_is_away_costs_a_few_seconds_once(
    valkey: Engines, doorbell: CeleryDoorbell
) -> None:
    doorbell.publish_state(new_task_id(), 1, "SUCCESS", {})
    await doorbell.flush()
    for harm in (hang, kill):
        harm(valkey)
        with within(8):
            for _ in range(20):
                doorbell.publish_state(new_task_id(), 1, "SUCCESS", {})
                await doorbell.flush()


@pytest.mark.parametrize("harm", [kill, hang])
async def test_a_ping_raises_in_time_for_readyz(valkey: Engines, doorbell: CeleryDoorbell, harm: Any) -> None:
    await doorbell.ping()
    harm(valkey)
    with within(READYZ_SECONDS), pytest.raises(Exception, match=r"."):
        await doorbell.ping()


async def test_every_key_bears_the_prefix(valkey: Engines) -> None:
    task_id = new_task_id()
    for prefix in ("one:", "two:"):
        doorbell = make_doorbell(valkey, prefix)
        await doorbell.publish([make_bell()])
        doorbell.publish_state(task_id, 1, "PROGRESS", {})
        await doorbell.close()
    with connect(valkey) as redis:
        keys = {key.decode() for key in redis.scan_iter()}
    expected = {HIGH, "_kombu.binding.default", f"celery-task-meta-{task_id}"}
    assert keys == {prefix + key for prefix in ("one:", "two:") for key in expected}


async def test_a_success_is_forgotten_when_it_is_erased_or_a_fresh_attempt_waits(
    valkey: Engines, doorbell: CeleryDoorbell
) -> None:
    erased, repeated = new_task_id(), new_task_id()
    for task_id in (erased, repeated):
        doorbell.publish_state(task_id, 5, "SUCCESS", {"filename": "heron.txt"})
    await doorbell.forget_states([erased])
    doorbell.publish_state(repeated, 6, "PENDING", {})
    doorbell.publish_state(repeated, 7, "PROGRESS", {"current": 20})
    await doorbell.flush()
    with connect(valkey) as redis:
        assert redis.get(f"celery-task-meta-{erased}") is None
        assert json.loads(str(redis.get(f"celery-task-meta-{repeated}"), "utf-8"))["result"] == {"current": 20}
