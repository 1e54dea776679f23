"""Real workers continue in the order that the ledger promises: caps, schedules, other agents, cancels and stealing."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from app.settings import load_settings
from tests.deadlines import wait_for
from tests.running import Stack
from tests.system.continuing_stack import WORKERS, continue_with_long, count, lend, run_api, submit_pings
from tests.system.test_killed_processes import make_text

# The most tasks of an agent that ran at a moment. At equal times, ends come first.
_MOST_AT_ONCE = """
    SELECT max(running) FROM (
        SELECT sum(step) OVER (ORDER BY at, step) AS running FROM (
            SELECT started_at AS at, 1 AS step FROM tasks WHERE agent_id = $1
            UNION ALL SELECT completed_at, -1 FROM tasks WHERE agent_id = $1
        ) AS steps
    ) AS moments
"""
_POSTPONED = """
    INSERT INTO tasks (id, organization_id, agent_id, name, queue, state, attempt, available_at)
    SELECT gen_random_uuid(), a.organization_id, a.id, 'app.tasks.upkeep_tasks.ping', $2, $3, $4,
           now() + interval '0.5 second'
    FROM agents AS a, generate_series(1, 5) WHERE a.id = $1
"""
# The tasks of the flooding agent that began between the moment from which a task could run and its start.
_AHEAD = """
    SELECT count(*) FROM tasks AS other, tasks AS t
    WHERE t.id = $1 AND other.agent_id = $2 AND other.started_at BETWEEN t.available_at AND t.started_at
"""
_FLOOD = 5000
# A window holds the work of 0.05 s: with two slots of a millisecond a task, far less.
_MOST_AHEAD = 500


@pytest.fixture(scope="module")
def running(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """An API, and a table of all claims; each test starts its own workers."""
    with make_database() as (database_url, redis_url):
        folder = tmp_path_factory.mktemp("data")
        yield from run_api(load_settings(database_url=database_url, redis_url=redis_url, data_dir=folder))


@pytest.fixture
def stack(running: Stack) -> Iterator[Stack]:
    """The stack without workers and tasks; the workers that a test starts are stopped after it."""
    yield from lend(running)


@pytest.fixture
def flooded(stack: Stack, worker: str) -> Iterator[int]:
    """An agent whose short tasks the worker continues with; what is left of them is deleted after the test."""
    agent = submit_pings(stack, _FLOOD, worker)
    stack.start_workers(worker)
    wait_for(lambda: count(stack, agent) > 20, "some to end")
    yield agent
    stack.fetch("DELETE FROM tasks WHERE agent_id = $1 AND state = 'PENDING'", agent)


def find_most_at_once(stack: Stack, agent: int) -> int:
    [[most]] = stack.fetch(_MOST_AT_ONCE, agent)
    return int(most)


def check_ahead(stack: Stack, flooding: int, tasks: list[Any]) -> None:
    """Check that few tasks of the flooding agent began while one of these tasks could run."""
    assert count(stack, flooding, "state = 'PENDING'") > 0, "the flood ended too early"
    for task in tasks:
        [[ahead]] = stack.fetch(_AHEAD, task["id"], flooding)
        assert ahead <= _MOST_AHEAD


@WORKERS
def test_an_agent_never_runs_more_tasks_at_once_than_its_cap_and_others_do(stack: Stack, worker: str) -> None:
    stack.environment[f"WORKER_CONCURRENCY_{worker.upper()}"] = "4"
    capped, free = stack.make_agent(max_in_flight=2), stack.make_agent()
    stack.post(f"/queues/{worker}_priority/pause")
    for agent in (capped, free):
        for number in range(40):
            stack.upload(agent, f"{number}.txt", make_text(number, sentences=200), priority=worker)
    stack.start_workers(worker)
    stack.post(f"/queues/{worker}_priority/resume")
    for agent in (free, capped):
        wait_for(lambda agent=agent: count(stack, agent) == 40, "all to end", 120)  # type: ignore[misc]
    assert find_most_at_once(stack, capped) <= 2
    assert find_most_at_once(stack, free) > 2
    [[messages]] = stack.fetch("SELECT sum(rings) FROM tasks WHERE agent_id = ANY ($1)", [capped, free])
    assert messages < 80, "no slot continued"


@WORKERS
@pytest.mark.parametrize("state", ["PENDING", "RETRY"])
def test_a_postponed_task_amid_a_long_queue_starts_when_it_is_due_and_not_before(
    stack: Stack, flooded: int, worker: str, state: str
) -> None:
    agent = stack.make_agent()
    stack.fetch(_POSTPONED, agent, f"{worker}_priority", state, int(state == "RETRY"))
    wait_for(lambda: count(stack, agent) == 5, "the postponed tasks to end")
    assert count(stack, agent, "started_at < available_at") == 0
    assert count(stack, agent, f"attempt = {1 + (state == 'RETRY')}") == 5
    check_ahead(stack, flooded, stack.fetch("SELECT id FROM tasks WHERE agent_id = $1", agent))


@WORKERS
def test_a_task_of_another_agent_is_among_the_next_of_a_long_queue(stack: Stack, flooded: int, worker: str) -> None:
    agents = []
    for _ in range(3):
        agents.append(submit_pings(stack, 1, worker))
        wait_for(lambda: count(stack, agents[-1]) == 1, "the other agent's task to end")
    check_ahead(stack, flooded, stack.fetch("SELECT id FROM tasks WHERE agent_id = ANY ($1)", agents))


@WORKERS
def test_a_task_that_is_cancelled_once_admitted_is_not_the_next_of_a_slot(stack: Stack, worker: str) -> None:
    stack.environment[f"WORKER_CONCURRENCY_{worker.upper()}"] = "1"
    long, _ = continue_with_long(stack, number=3, worker=worker)
    agent = stack.make_agent()
    first, second = (
        stack.upload(agent, f"{number}.txt", make_text(number), priority=worker)["task_id"] for number in (20, 21)
    )
    wait_for(lambda: count(stack, agent, "state = 'QUEUED'") == 2, "both to be admitted")
    assert stack.delete(f"/tasks/{first}")["status"] == "cancelled"
    stack.delete(f"/tasks/{long}")
    ended = stack.finish([long, first, second])
    assert [task["state"] for task in ended] == ["REVOKED", "REVOKED", "SUCCESS"]
    assert stack.fetch("SELECT FROM claims WHERE task_id = $1", first) == []
    assert len(stack.fetch("SELECT FROM claims WHERE task_id = $1", second)) == 1


def test_a_slot_that_ends_its_own_queue_steals_urgent_tasks_each_once(stack: Stack) -> None:
    """The only slot of the urgent queue is suspended in a task; the other slots first continue with their own tasks."""
    stack.environment["WORKER_CONCURRENCY_HIGH"] = "1"
    long, pid = continue_with_long(stack, number=4)
    suspended = stack.workers
    os.kill(pid, signal.SIGSTOP)
    try:
        own, urgent = submit_pings(stack, 1000, "low"), submit_pings(stack, 6)
        stack.start_workers("low")
        wait_for(lambda: count(stack, urgent) == 6, "the urgent tasks to end", 60)
        assert count(stack, urgent, "helper = 'low_priority' AND attempt = 1") == 6
        wait_for(lambda: count(stack, own) == 1000, "its own tasks to end")
    finally:
        os.kill(pid, signal.SIGCONT)
        stack.delete(f"/tasks/{long}")
        stack.finish([long])
        stack.stop(suspended)
    [[most]] = stack.fetch("SELECT max(n) FROM (SELECT count(*) AS n FROM claims GROUP BY task_id) AS claimed")
    assert most == 1
