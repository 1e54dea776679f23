"""The audit log: every write has an entry before its response, without texts or secrets, and no entry ever changes."""

import csv
import io
import json
from typing import Any

import asyncpg
import httpx
import pytest

from app.api.access import _PREFIX
from tests.api.checks import check_problem
from tests.api.operations import OPERATIONS, send
from tests.api.test_http_access import make_key
from tests.database import execute
from tests.running import Stack

CANARY = "canary-7f3a"


def list_entries(stack: Stack, **wanted: Any) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = stack.get("/audit", **wanted)["entries"]
    return entries


def find_entry(stack: Stack, response: httpx.Response) -> dict[str, Any]:
    """The only entry of a request."""
    found = [entry for entry in list_entries(stack) if entry["request_id"] == response.headers["x-request-id"]]
    assert len(found) == 1, response.request.url
    return found[0]


def test_an_upload_is_recorded_with_who_did_what_to_what(shared_stack: Stack, agent: int) -> None:
    response = shared_stack.client.post(
        f"/documents/agent/{agent}/upload", files={"file": ("heron.txt", b"A heron.")}, data={"priority": "low"}
    )
    made = response.json()
    entry = find_entry(shared_stack, response)
    assert (entry["action"], entry["method"], entry["status"]) == ("upload_document", "POST", 202)
    assert entry["path"] == "/api/v1/documents/agent/{agent_id}/upload"
    assert set(entry["targets"]) == {f"agent:{agent}", f"document:{made['id']}", f"task:{made['task_id']}"}
    key = next(key for key in shared_stack.get("/api-keys")["api_keys"] if key["id"] == entry["key_id"])
    assert entry["actor"] == key["prefix"]
    assert entry["client_address"] is None


def test_a_change_names_its_fields_without_their_values(shared_stack: Stack, agent: int) -> None:
    body = {"name": CANARY, "settings": {"weight": 3}}
    entry = find_entry(shared_stack, shared_stack.client.patch(f"/agents/{agent}", json=body))
    assert entry["fields"] == ["name", "settings.weight"]
    assert entry["targets"] == [f"agent:{agent}"]
    assert CANARY not in json.dumps(entry)


def test_names_of_unknown_fields_are_not_recorded(shared_stack: Stack, agent: int) -> None:
    response = shared_stack.client.post(f"/agents/{agent}/ask", json={"question": CANARY, "history": []})
    entry = find_entry(shared_stack, response)
    assert entry["fields"] == ["history", "question"]
    assert f"task:{response.json()['task_id']}" in entry["targets"]


def test_what_was_created_is_a_target(shared_stack: Stack) -> None:
    agent = shared_stack.client.post("/agents", json={"name": "Made"})
    key = shared_stack.client.post("/api-keys", json={"name": "Made", "scopes": ["read"]})
    assert find_entry(shared_stack, agent)["targets"] == [f"agent:{agent.json()['id']}"]
    entry = find_entry(shared_stack, key)
    assert entry["targets"] == [f"api_key:{key.json()['id']}"]
    assert key.json()["secret"] not in json.dumps(entry)


def test_a_question_of_a_key_that_only_reads_is_recorded_with_its_task(shared_stack: Stack, agent: int) -> None:
    key = shared_stack.post("/api-keys", {"name": "East", "filter": {"team": "east"}})
    headers = {"Authorization": f"Bearer {key['secret']}"}
    response = shared_stack.client.post(f"/agents/{agent}/ask", json={"question": "Why?"}, headers=headers)
    assert response.status_code == 202
    entry = find_entry(shared_stack, response)
    assert (entry["key_id"], f"task:{response.json()['task_id']}" in entry["targets"]) == (key["id"], True)


def test_a_redirect_is_not_recorded(shared_stack: Stack) -> None:
    response = shared_stack.client.post("/search/", json={}, follow_redirects=False)
    assert response.status_code == 307
    entries = shared_stack.get("/audit")["entries"]
    assert response.headers["x-request-id"] not in [entry["request_id"] for entry in entries]


def test_an_answer_that_streams_is_recorded_with_its_task(shared_stack: Stack, agent: int) -> None:
    headers = {"Accept": "text/event-stream"}
    with shared_stack.client.stream("POST", f"/agents/{agent}/ask", json={"question": "Why?"}, headers=headers) as got:
        task = got.headers["location"].rpartition("/")[2]
        assert f"task:{task}" in find_entry(shared_stack, got)["targets"]
        got.read()


def test_a_write_that_a_key_may_not_do_is_recorded_and_reads_are_not(shared_stack: Stack, agent: int) -> None:
    made, reader = make_key(shared_stack, "read")
    refused = shared_stack.client.delete(f"/agents/{agent}", headers=reader)
    check_problem(refused, 403, "forbidden")
    shared_stack.client.get("/agents", headers=reader)
    searched = shared_stack.client.post(f"/agents/{agent}/search", json={"query": "heron"}, headers=reader)
    assert searched.status_code == 200
    [entry] = list_entries(shared_stack, key=made)
    assert (entry["action"], entry["status"], entry["targets"]) == ("delete_agent", 403, [f"agent:{agent}"])


def test_a_request_that_is_invalid_or_replayed_has_no_entry_of_its_own(shared_stack: Stack) -> None:
    headers = {"Idempotency-Key": "audited-once"}
    first = shared_stack.client.post("/agents", json={"name": "Once"}, headers=headers)
    again = shared_stack.client.post("/agents", json={"name": "Once"}, headers=headers)
    invalid = shared_stack.client.post("/agents", json={"name": ""})
    assert (first.json(), invalid.status_code) == (again.json(), 422)
    requests = {entry["request_id"] for entry in list_entries(shared_stack)}
    assert first.headers["x-request-id"] in requests
    assert not requests & {again.headers["x-request-id"], invalid.headers["x-request-id"]}


def test_every_write_of_the_api_has_an_entry_when_it_succeeds_or_is_refused(
    shared_stack: Stack, herons: dict[str, Any]
) -> None:
    ids = {"agent_id": 10**9, "document_id": 10**9, "task_id": herons["task_id"], "key_id": 10**9, "set_id": 10**9}
    document = shared_stack.client.get(f"{shared_stack.client.base_url.copy_with(path='/openapi.json')}").json()
    made, reader = make_key(shared_stack, "read")
    writes = [name for name, one in OPERATIONS.items() if not name.startswith("GET ") and one.scope != "read"]
    for name in writes:
        values = {**dict.fromkeys(_parameters(name), 10**9), **ids, "name": "low_priority"}
        response = send(shared_stack.client, name, values, reader)
        assert response.status_code == 403, name
        method, path = name.split()
        described = document["paths"][f"{_PREFIX}{path}"][method.lower()]
        entry = find_entry(shared_stack, response)
        assert (entry["action"], entry["key_id"], entry["status"]) == (described["operationId"], made, 403)
        assert entry["path"] == f"{_PREFIX}{path}"


def _parameters(name: str) -> list[str]:
    return [part[1:-1] for part in name.split("/") if part.startswith("{")]


def test_entries_are_filtered_and_paged(shared_stack: Stack) -> None:
    made, headers = make_key(shared_stack, "write")
    agents = [
        shared_stack.client.post("/agents", json={"name": f"Filtered {n}"}, headers=headers).json() for n in range(3)
    ]
    shared_stack.client.delete(f"/agents/{agents[0]['id']}", headers=headers)
    assert len(list_entries(shared_stack, key=made)) == 4
    assert [entry["action"] for entry in list_entries(shared_stack, target=f"agent:{agents[0]['id']}")] == [
        "delete_agent",
        "create_agent",
    ]
    created = list_entries(shared_stack, key=made, action="create_agent")
    assert [entry["targets"] for entry in created] == [[f"agent:{one['id']}"] for one in reversed(agents)]
    middle = created[1]["occurred_at"]
    assert list_entries(shared_stack, key=made, action="create_agent", to=middle) == created[2:]
    assert list_entries(shared_stack, key=made, action="create_agent", **{"from": middle}) == created[:2]
    page = shared_stack.get("/audit", key=made, limit=3)
    rest = shared_stack.get("/audit", key=made, limit=3, after=page["next"])
    assert (page["total"], len(page["entries"]), len(rest["entries"]), rest["next"]) == (4, 3, 1, None)


def test_the_log_is_also_a_table_in_csv(shared_stack: Stack) -> None:
    made, headers = make_key(shared_stack, "write")
    for n in range(3):
        shared_stack.client.post("/agents", json={"name": f"=Formula {n}"}, headers=headers)
    first = shared_stack.client.get("/audit", params={"key": made, "limit": 2, "format": "csv"})
    assert first.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(first.text)))
    assert [row["action"] for row in rows] == ["create_agent"] * 2
    following = first.links["next"]["url"].removeprefix(_PREFIX)
    second = shared_stack.client.get(following)
    assert len(list(csv.DictReader(io.StringIO(second.text)))) == 1
    assert "next" not in second.links


def test_an_admin_sees_only_the_entries_of_its_organization(shared_stack: Stack, foreigner: httpx.Client) -> None:
    foreign = foreigner.post("/agents", json={"name": "Foreign"})
    own = shared_stack.client.post("/agents", json={"name": "Own"})
    seen = {entry["request_id"] for entry in foreigner.get("/audit", params={"limit": 1000}).json()["entries"]}
    assert foreign.headers["x-request-id"] in seen
    assert own.headers["x-request-id"] not in seen
    entry = find_entry(shared_stack, foreign)
    of_it = list_entries(shared_stack, organization_id=entry["organization_id"], limit=1000)
    assert {one["organization_id"] for one in of_it} == {entry["organization_id"]}
    check_problem(foreigner.get("/audit?organization_id=1"), 403, "operator_required")
    _, writer = make_key(shared_stack, "write")
    check_problem(shared_stack.client.get("/audit", headers=writer), 403, "forbidden")


def test_an_organization_sees_what_an_operator_changes_of_it(shared_stack: Stack, foreigner: httpx.Client) -> None:
    made = shared_stack.post("/organizations", {"name": "Watched"})
    admin, path = {"Authorization": f"Bearer {made['api_key']['secret']}"}, f"/organizations/{made['id']}/limits"
    changed = shared_stack.client.put(path, json={})
    check_problem(foreigner.put(path, json={}), 403, "operator_required")
    [entry] = shared_stack.client.get("/audit", headers=admin).json()["entries"]
    assert (entry["action"], entry["request_id"]) == ("set_organization_limits", changed.headers["x-request-id"])
    assert entry["organization_id"] == made["id"]
    assert entry["actor"] != made["api_key"]["prefix"]


@pytest.mark.parametrize(
    "change", ["UPDATE audit_entries SET actor = 'another'", "DELETE FROM audit_entries", "TRUNCATE audit_entries"]
)
@pytest.mark.parametrize("retention", ["off", "on"])
def test_no_statement_changes_an_entry(shared_stack: Stack, change: str, retention: str) -> None:
    shared_stack.client.post("/agents", json={"name": "Kept"})
    before = shared_stack.get("/audit")["total"]
    allow = f"SELECT set_config('sluice.audit_retention', '{retention}', false)"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        execute(shared_stack.settings.database_url or "", allow, change)
    assert shared_stack.get("/audit")["total"] == before
