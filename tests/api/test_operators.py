"""The scope ``operator``: what concerns all organizations is shown to operators and changed by them only."""

import json
from typing import Any

import httpx
import pytest

from tests.api.checks import check_problem, make_text
from tests.api.test_http_access import make_key
from tests.api.test_http_dead_letters import bury
from tests.running import Stack

ZEROS = {"depth": 0, "delayed": 0, "running": 0, "oldest_age_seconds": None, "rate_per_second": 0}


def list_queues(client: httpx.Client) -> dict[str, dict[str, Any]]:
    return {queue["name"]: queue for queue in client.get("/queues").json()["queues"]}


def test_an_admin_of_an_organization_cannot_pause_or_resume_queues(
    shared_stack: Stack, foreigner: httpx.Client
) -> None:
    _, admin = make_key(shared_stack, "admin")
    for action in ("pause", "resume"):
        path = f"/queues/low_priority/{action}"
        for response in (foreigner.post(path), shared_stack.client.post(path, headers=admin)):
            problem = check_problem(response, 403, "operator_required")
            assert "a key with the scope `operator`, such as the bootstrap key" in problem["detail"]
    assert not list_queues(shared_stack.client)["low_priority"]["paused"]


def test_only_an_operator_grants_the_scope_operator(shared_stack: Stack, foreigner: httpx.Client) -> None:
    _, admin = make_key(shared_stack, "admin")
    wanted = {"name": "Operator", "scopes": ["read", "operator"]}
    check_problem(foreigner.post("/api-keys", json=wanted), 403, "operator_required")
    check_problem(shared_stack.client.post("/api-keys", json=wanted, headers=admin), 403, "operator_required")
    made = shared_stack.post("/api-keys", wanted)
    assert made["scopes"] == ["read", "operator"]
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert shared_stack.client.post("/queues/low_priority/resume", headers=headers).status_code == 200
    assert shared_stack.client.get("/api-keys", headers=headers).status_code == 200, "operator includes admin"
    revoked = shared_stack.client.delete(f"/api-keys/{made['id']}", headers=admin)
    check_problem(revoked, 403, "operator_required")
    assert shared_stack.client.delete(f"/api-keys/{made['id']}").status_code == 204


@pytest.fixture
def waiting(shared_stack: Stack, agent: int) -> str:
    """The id of a task that waits in a paused queue."""
    shared_stack.post("/queues/low_priority/pause")
    return str(shared_stack.upload(agent, "low.txt", make_text(3), priority="low")["task_id"])


def test_other_organizations_see_the_counts_of_their_own_tasks(
    shared_stack: Stack, foreigner: httpx.Client, waiting: str
) -> None:
    try:
        seen = list_queues(foreigner)["low_priority"]
        assert seen["paused"] is True
        assert {name: seen[name] for name in ZEROS} == ZEROS
        assert (seen["workers"], seen["slots"]) == (None, None)
        _, reader = make_key(shared_stack, "read")
        with httpx.Client(base_url=shared_stack.client.base_url, headers=reader, trust_env=False) as client:
            own = list_queues(client)["low_priority"]
        everything = list_queues(shared_stack.client)["low_priority"]
        assert (own["depth"], own["workers"]) == (1, None)
        assert own["oldest_age_seconds"] > 0
        assert (everything["depth"], everything["workers"], everything["slots"]) == (1, 1, 2)
    finally:
        shared_stack.post("/queues/low_priority/resume")
        shared_stack.finish([waiting])


def test_other_organizations_see_only_the_workers_that_run_their_tasks(
    shared_stack: Stack, foreigner: httpx.Client, agent: int
) -> None:
    task_id = shared_stack.upload(agent, "note.txt", make_text(4))["task_id"]
    shared_stack.finish([task_id])
    assert foreigner.get("/workers").json()["workers"] == []
    [worker] = [w for w in shared_stack.get("/workers")["workers"] if "high_priority" in w["queues"]]
    # A running task of each organization on the same worker, as rows: a real one could end before the request.
    shared_stack.fetch(
        "INSERT INTO tasks (id, organization_id, agent_id, name, queue, state, worker_id, pid, available_at) "
        "SELECT gen_random_uuid(), o.id, $2, 'app.tasks.upkeep_tasks.ping', 'default', 'STARTED', $1, 1, now() "
        "FROM organizations AS o",
        worker["id"],
        agent,
    )
    try:
        seen = foreigner.get("/workers").json()["workers"]
        assert [(w["id"], w["running"], w["name"], w["host"], w["pid"]) for w in seen] == [
            (worker["id"], 1, None, None, None)
        ]
        assert worker["host"] not in json.dumps(seen)
        everything = {w["id"]: w for w in shared_stack.get("/workers")["workers"]}
        assert everything[worker["id"]]["host"] == worker["host"]
    finally:
        shared_stack.fetch("DELETE FROM tasks WHERE pid = 1")


def test_why_a_provider_is_down_is_shown_to_operators_only(shared_stack: Stack, foreigner: httpx.Client) -> None:
    shared_stack.fetch(
        "INSERT INTO providers (name, failures, down_since, ask_at, reason) "
        "VALUES ('openai-embeddings', 5, now(), now() + interval '1 minute', 'No credit left on account 7.')"
    )
    try:
        [seen] = foreigner.get("/queues").json()["providers"]
        assert (seen["name"], seen["state"], seen["reason"]) == ("openai-embeddings", "open", "")
        [full] = shared_stack.get("/queues")["providers"]
        assert full["reason"] == "No credit left on account 7."
        ready = httpx.get(f"http://127.0.0.1:{shared_stack.port}/readyz", trust_env=False)
        assert "account 7" not in ready.text
    finally:
        shared_stack.fetch("DELETE FROM providers")


def test_the_worker_of_a_dead_letter_is_shown_to_operators_only(shared_stack: Stack, agent: int) -> None:
    [task_id] = bury(shared_stack, agent)
    shared_stack.fetch(
        "UPDATE tasks SET history = jsonb_set(history, '{0,worker}', '\"high@host-7\"') WHERE id = $1",
        task_id,
    )
    _, reader = make_key(shared_stack, "admin")
    assert shared_stack.get(f"/dead-letters/{task_id}")["history"][0]["worker"] == "high@host-7"
    for path in (f"/dead-letters/{task_id}", "/dead-letters"):
        response = shared_stack.client.get(path, headers=reader)
        assert response.status_code == 200
        assert "host-7" not in response.text
