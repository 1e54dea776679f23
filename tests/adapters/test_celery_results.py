"""The result backend at a real Valkey: Celery's clients read each state, and a late state replaces no later one."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import psutil
import pytest
from celery import Celery
from celery.exceptions import TaskRevokedError
from celery.result import AsyncResult
from redis import Redis

from app.adapters.celery.results import CeleryResults
from app.adapters.redis.url import redis_client_url
from app.celery_app import create_celery
from app.domain.ids import TaskId, new_task_id
from app.embedded import Engines
from app.settings import load_settings
from tests.deadlines import deadline, wait_for, within

PROGRESS = {"current": 50, "total": 100, "status": "Embedding", "stage": "embed"}
FAILED = {"code": "document_damaged", "message": "The file is damaged."}


@pytest.fixture(scope="module")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with Engines(tmp_path_factory.mktemp("valkey"), postgres=False) as engines:
        yield engines


@pytest.fixture
def celery(valkey: Engines) -> Celery:
    return create_celery(load_settings(redis_url=valkey.urls.redis_url, redis_key_prefix="one:"))


@pytest.fixture
async def results(celery: Celery) -> AsyncIterator[CeleryResults]:
    made = CeleryResults(celery)
    yield made
    await made.close()


def connect(valkey: Engines) -> "Redis":
    return Redis.from_url(redis_client_url(valkey.urls.redis_url))


def read(celery: Celery, task_id: TaskId) -> "AsyncResult[Any]":
    return AsyncResult(str(task_id), app=celery)


async def until_stored(results: CeleryResults, celery: Celery, task_id: TaskId, state: str) -> None:
    """Wait for a state while the Redis recovers."""
    async with asyncio.timeout(deadline(20)):
        while True:
            await results.flush()
            try:
                if await asyncio.to_thread(lambda: read(celery, task_id).state) == state:
                    return
            except OSError:
                await asyncio.sleep(0.05)


async def test_every_state_is_as_celery_stores_it_but_for_the_version(results: CeleryResults, celery: Celery) -> None:
    backend: Any = celery.backend
    for state, info in (("SUCCESS", {"chunks": 3}), ("FAILURE", FAILED), ("RETRY", FAILED), ("PROGRESS", PROGRESS)):
        ours, theirs = new_task_id(), new_task_id()
        results.store(ours, 7, state, info)
        await results.flush()
        expected = RuntimeError(f"{FAILED['code']}: {FAILED['message']}") if info is FAILED else info
        backend.store_result(str(theirs), expected, state)
        stored = [json.loads(backend.get(backend.get_key_for_task(str(key)))) for key in (ours, theirs)]
        assert stored[0].pop("version") == 7
        assert all(entry.pop("task_id") for entry in stored)
        assert [bool(entry.pop("date_done")) for entry in stored] == [state in {"SUCCESS", "FAILURE"}] * 2
        assert stored[0] == stored[1]


async def test_async_result_returns_every_end(results: CeleryResults, celery: Celery) -> None:
    ids = {state: new_task_id() for state in ("SUCCESS", "FAILURE", "RETRY", "REVOKED", "PROGRESS", "PENDING")}
    infos: dict[str, Any] = {"SUCCESS": {"chunks": 3}, "FAILURE": FAILED, "RETRY": FAILED, "REVOKED": FAILED}
    for state, task_id in ids.items():
        results.store(task_id, 1, state, infos.get(state, PROGRESS))
    await results.flush()
    for state, task_id in ids.items():
        assert read(celery, task_id).state == state
    assert read(celery, ids["SUCCESS"]).result == {"chunks": 3}
    assert read(celery, ids["PROGRESS"]).info == PROGRESS
    assert repr(read(celery, ids["FAILURE"]).result) == "RuntimeError('document_damaged: The file is damaged.')"
    assert isinstance(read(celery, ids["REVOKED"]).result, TaskRevokedError)


async def test_a_late_state_never_replaces_a_later_one(results: CeleryResults, celery: Celery) -> None:
    task_id, other_process = new_task_id(), CeleryResults(celery)
    results.store(task_id, 9, "SUCCESS", {"chunks": 3})
    await results.flush()
    for version, state in ((8, "PROGRESS"), (4, "FAILURE")):
        other_process.store(task_id, version, state, FAILED)
        await other_process.flush()
        assert read(celery, task_id).state == "SUCCESS"
    other_process.store(task_id, 10, "PENDING", PROGRESS)
    await other_process.close()
    assert read(celery, task_id).state == "PENDING"


async def test_of_several_states_of_one_turn_the_latest_is_stored(results: CeleryResults, celery: Celery) -> None:
    task_id = new_task_id()
    for version, state in ((2, "PROGRESS"), (4, "SUCCESS"), (3, "PROGRESS")):
        results.store(task_id, version, state, PROGRESS)
    await results.flush()
    assert read(celery, task_id).state == "SUCCESS"


async def test_a_client_that_waits_is_woken_and_is_a_watcher(results: CeleryResults, celery: Celery) -> None:
    task_id, watched = new_task_id(), asyncio.Event()
    results.ask_for_watchers(task_id, lambda: pytest.fail("no client watches yet"))
    await results.flush()
    result = read(celery, task_id)
    waiting = asyncio.ensure_future(asyncio.to_thread(result.get, timeout=deadline(20)))
    async with asyncio.timeout(deadline(20)):
        while not watched.is_set():
            results.ask_for_watchers(task_id, watched.set)
            await results.flush()
    results.store(task_id, 1, "SUCCESS", {"chunks": 3})
    assert await waiting == {"chunks": 3}
    result.forget()  # its subscription ends while the Valkey runs


async def test_states_expire_as_celerys_do(valkey: Engines, results: CeleryResults) -> None:
    task_id = new_task_id()
    results.store(task_id, 1, "SUCCESS", {})
    await results.flush()
    with connect(valkey) as redis:
        assert 0 < redis.ttl(f"one:celery-task-meta-{task_id}") <= load_settings().result_expires


def kill(process: psutil.Process) -> None:
    os.kill(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("harm", [kill, psutil.Process.suspend])
async def test_states_are_stored_once_the_redis_answers_again(
    valkey: Engines, results: CeleryResults, celery: Celery, harm: Callable[[psutil.Process], None]
) -> None:
    first, last, process = new_task_id(), new_task_id(), psutil.Process(valkey.pids["valkey"])
    results.store(first, 1, "PROGRESS", PROGRESS)
    await results.flush()
    harm(process)
    try:
        with within(4):  # the first waits for the answer; nothing waits from then on
            for number in range(100):
                results.store(new_task_id(), number, "PROGRESS", PROGRESS)
                await results.flush()
        results.store(first, 2, "SUCCESS", {})
        results.store(last, 1, "SUCCESS", {})
    finally:
        if harm is kill:
            wait_for(valkey.poll, "Valkey to be dead")
            valkey.restart("valkey")
        else:
            process.resume()
    for task_id in (first, last):
        await until_stored(results, celery, task_id, "SUCCESS")


async def test_disabled_results_store_nothing() -> None:
    celery = create_celery(load_settings(redis_url="redis://127.0.0.1:1/0", celery_result_backend="disabled://"))
    results = CeleryResults(celery)
    results.store(new_task_id(), 1, "SUCCESS", {})
    await results.forget([new_task_id()])
    await results.close()


async def test_a_password_that_the_redis_refuses_stops_nothing(valkey: Engines) -> None:
    with connect(valkey) as redis:
        redis.config_set("requirepass", "sec:ret")
    path = valkey.urls.redis_url.removeprefix("redis+socket://")
    try:
        for password, stored in (("wrong", False), ("sec%3Aret", True)):
            url = f"redis+socket://:{password}@{path}"
            results, task_id = CeleryResults(create_celery(load_settings(redis_url=url))), new_task_id()
            with within(5):
                results.store(task_id, 1, "SUCCESS", {})
                await results.flush()
                await results.close()
            with Redis.from_url(redis_client_url(f"redis+socket://:sec%3Aret@{path}")) as redis:
                assert redis.exists(f"celery-task-meta-{task_id}") == stored
    finally:
        with Redis.from_url(redis_client_url(f"redis+socket://:sec%3Aret@{path}")) as redis:
            redis.config_set("requirepass", "")
