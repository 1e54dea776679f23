"""Real workers continue without messages, and every promise about a task holds for those that they continue with."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from app.settings import load_settings
from tests.deadlines import wait_for
from tests.running import ROOT, Stack
from tests.system.continuing_stack import WORKERS, continue_with_long, count, lend, run_api, submit_pings
from tests.system.test_killed_processes import make_text


@pytest.fixture(scope="module")
def running(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """An API, and a table of all claims; each test starts its own workers."""
    with make_database() as (database_url, redis_url):
        yield from run_api(
            load_settings(database_url=database_url, redis_url=redis_url, data_dir=tmp_path_factory.mktemp("data"))
        )


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The stack without workers and tasks; the workers that a test starts are stopped after it."""
    yield from lend(running)


@pytest.mark.parametrize("worker", ["high", "low"], ids=["processes", "threads"])
def test_a_backlog_of_short_tasks_needs_few_messages(stack: Stack, worker: str) -> None:
    stack.start_workers(worker)
    agent = submit_pings(stack, 500, worker)
    wait_for(lambda: count(stack, agent) == 500, "all to end")
    assert count(stack, agent, "attempt = 1 AND crashes = 0") == 500
    [[messages]] = stack.fetch("SELECT sum(rings) FROM tasks WHERE agent_id = $1", agent)
    assert messages < 100


def test_a_process_is_replaced_after_as_many_tasks_as_it_may_run_with_or_without_messages(stack: Stack) -> None:
    stack.environment["CELERY_WORKER_MAX_TASKS_PER_CHILD"] = "20"
    stack.start_workers("high")
    agent = submit_pings(stack, 100)
    wait_for(lambda: count(stack, agent) == 100, "all to end")
    runs = [row["n"] for row in stack.fetch("SELECT count(*) AS n FROM claims GROUP BY pid")]
    assert max(runs) <= 20
    assert len(runs) >= 5


def test_a_worker_that_continues_shares_a_queue_with_one_that_does_not(stack: Stack) -> None:
    stack.environment["CELERY_WORKER_MAX_TASKS_PER_CHILD"] = "1"  # as a worker of an earlier version
    stack.start_workers("high")
    first = stack.workers
    stack.environment["CELERY_WORKER_MAX_TASKS_PER_CHILD"] = "1000"
    try:
        stack.start_workers("high")
        assert sorted(row["continues"] for row in stack.fetch("SELECT continues FROM workers")[-2:]) == [False, True]
        agent = submit_pings(stack, 300)
        wait_for(lambda: count(stack, agent) == 300, "all to end")
        assert count(stack, agent, "attempt = 1 AND crashes = 0") == 300
        stack.stop(stack.workers)
        agent = submit_pings(stack, 6)
        wait_for(lambda: count(stack, agent) == 6, "the other worker to run tasks too")
    finally:
        stack.stop(first)


def test_a_slot_of_several_queues_takes_an_urgent_task_next(stack: Stack) -> None:
    options = ["-Q", "high_priority,low_priority", "-c", "1", "-l", "WARNING"]
    command = [sys.executable, "-m", "celery", "-A", "app.celery_app", "worker", *options]
    stack.workers = subprocess.Popen(command, cwd=ROOT, env=stack.environment)
    agent = submit_pings(stack, 20_000, "low")
    wait_for(lambda: count(stack, agent) > 20, "some to end", 60)
    [[continues]] = stack.fetch("SELECT continues FROM workers WHERE lease_expires_at > now()")
    assert not continues
    for _ in range(3):
        urgent = submit_pings(stack, 1)
        wait_for(lambda urgent=urgent: count(stack, urgent) == 1, "the urgent task to end", 5)  # type: ignore[misc]
    assert count(stack, agent, "state = 'PENDING'") > 0
    stack.fetch("DELETE FROM tasks WHERE agent_id = $1 AND state = 'PENDING'", agent)


@WORKERS
def test_a_worker_told_to_stop_continues_with_nothing_and_loses_nothing(stack: Stack, worker: str) -> None:
    stack.start_workers(worker)
    agent = submit_pings(stack, 3000, worker)
    wait_for(lambda: count(stack, agent) > 20, "some to end")
    stack.stop(stack.workers, signal.SIGTERM)
    assert count(stack, agent) < 3000
    assert count(stack, agent, "state IN ('STARTED', 'PROGRESS')") == 0
    stack.start_workers(worker)
    wait_for(lambda: count(stack, agent) == 3000, "all to end", 120)
    assert count(stack, agent, "crashes > 0") == 0


def test_a_paused_queue_stops_slots_that_continue(stack: Stack) -> None:
    stack.start_workers("high")
    agent = submit_pings(stack, 3000)
    wait_for(lambda: count(stack, agent) > 20, "some to end")
    stack.post("/queues/high_priority/pause")
    wait_for(lambda: count(stack, agent, "state IN ('STARTED', 'PROGRESS')") == 0, "those that run to end")
    ended = count(stack, agent)
    assert ended < 3000
    assert count(stack, agent, "state = 'PENDING'") == 3000 - ended
    stack.post("/queues/high_priority/resume")
    wait_for(lambda: count(stack, agent) == 3000, "all to end", 120)


def test_a_process_killed_in_a_continued_task_costs_that_task_an_attempt_and_the_message_nothing(stack: Stack) -> None:
    stack.environment |= {"WORKER_CONCURRENCY_HIGH": "1", "WORKER_LEASE_SECONDS": "3"}
    long, pid = continue_with_long(stack, number=1)
    os.kill(pid, signal.SIGKILL)
    [task] = stack.finish([long])
    assert (task["state"], task["attempt"], task["crashes"]) == ("SUCCESS", 2, 1)
    assert stack.fetch("SELECT FROM tasks WHERE crashes > 0 AND id <> $1", long) == []


def test_a_continued_task_is_cancelled_within_seconds(stack: Stack) -> None:
    stack.environment["WORKER_CONCURRENCY_HIGH"] = "1"
    long, _ = continue_with_long(stack, number=2)
    assert stack.delete(f"/tasks/{long}")["status"] == "cancelling"
    [task] = stack.finish([long], seconds=10)
    assert (task["state"], task["status"]) == ("REVOKED", "Cancelled")
    after = stack.upload(stack.make_agent(), "after.txt", make_text(9))["task_id"]
    assert stack.finish([after])[0]["state"] == "SUCCESS"
