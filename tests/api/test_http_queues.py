"""Queues over HTTP: shown, paused and resumed."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.domain.tasks import Queue
from tests.api.checks import check_problem, make_text
from tests.deadlines import wait_for
from tests.running import Stack


def look(stack: Stack, name: str) -> dict[str, Any]:
    """A queue's figures."""
    return next(queue for queue in stack.get("/queues")["queues"] if queue["name"] == name)


@pytest.fixture
def paused(shared_stack: Stack) -> Iterator[str]:
    """The low queue, paused for a test."""
    shared_stack.post("/queues/low_priority/pause")
    yield "low_priority"
    shared_stack.post("/queues/low_priority/resume")


def test_nothing_of_a_paused_queue_starts_until_it_is_resumed(shared_stack: Stack, agent: int, paused: str) -> None:
    low = shared_stack.upload(agent, "low.txt", make_text(5), priority="low")["task_id"]
    high = shared_stack.upload(agent, "high.txt", make_text(6))["task_id"]
    shared_stack.finish([high])
    stats = look(shared_stack, paused)
    assert (stats["paused"], stats["depth"], stats["running"]) == (True, 1, 0)
    assert shared_stack.get(f"/tasks/{low}")["state"] == "PENDING"
    answer = shared_stack.post(f"/queues/{paused}/resume")
    assert answer == {"name": paused, "paused": False, "message": "Queue has been resumed"}
    assert shared_stack.finish([low])[0]["state"] == "SUCCESS"
    assert not look(shared_stack, paused)["paused"]


def test_a_waiting_task_of_a_paused_queue_is_cancelled_like_any_other(
    shared_stack: Stack, agent: int, paused: str
) -> None:
    task_id = shared_stack.upload(agent, "low.txt", make_text(7), priority="low")["task_id"]
    assert shared_stack.delete(f"/tasks/{task_id}")["status"] == "cancelled"
    wait_for(lambda: look(shared_stack, paused)["depth"] == 0, "the queue to be empty")


def test_queues_are_listed_by_urgency(shared_stack: Stack) -> None:
    secret = shared_stack.post("/api-keys", {"name": "reader", "scopes": ["read"]})["secret"]
    for headers in ({}, {"Authorization": f"Bearer {secret}"}):
        listed = shared_stack.client.get("/queues", headers=headers).json()["queues"]
        assert [queue["name"] for queue in listed] == list(Queue)


@pytest.mark.parametrize("name", ["no_such_queue", "dead_letter"])
def test_only_a_queue_of_work_can_be_paused(shared_stack: Stack, name: str) -> None:
    check_problem(shared_stack.client.post(f"/queues/{name}/pause"), 404, "not_found")
    check_problem(shared_stack.client.post(f"/queues/{name}/resume"), 404, "not_found")


def test_pausing_takes_an_operator(shared_stack: Stack) -> None:
    secret = shared_stack.post("/api-keys", {"name": "writer", "scopes": ["read", "write"]})["secret"]
    headers = {"Authorization": f"Bearer {secret}"}
    check_problem(shared_stack.client.post("/queues/low_priority/pause", headers=headers), 403, "operator_required")
