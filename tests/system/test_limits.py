"""Workers end unresponsive tasks, release long ones and steal urgent ones; an agent's backlog is limited."""

import os
import signal
from itertools import count
from typing import Any

import pytest

from tests.api.checks import check_problem
from tests.deadlines import wait_for, within
from tests.running import Stack
from tests.system.test_killed_processes import LONG, count_chunks, make_text


def run_long(stack: Stack, agent: int, number: int, **fields: str) -> tuple[str, int]:
    """Start a long task on the document of that number; returns its id and the process that runs it."""
    task_id = stack.upload(agent, "long.txt", make_text(number, sentences=LONG), **fields)["task_id"]
    wait_for(lambda: stack.get(f"/tasks/{task_id}")["state"] == "PROGRESS", "the task to run")
    [[pid]] = stack.fetch("SELECT pid FROM tasks WHERE id = $1", task_id)
    return task_id, pid


def test_a_task_that_does_not_respond_to_a_cancel_is_killed_alone(stack: Stack) -> None:
    stack.environment |= {
        "TASK_CANCEL_GRACE_SECONDS": "1",
        "WORKER_LEASE_SECONDS": "3",
        "LARGE_DOCUMENT_CHUNKS": "1000000",
    }
    stack.start_api()
    stack.start_workers("high")
    agent = stack.make_agent()
    deaf, pid = run_long(stack, agent, 1)
    os.kill(pid, signal.SIGSTOP)
    other, other_pid = run_long(stack, agent, 2)
    assert stack.delete(f"/tasks/{deaf}")["status"] == "cancelling"
    [task] = stack.finish([deaf], seconds=10)
    assert (task["state"], task["status"], task["crashes"]) == ("REVOKED", "Cancelled by force", 0)
    wait_for(lambda: not _is_there(pid), "the process to be gone")
    [task] = stack.finish([other])
    assert (task["state"], task["attempt"]) == ("SUCCESS", 1)
    assert pid != other_pid
    assert stack.get("/documents", agent_id=agent, status="cancelled")["total"] == 1
    assert set(count_chunks(stack)) == {task["document_id"]}
    ready = stack.upload(agent, "next.txt", make_text(3))["task_id"]
    assert stack.finish([ready])[0]["state"] == "SUCCESS", "the slot is filled again"


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("queue", ["high", pytest.param("low", marks=pytest.mark.slow)])
def test_a_worker_told_to_stop_hands_back_what_does_not_finish_in_time(stack: Stack, queue: str) -> None:
    stack.environment |= {"WORKER_SHUTDOWN_SECONDS": "0.5", "LARGE_DOCUMENT_CHUNKS": "1000000"}
    stack.start_api()
    stack.start_workers(queue)
    agent = stack.make_agent()
    task_id, _ = run_long(stack, agent, 1, priority=queue)
    with within(10):
        stack.stop(stack.workers)
    task = stack.get(f"/tasks/{task_id}")
    assert (task["state"], task["crashes"], task["attempt"]) == ("PENDING", 0, 1)
    assert stack.get("/workers")["workers"] == []
    stack.start_workers(queue)
    [task] = stack.finish([task_id])
    assert (task["state"], task["crashes"], task["attempt"]) == ("SUCCESS", 0, 2)
    assert count_chunks(stack)[task["document_id"]] == (task["chunk_count"], task["chunk_count"])


def test_an_idle_worker_helps_a_more_urgent_queue_and_never_a_lesser_one(stack: Stack) -> None:
    stack.start_api()
    stack.start_workers("medium")
    agent = stack.make_agent()
    high = stack.upload(agent, "high.txt", make_text(1))["task_id"]
    low = stack.upload(agent, "low.txt", make_text(2), priority="low")["task_id"]
    [task] = stack.finish([high])
    assert (task["state"], task["queue"]) == ("SUCCESS", "high_priority")
    [row] = stack.fetch("SELECT helper FROM tasks WHERE id = $1", high)
    assert row["helper"] == "medium_priority"
    assert stack.get(f"/tasks/{low}")["state"] == "PENDING"


def test_an_agent_with_too_much_waiting_is_told_to_come_again_and_others_are_not(stack: Stack) -> None:
    stack.environment["AGENT_MAX_WAITING"] = "6"
    stack.start_api()
    full, other = stack.make_agent(), stack.make_agent()
    numbers = count()

    def is_refused() -> Any:
        url = f"/documents/agent/{full}/upload"
        response = stack.client.post(url, files={"file": ("a.txt", f"One more: {next(numbers)}.".encode())})
        return response if response.status_code == 429 else None

    refusal = wait_for(is_refused, "the limit to be reached")
    problem = check_problem(refusal, 429, "backlog_full")
    assert problem["retryable"]
    assert int(refusal.headers["Retry-After"]) > 0
    check_problem(stack.client.post(f"/agents/{full}/ask", json={"question": "Why?"}), 429, "backlog_full")
    assert stack.upload(other, "b.txt", b"Another's.")["status"] == "queued"
    stored = [path for path in (stack.settings.data_dir / "blobs").rglob("*") if path.is_file()]
    assert len(stored) == stack.get("/documents")["total"], "nothing is kept of what was refused"
    stack.start_workers("high")
    wait_for(lambda: stack.get("/tasks/", status="SUCCESS")["total"] == len(stored), "all to be done")
    assert stack.upload(full, "c.txt", b"Now there is room.")["status"] == "queued"
