"""The broker restarts, loses its data, hangs, delivers twice, is shared: accepted tasks still end exactly once."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from kombu import Message
from redis import Redis

from app.adapters.redis.url import redis_client_url
from app.celery_app import create_celery
from app.embedded import Engines
from app.settings import Settings, load_settings
from tests.database import hold
from tests.deadlines import deadline, wait_for, within
from tests.running import ROOT, Stack
from tests.system.test_killed_processes import make_text

HIGH = "high_priority"
_BUSY = "SELECT count(DISTINCT pid) AS slots FROM tasks WHERE id = ANY ($1) AND state IN ('STARTED', 'PROGRESS')"


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Engines]:
    """A Valkey that a test may kill, stop and inspect."""
    with Engines(tmp_path / "broker", postgres=False) as engines:
        yield engines


@pytest.fixture
def stack_on_valkey(settings: Settings, valkey: Engines) -> Iterator[Stack]:
    """A stack on it, with two slots for documents."""
    servers = {"redis_url": valkey.urls.redis_url, "celery_broker_url": None}
    with Stack(settings.model_copy(update=servers)) as running:
        running.environment["LARGE_DOCUMENT_CHUNKS"] = "1000000"
        running.start_api()
        running.start_workers("high")
        yield running


@contextmanager
def busy_slots(stack: Stack) -> Iterator[list[str]]:
    """Within the block, each of the two slots runs a task, which cannot end before the block; yields their ids."""
    agent = stack.make_agent()
    with hold(stack.settings.database_url or "", "LOCK TABLE chunks IN SHARE MODE"):
        task_ids = [stack.upload(agent, f"{n}.txt", make_text(n))["task_id"] for n in range(2)]
        wait_for(lambda: stack.fetch(_BUSY, task_ids)[0]["slots"] == 2, "both slots to be busy")
        yield task_ids


def kill(valkey: Engines) -> None:
    os.kill(valkey.pids["valkey"], signal.SIGKILL)
    wait_for(valkey.poll, "Valkey to be dead")


def forget(tmp_path: Path) -> None:
    """Remove the data of the killed Valkey."""
    shutil.rmtree(tmp_path / "broker" / "valkey" / "appendonlydir")


def inspect(stack: Stack, command: str) -> str:
    """The output of ``celery inspect`` about this stack's workers."""
    done = subprocess.run(
        [sys.executable, "-m", "celery", "--app=app.celery_app", "inspect", command, "--timeout=1"],
        cwd=ROOT,
        env=stack.environment,
        capture_output=True,
        text=True,
        timeout=deadline(60),
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "forgets", [pytest.param(False, marks=pytest.mark.slow), True], ids=["with its data", "without its data"]
)
def test_workers_go_on_when_the_broker_is_killed_and_started_again(
    stack_on_valkey: Stack, valkey: Engines, tmp_path: Path, forgets: bool
) -> None:
    stack, agent = stack_on_valkey, stack_on_valkey.make_agent()
    [worker] = [worker["pid"] for worker in stack.get("/workers")["workers"]]
    uploads = []
    for round_ in range(3):
        uploads += [stack.upload(agent, f"{n}.txt", make_text(100 * round_ + n)) for n in range(10)]
        kill(valkey)
        uploads.append(stack.upload(agent, "away.txt", make_text(100 * round_ + 99)))
        if forgets:
            forget(tmp_path)
        valkey.restart("valkey")
    tasks = stack.finish([upload["task_id"] for upload in uploads])
    assert {(task["state"], task["attempt"], task["crashes"]) for task in tasks} == {("SUCCESS", 1, 0)}
    # The same worker, with every slot.
    with busy_slots(stack):
        assert [worker["pid"] for worker in stack.get("/workers")["workers"]] == [worker]


def test_no_slot_waits_for_another_after_the_broker_was_killed_while_all_were_busy(
    stack_on_valkey: Stack, valkey: Engines, tmp_path: Path
) -> None:
    with busy_slots(stack_on_valkey) as task_ids, Redis.from_url(redis_client_url(valkey.urls.redis_url)) as redis:
        kill(valkey)
        forget(tmp_path)
        valkey.restart("valkey")
        wait_for(redis.pubsub_numpat, "the worker to listen to its broker again")
    tasks = stack_on_valkey.finish(task_ids)
    assert {(task["state"], task["attempt"], task["crashes"]) for task in tasks} == {("SUCCESS", 1, 0)}
    with busy_slots(stack_on_valkey) as task_ids:
        pass
    stack_on_valkey.finish(task_ids)


def test_a_broker_that_hangs_delays_only_the_work(stack_on_valkey: Stack, valkey: Engines) -> None:
    stack, agent = stack_on_valkey, stack_on_valkey.make_agent()
    readyz = f"http://127.0.0.1:{stack.port}/readyz"
    process = psutil.Process(valkey.pids["valkey"])
    process.suspend()
    try:
        with within(2):
            upload = stack.upload(agent, "note.txt", make_text(1))
        with within(5):
            ready = httpx.get(readyz, trust_env=False, timeout=deadline(30))
        assert (ready.status_code, ready.json()["down"]) == (503, ["broker"])
    finally:
        process.resume()
    [task] = stack.finish([upload["task_id"]])
    assert (task["state"], task["attempt"]) == ("SUCCESS", 1)
    wait_for(
        lambda: httpx.get(readyz, trust_env=False, timeout=deadline(30)).status_code == 200, "the broker to count as up"
    )


def test_workers_outlive_a_broker_that_refuses_to_write(stack_on_valkey: Stack, valkey: Engines) -> None:
    stack = stack_on_valkey
    [worker] = [worker["pid"] for worker in stack.get("/workers")["workers"]]
    with Redis.from_url(redis_client_url(valkey.urls.redis_url)) as redis:
        with busy_slots(stack) as task_ids:
            # Further messages wait for a slot. Once the memory is full, the worker cannot record that it has taken one.
            [[name]] = stack.fetch("SELECT name FROM tasks WHERE id = $1", task_ids[0])
            for _ in range(4):
                create_celery(stack.settings).send_task(name, task_id=task_ids[0], queue=HIGH)
            redis.config_set("maxmemory", 1)
        wait_for(lambda: count_refusals(redis), "the worker to be refused")
        redis.config_set("maxmemory", 0)
    tasks = stack.finish(task_ids)
    assert {(task["state"], task["crashes"]) for task in tasks} == {("SUCCESS", 0)}
    assert [worker["pid"] for worker in stack.get("/workers")["workers"]] == [worker]


def count_refusals(redis: "Redis") -> int:
    """How often the broker refused to record a message that a worker had taken."""
    statistics: dict[str, dict[str, int]] = redis.info("commandstats")  # type: ignore[assignment]
    return statistics.get("cmdstat_zadd", {}).get("rejected_calls", 0)


def take_message(stack: Stack) -> Message | None:
    """Take one message off the queue of documents."""
    celery = create_celery(stack.settings)
    with celery.connection_for_write() as connection:
        queue = celery.amqp.queues[HIGH](connection.default_channel)
        queue.declare()
        return queue.get(no_ack=True)


def deliver(stack: Stack, message: Message, times: int) -> None:
    """Put a message on the queue of documents as it was."""
    with create_celery(stack.settings).connection_for_write() as connection:
        producer = connection.Producer()
        for _ in range(times):
            producer.publish(
                message.body,
                routing_key=HIGH,
                content_type=message.content_type,
                content_encoding=message.content_encoding,
                headers=message.headers,
                correlation_id=message.headers["id"],
            )


def test_a_message_that_is_delivered_again_claims_nothing(stack: Stack) -> None:
    stack.environment["WORKER_CONCURRENCY_HIGH"] = "1"
    stack.start_api()
    agent = stack.make_agent()
    upload = stack.upload(agent, "note.txt", make_text(1))
    message = wait_for(lambda: take_message(stack), "the bell")
    assert message
    assert message.headers["id"] == upload["task_id"]
    assert {message.headers["eta"], message.headers["expires"]} == {None}
    assert message.payload[:2] == [[], {}]
    deliver(stack, message, times=3)
    stack.start_workers("high")
    stack.finish([upload["task_id"]])
    deliver(stack, message, times=3)
    # One slot takes one message after the other: with the last, it has had all of them.
    stack.finish([stack.upload(agent, "last.txt", make_text(2))["task_id"]])
    task = stack.get(f"/tasks/{upload['task_id']}")
    assert (task["state"], task["attempt"], task["crashes"]) == ("SUCCESS", 1, 0)


def test_celery_sees_the_workers(stack: Stack) -> None:
    stack.start_api()
    stack.start_workers()
    said = ""

    def all_answer() -> bool:
        nonlocal said
        said = inspect(stack, "active")
        return "4 nodes online" in said

    wait_for(all_answer, "every worker to answer")
    for name in ("high", "medium", "low", "default"):
        assert f"{name}@" in said


@pytest.mark.slow
def test_two_installations_with_prefixes_of_their_own_share_a_redis_database(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], valkey: Engines, tmp_path: Path
) -> None:
    with ExitStack() as open_, Redis.from_url(redis_client_url(valkey.urls.redis_url)) as redis:
        stacks = []
        for prefix in ("one:", "two:"):
            database_url, _ = open_.enter_context(make_database())
            settings = load_settings(
                database_url=database_url,
                redis_url=valkey.urls.redis_url,
                celery_broker_url=None,
                redis_key_prefix=prefix,
                data_dir=tmp_path / prefix[:3],
            )
            stacks.append(open_.enter_context(Stack(settings)))
            stacks[-1].start_api()
        one, two = stacks
        two.start_workers("high")
        mine, theirs = (
            [stack.upload(stack.make_agent(), f"{n}.txt", make_text(n)) for n in range(3)] for stack in stacks
        )
        assert {task["state"] for task in two.finish([upload["task_id"] for upload in theirs])} == {"SUCCESS"}
        assert redis.llen(f"one:{HIGH}") == 3
        assert "high@" in inspect(two, "ping")
        assert "high@" not in inspect(one, "ping")
        one.start_workers("high")
        tasks = one.finish([upload["task_id"] for upload in mine])
        assert {(task["state"], task["attempt"]) for task in tasks} == {("SUCCESS", 1)}
        assert {key[:4] for key in redis.scan_iter()} == {b"one:", b"two:"}
