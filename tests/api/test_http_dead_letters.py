"""Dead letters over HTTP: listed with their history, replayed and discarded."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.checks import check_problem
from tests.deadlines import wait_for
from tests.running import Stack

BROKEN_PDF = b"%PDF-1.7\nnothing that follows is an object\n%%EOF"


def bury(stack: Stack, agent: int, count: int = 1) -> list[str]:
    """Upload damaged documents; returns the ids of their failed tasks."""
    task_ids = [stack.upload(agent, f"{n}.pdf", BROKEN_PDF + bytes([n]))["task_id"] for n in range(count)]
    assert {task["state"] for task in stack.finish(task_ids)} == {"FAILURE"}
    return task_ids


def list_ids(stack: Stack, **wanted: Any) -> list[str]:
    """The ids of the matching dead letters."""
    answer = stack.get("/dead-letters", **wanted)
    assert answer.keys() == {"dead_letters", "total", "next"}
    return [letter["task_id"] for letter in answer["dead_letters"]]


def test_a_dead_letter_tells_its_story(shared_stack: Stack, agent: int) -> None:
    [task_id] = bury(shared_stack, agent)
    letter = shared_stack.get(f"/dead-letters/{task_id}")
    assert (letter["agent_id"], letter["queue"]) == (agent, "high_priority")
    assert (letter["error"]["code"], letter["attempts"], letter["crashes"]) == ("document_damaged", 1, 0)
    assert "DocumentDamagedError" in letter["traceback"]
    assert letter["metadata"] == {"filename": "0.pdf"}
    [attempt] = letter["history"]
    assert (attempt["attempt"], attempt["outcome"], attempt["stage"]) == (1, "failure", "parse")
    assert attempt["worker"].startswith("high@")


def test_the_alarm_is_raised_for_each(shared_stack: Stack, agent: int) -> None:
    [task_id] = bury(shared_stack, agent)
    wait_for(lambda: shared_stack.get(f"/dead-letters/{task_id}")["announced_at"], "the alarm to be raised")


def test_the_list_is_filtered_and_paged(shared_stack: Stack, agent: int) -> None:
    buried = bury(shared_stack, agent, 3)
    assert list_ids(shared_stack, agent_id=agent) == buried[::-1]
    assert list_ids(shared_stack, agent_id=agent, code="document_damaged", queue="high_priority") == buried[::-1]
    assert list_ids(shared_stack, agent_id=agent, code="task_crashed") == []
    assert list_ids(shared_stack, agent_id=agent, queue="low_priority") == []
    first = shared_stack.get("/dead-letters", agent_id=agent, limit=2)
    assert (first["total"], len(first["dead_letters"])) == (3, 2)
    assert list_ids(shared_stack, agent_id=agent, limit=2, after=first["next"]) == buried[:1]


def test_one_is_replayed_with_fresh_counts(shared_stack: Stack, agent: int) -> None:
    [task_id] = bury(shared_stack, agent)
    answer = shared_stack.post(f"/dead-letters/{task_id}/replay")
    assert (answer["task_id"], answer["status"]) == (task_id, "queued")
    shared_stack.finish([task_id])
    letter = shared_stack.get(f"/dead-letters/{task_id}")
    assert [entry["attempt"] for entry in letter["history"]] == [1, 2]


def test_those_that_match_are_counted_first_and_then_replayed(shared_stack: Stack, agent: int) -> None:
    buried = bury(shared_stack, agent, 3)
    body = {"filter": {"agent_id": agent, "code": "document_damaged"}, "dry_run": True}
    assert shared_stack.post("/dead-letters/replay", body) == {"dry_run": True, "matched": 3, "replayed": 0}
    assert {shared_stack.get(f"/tasks/{task_id}")["attempt"] for task_id in buried} == {1}
    answer = shared_stack.post("/dead-letters/replay", {**body, "dry_run": False})
    assert answer == {"dry_run": False, "matched": 3, "replayed": 3}
    wait_for(lambda: all(shared_stack.get(f"/tasks/{id_}")["attempt"] == 2 for id_ in buried), "all to run again")
    shared_stack.finish(buried)


def test_a_discarded_one_is_gone_from_the_list_and_stays_a_failed_task(shared_stack: Stack, agent: int) -> None:
    [task_id] = bury(shared_stack, agent)
    assert shared_stack.delete(f"/dead-letters/{task_id}")["status"] == "discarded"
    assert list_ids(shared_stack, agent_id=agent) == []
    assert shared_stack.get(f"/tasks/{task_id}")["state"] == "FAILURE"
    check_problem(shared_stack.client.delete(f"/dead-letters/{task_id}"), 404, "not_found")
    check_problem(shared_stack.client.post(f"/dead-letters/{task_id}/replay"), 404, "not_found")


def test_what_is_no_dead_letter_is_a_404(shared_stack: Stack, herons: dict[str, Any]) -> None:
    for task_id in (herons["task_id"], str(uuid4()), "no-uuid"):
        check_problem(shared_stack.client.get(f"/dead-letters/{task_id}"), 404, "not_found")
        check_problem(shared_stack.client.post(f"/dead-letters/{task_id}/replay"), 404, "not_found")


def test_another_organization_sees_and_touches_none(shared_stack: Stack, agent: int, foreigner: httpx.Client) -> None:
    [task_id] = bury(shared_stack, agent)
    assert foreigner.get("/dead-letters").json()["total"] == 0
    check_problem(foreigner.get(f"/dead-letters/{task_id}"), 404, "not_found")
    check_problem(foreigner.delete(f"/dead-letters/{task_id}"), 404, "not_found")
    everything = foreigner.post("/dead-letters/replay", json={"filter": {}})
    assert everything.json() == {"dry_run": False, "matched": 0, "replayed": 0}
    assert list_ids(shared_stack, agent_id=agent) == [task_id]


@pytest.mark.parametrize("body", [{}, {"filter": {"unknown": 1}}, {"filter": {"agent_id": 0}}, {"filter": None}])
def test_a_filter_that_says_nothing_clear_is_refused(shared_stack: Stack, body: dict[str, Any]) -> None:
    check_problem(shared_stack.client.post("/dead-letters/replay", json=body), 422, "invalid_request")
