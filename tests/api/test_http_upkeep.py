"""Upkeep is visible: what ran when, with counts; an organization chooses how long it keeps what is over."""

from typing import Any

import httpx

from tests.api.checks import check_problem, make_text
from tests.api.test_http_access import make_key
from tests.deadlines import wait_for
from tests.running import Stack


def run_upkeep(stack: Stack, name: str, **parameters: Any) -> dict[str, Any]:
    """Start upkeep and wait for its task; returns the task."""
    response = stack.client.post(f"/upkeep/{name}/run", params=parameters)
    assert response.status_code == 202, response.text
    [task] = stack.finish([response.json()["task_id"]])
    return task


def test_retention_deletes_old_tasks_as_a_task_with_counts(shared_stack: Stack, agent: int) -> None:
    upload = shared_stack.upload(agent, "old.txt", make_text(3))
    shared_stack.finish([upload["task_id"]])
    shared_stack.fetch(
        "UPDATE tasks SET completed_at = now() - interval '40 days' WHERE id = $1 RETURNING id", upload["task_id"]
    )
    task = run_upkeep(shared_stack, "retention", organization_id=1)
    assert (task["state"], task["agent_id"]) == ("SUCCESS", None)
    assert task["result"]["deleted"]["tasks"] >= 1
    assert shared_stack.client.get(f"/tasks/{upload['task_id']}").status_code == 404
    assert shared_stack.client.get(f"/documents/{upload['id']}").status_code == 200
    run = next(
        one for one in shared_stack.get("/upkeep", name="retention")["runs"] if one["task_id"] == task["task_id"]
    )
    assert run["counts"] == task["result"]["deleted"]
    assert (run["organization_id"], run["error"]) == (1, None)
    assert run["seconds"] >= 0


def test_the_daily_run_has_a_task_for_each_organization(shared_stack: Stack, foreigner: httpx.Client) -> None:
    task = run_upkeep(shared_stack, "retention")
    assert task["result"]["organizations"] >= 2
    wait_for(lambda: foreigner.get("/upkeep").json()["runs"], "the retention of the other organization")
    listed = foreigner.get("/upkeep").json()
    assert {run["name"] for run in listed["runs"]} == {"retention"}
    assert [kind["name"] for kind in listed["upkeep"]] == ["retention"]
    assert 1 not in {run["organization_id"] for run in listed["runs"]}


def test_the_storage_is_compared_with_the_rows(shared_stack: Stack, herons: dict[str, Any]) -> None:
    task = run_upkeep(shared_stack, "storage")
    assert task["state"] == "SUCCESS"
    assert task["result"]["files"] >= 1
    kinds = {kind["name"]: kind for kind in shared_stack.get("/upkeep")["upkeep"]}
    assert kinds["storage"]["last"]["task_id"] == task["task_id"]
    assert kinds["storage"]["last"]["counts"]["files"] == task["result"]["files"]
    assert shared_stack.client.get(f"/documents/{herons['id']}/content").status_code == 200


def test_chores_show_when_they_ran_and_are_due_on_request(shared_stack: Stack) -> None:
    started = shared_stack.client.post("/upkeep/files/run")
    assert (started.status_code, started.json()["task_id"]) == (202, None)

    def ran() -> bool:
        kinds = {kind["name"]: kind for kind in shared_stack.get("/upkeep")["upkeep"]}
        return all(kinds[name]["last"] and kinds[name]["due_at"] for name in ("files", "count", "announce"))

    wait_for(ran, "the chores to be recorded")
    check_problem(shared_stack.client.post("/upkeep/nothing/run"), 404, "not_found")
    check_problem(shared_stack.client.post("/upkeep/schedule:sum-usage/run"), 404, "not_found")
    check_problem(shared_stack.client.post("/upkeep/retention/run?organization_id=999999"), 404, "not_found")


def test_only_an_operator_starts_upkeep_or_sees_other_organizations(
    shared_stack: Stack, foreigner: httpx.Client
) -> None:
    _, admin = make_key(shared_stack, "admin")
    check_problem(shared_stack.client.post("/upkeep/storage/run", headers=admin), 403, "operator_required")
    check_problem(foreigner.get("/upkeep?organization_id=1"), 403, "operator_required")
    names = [kind["name"] for kind in shared_stack.client.get("/upkeep", headers=admin).json()["upkeep"]]
    assert names == ["retention"]


def test_an_admin_chooses_the_days_of_its_own_organization(shared_stack: Stack, foreigner: httpx.Client) -> None:
    [organization] = shared_stack.fetch("SELECT id FROM organizations WHERE name = 'Another'")
    path = f"/organizations/{organization['id']}/retention"
    before = foreigner.get(path).json()
    assert before["days"]["tasks"] == 30
    made = foreigner.put(path, json={"tasks": 7, "events": 90})
    assert (made.status_code, made.json()["days"]) == (200, {**before["days"], "tasks": 7, "results": 7, "events": 90})
    assert foreigner.get(path).json()["chosen"]["tasks"] == 7
    assert shared_stack.get("/organizations/1/retention")["days"]["tasks"] == 30
    problem = check_problem(foreigner.put(path, json={"audit": 30}), 422, "invalid_request")
    assert problem["errors"] == [{"field": "body.audit", "message": "Must be 400 to 3650 days."}]
    check_problem(foreigner.put("/organizations/1/retention", json={"tasks": 1}), 404, "not_found")
    assert foreigner.put(path, json={}).json() == before
    entry = shared_stack.get("/audit", action="set_retention", limit=1)["entries"][0]
    assert f"organization:{organization['id']}" in entry["targets"]


def test_an_admin_chooses_who_receives_mails_about_dead_letters(shared_stack: Stack, foreigner: httpx.Client) -> None:
    [organization] = shared_stack.fetch("SELECT id FROM organizations WHERE name = 'Another'")
    path = f"/organizations/{organization['id']}/alerts"
    assert foreigner.get(path).json()["emails"] == []
    made = foreigner.put(path, json={"emails": ["team@example.com"]})
    assert (made.status_code, foreigner.get(path).json()["emails"]) == (200, ["team@example.com"])
    problem = check_problem(foreigner.put(path, json={"emails": ["a@b\nBcc: c@d"]}), 422, "invalid_request")
    assert problem["errors"][0]["field"] == "body.emails"
    check_problem(foreigner.put("/organizations/1/alerts", json={"emails": []}), 404, "not_found")
