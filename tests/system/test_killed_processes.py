"""Processes are killed; accepted tasks still end exactly once."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import pytest

from app.settings import load_settings
from tests.deadlines import wait_for
from tests.running import Stack, list_family

WORDS = ["sluice", "gate", "lock", "weir", "pound", "culvert", "paddle", "towpath", "heron", "barge"]
LONG = 150_000
"""The sentences of a text that takes seconds, in which a test may act on the process that reads it."""


def make_text(number: int, sentences: int = 60) -> bytes:
    """A unique document of a few chunks."""
    lines = (
        f"Document {number} tells of the {WORDS[(number + i) % 10]} in its sentence {i}." for i in range(sentences)
    )
    return " ".join(lines).encode()


def count_chunks(stack: Stack) -> dict[int, tuple[int, int]]:
    """By document: the number of its chunks, and of their distinct ordinals."""
    rows = stack.fetch(
        "SELECT document_id, count(*) AS n, count(DISTINCT ordinal) AS places FROM chunks GROUP BY document_id"
    )
    return {row["document_id"]: (row["n"], row["places"]) for row in rows}


@pytest.fixture(scope="module")
def running(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """An API, shared by the tests of this module; each test starts and kills its own workers.

    The lease is short, so that tests do not wait for the default one. A long document is one task.
    """
    with make_database() as (database_url, redis_url):
        folder = tmp_path_factory.mktemp("data")
        with Stack(load_settings(database_url=database_url, redis_url=redis_url, data_dir=folder)) as stack:
            stack.environment |= {"WORKER_LEASE_SECONDS": "3", "LARGE_DOCUMENT_CHUNKS": "1000000"}
            stack.start_api()
            yield stack


@pytest.fixture
def busy_stack(running: Stack) -> Iterator[Stack]:
    """The stack without workers; those that a test starts are stopped after it."""
    wait_for(lambda: running.get("/workers")["workers"] == [], "the leases of killed workers to end")
    environment = dict(running.environment)
    yield running
    running.stop(running.workers)
    running.environment = environment


def test_a_hundred_uploads_survive_the_death_of_every_worker_process(busy_stack: Stack) -> None:
    busy_stack.start_workers()
    agent = busy_stack.make_agent()

    def upload_all() -> list[dict[str, Any]]:
        return [busy_stack.upload(agent, f"{n}.txt", make_text(n)) for n in range(100)]

    def count_done() -> int:
        return int(busy_stack.get("/tasks/", status="SUCCESS", agent_id=agent, limit=1)["total"])

    with ThreadPoolExecutor(1) as thread:
        uploading = thread.submit(upload_all)
        wait_for(lambda: count_done() >= 10, "the work to be under way", seconds=90)
        busy_stack.kill_workers()
        uploads = uploading.result()
    assert count_done() < 100
    busy_stack.start_workers()
    tasks = busy_stack.finish([upload["task_id"] for upload in uploads])
    assert {task["state"] for task in tasks} == {"SUCCESS"}
    chunks = count_chunks(busy_stack)
    for task in tasks:
        assert chunks[task["document_id"]] == (task["chunk_count"], task["chunk_count"])


def test_the_task_of_a_killed_pool_process_runs_again_at_once(busy_stack: Stack) -> None:
    busy_stack.start_workers("high")
    agent = busy_stack.make_agent()
    upload = busy_stack.upload(agent, "long.txt", make_text(1, sentences=LONG))
    wait_for(lambda: busy_stack.get(f"/tasks/{upload['task_id']}")["state"] == "PROGRESS", "the task to run")
    [[pid]] = busy_stack.fetch("SELECT pid FROM tasks WHERE pid IS NOT NULL AND document_id IS NOT NULL")
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: busy_stack.get(f"/tasks/{upload['task_id']}")["attempt"] == 2, "a second attempt", seconds=5)
    [task] = busy_stack.finish([upload["task_id"]])
    assert (task["state"], task["crashes"]) == ("SUCCESS", 1)
    assert count_chunks(busy_stack)[task["document_id"]] == (task["chunk_count"], task["chunk_count"])


def test_a_task_that_kills_its_process_each_time_is_a_dead_letter_after_exactly_three(busy_stack: Stack) -> None:
    busy_stack.start_workers("high", "default")
    agent = busy_stack.make_agent()
    upload = busy_stack.upload(agent, "poison.txt", make_text(1, sentences=LONG))

    def kill_or_end() -> bool:
        task = busy_stack.get(f"/tasks/{upload['task_id']}")
        if task["state"] == "PROGRESS" and (
            found := busy_stack.fetch("SELECT pid FROM tasks WHERE state = 'PROGRESS' AND document_id IS NOT NULL")
        ):
            os.kill(found[0]["pid"], signal.SIGKILL)
            wait_for(
                lambda: busy_stack.get(f"/tasks/{upload['task_id']}")["crashes"] > task["crashes"], "the crash to count"
            )
        return bool(task["state"] == "FAILURE")

    wait_for(kill_or_end, "the task to be given up", seconds=60)
    task = busy_stack.get(f"/tasks/{upload['task_id']}")
    assert (task["crashes"], task["attempt"], task["error"]["code"]) == (3, 3, "task_crashed")
    assert busy_stack.get(f"/documents/{upload['document_id']}")["status"] == "failed"
    letter = busy_stack.get(f"/dead-letters/{upload['task_id']}")
    assert [(entry["attempt"], entry["outcome"]) for entry in letter["history"]] == [(n, "crash") for n in (1, 2, 3)]
    busy_stack.post(f"/dead-letters/{upload['task_id']}/replay")  # no process is killed this time
    [task] = busy_stack.finish([upload["task_id"]])
    assert (task["state"], task["crashes"], task["attempt"]) == ("SUCCESS", 0, 4)
    assert busy_stack.get("/dead-letters", agent_id=agent)["total"] == 0


@pytest.mark.slow
def test_a_task_that_takes_its_whole_worker_down_each_time_is_a_dead_letter_after_exactly_three(
    busy_stack: Stack,
) -> None:
    agent = busy_stack.make_agent()
    upload = busy_stack.upload(agent, "poison.txt", make_text(1, sentences=LONG))

    def is_running(attempt: int) -> bool:
        task = busy_stack.get(f"/tasks/{upload['task_id']}")
        return (task["state"], task["attempt"]) == ("PROGRESS", attempt)

    for attempt in (1, 2, 3):
        busy_stack.start_workers("high")
        wait_for(lambda attempt=attempt: is_running(attempt), "the task to run")  # type: ignore[misc]
        busy_stack.kill_workers()
    busy_stack.start_workers("default")
    [task] = busy_stack.finish([upload["task_id"]])
    assert (task["state"], task["crashes"], task["attempt"]) == ("FAILURE", 3, 3)
    assert task["error"]["code"] == "task_crashed"


def test_a_flushed_broker_costs_seconds(busy_stack: Stack) -> None:
    agent = busy_stack.make_agent()
    uploads = [busy_stack.upload(agent, f"{n}.txt", make_text(n)) for n in range(20)]
    wait_for(busy_stack.lose_bells, "bells to lose")
    busy_stack.start_workers("high")
    tasks = busy_stack.finish([upload["task_id"] for upload in uploads])
    assert {task["state"] for task in tasks} == {"SUCCESS"}


def test_a_terminated_worker_finishes_what_it_runs(busy_stack: Stack) -> None:
    busy_stack.start_workers("high")
    agent = busy_stack.make_agent()
    upload = busy_stack.upload(agent, "long.txt", make_text(1, sentences=LONG))
    wait_for(lambda: busy_stack.get(f"/tasks/{upload['task_id']}")["state"] == "PROGRESS", "the task to run")
    busy_stack.stop(busy_stack.workers)
    task = busy_stack.get(f"/tasks/{upload['task_id']}")
    assert (task["state"], task["crashes"]) == ("SUCCESS", 0)
    assert busy_stack.get("/workers")["workers"] == []


def test_the_supervisor_of_a_worker_is_replaced_when_it_dies(busy_stack: Stack) -> None:
    busy_stack.start_workers("default")
    assert busy_stack.workers
    [main] = [w["pid"] for w in busy_stack.get("/workers")["workers"]]
    before = {process.pid for process in list_family(main)[1:]}
    [supervisor] = before
    os.kill(supervisor, signal.SIGKILL)
    wait_for(lambda: {p.pid for p in list_family(main)[1:]} - before, "another supervisor")
    agent = busy_stack.make_agent()
    document = busy_stack.upload(agent, "note.txt", b"A note.", priority="low")["document_id"]
    busy_stack.finish([busy_stack.delete(f"/documents/{document}")["task_id"]])


def test_a_large_document_repeats_only_the_batches_that_were_under_way(busy_stack: Stack) -> None:
    busy_stack.environment |= {"LARGE_DOCUMENT_CHUNKS": "50", "EMBEDDING_BATCH_CHUNKS": "10"}
    busy_stack.start_workers("high", "medium")
    agent = busy_stack.make_agent(chunk_size=300, chunk_overlap=0)
    accepted = busy_stack.upload(agent, "book.txt", make_text(1, 2500))

    def list_batches(**wanted: str) -> list[dict[str, object]]:
        parameters = {"parent_id": accepted["task_id"], "limit": 1000, **wanted}
        return list(busy_stack.get("/tasks/", **parameters)["tasks"])

    wait_for(lambda: len(list_batches(status="SUCCESS")) >= 5, "some batches to be done")
    busy_stack.kill_workers()
    done = {batch["task_id"] for batch in list_batches(status="SUCCESS")}
    assert len(done) < len(list_batches())
    busy_stack.start_workers("high", "medium")
    [task] = busy_stack.finish([accepted["task_id"]])
    assert task["state"] == "SUCCESS"
    assert {batch["attempt"] for batch in list_batches() if batch["task_id"] in done} == {1}
    chunks = task["result"]["chunk_count"]
    assert count_chunks(busy_stack)[accepted["document_id"]] == (chunks, chunks)
