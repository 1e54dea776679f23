"""Authentication, scopes and organizations, and the form of every refusal."""

from typing import Any

import httpx
import pytest

from app.api.application import create_app
from tests.api.checks import check_problem
from tests.api.operations import OPERATIONS, send
from tests.api.test_http_dead_letters import bury
from tests.running import Stack


def make_key(stack: Stack, *scopes: str) -> tuple[int, dict[str, str]]:
    made = stack.post("/api-keys", {"name": "Test", "scopes": list(scopes)})
    return made["id"], {"Authorization": f"Bearer {made['secret']}"}


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer wrong-key", "Basic dXNlcjpwYXNz", "Bearer ünknown"])
def test_without_a_valid_key_nothing_is_told(shared_stack: Stack, header: str | None) -> None:
    headers = {} if header is None else {b"Authorization": header.encode()}
    for path in ("/agents", "/tasks/", "/documents/1/content", "/queues", "/agents/1/search"):
        response = httpx.get(f"{shared_stack.client.base_url}{path.lstrip('/')}", headers=headers, trust_env=False)
        check_problem(response, 401, "unauthorized")
        assert response.headers["www-authenticate"].startswith("Bearer")
    response = shared_stack.client.get("/agents/1/search")
    check_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


@pytest.fixture(scope="module")
def ids(shared_stack: Stack, herons: dict[str, Any]) -> dict[str, Any]:
    """Path parameters of existing resources. The task is a dead letter, so that every operation on a task applies."""
    [task_id] = bury(shared_stack, herons["agent_id"])
    key_id, _ = make_key(shared_stack, "read")
    agent = f"/agents/{herons['agent_id']}"
    set_id = send(shared_stack.client, "POST /agents/{agent_id}/question-sets", herons).json()["id"]
    evaluation_id = shared_stack.post(f"{agent}/evaluations", {"question_set": set_id})["evaluation_id"]
    profile_id = shared_stack.post(f"{agent}/profiles", {"name": "Weir Works"})["id"]
    webhook_id = shared_stack.post("/webhooks", {"url": "https://hooks.example.com/", "events": ["webhook.test"]})["id"]
    delivery_id = shared_stack.post(f"/webhooks/{webhook_id}/test")["id"]
    made = {"set_id": set_id, "evaluation_id": evaluation_id, "profile_id": profile_id}
    made |= {"webhook_id": webhook_id, "delivery_id": delivery_id, "organization_id": 1}
    return {**herons, **made, "task_id": task_id, "key_id": key_id, "name": "low_priority"}


def test_every_operation_is_listed_with_its_scope() -> None:
    paths = create_app().openapi()["paths"]
    served = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, item in paths.items()
        if path.startswith("/api/v1/")
        for method in item
    }
    assert served == set(OPERATIONS), "tests/api/operations.py lists every operation"


def test_a_key_may_do_what_its_scopes_allow_and_no_more(
    shared_stack: Stack, herons: dict[str, Any], ids: dict[str, Any]
) -> None:
    _, reader = make_key(shared_stack, "read")
    _, writer = make_key(shared_stack, "read", "write")
    client, agent = shared_stack.client, herons["agent_id"]
    assert client.get(f"/agents/{agent}", headers=reader).status_code == 200
    assert client.post(f"/agents/{agent}/search", json={"query": "heron"}, headers=reader).status_code == 200
    keys = {"write": reader, "admin": writer, "operator": make_key(shared_stack, "admin")[1]}
    for name, operation in OPERATIONS.items():
        if operation.scope in keys:
            response = send(client, name, ids, keys[operation.scope])
            assert response.status_code == 403, name
            check_problem(response, 403, "operator_required" if operation.scope == "operator" else "forbidden")
    made = client.post("/agents", json={"name": "A"}, headers=writer)
    assert made.status_code == 201
    assert client.delete(f"/agents/{made.json()['id']}", headers=writer).status_code == 202


def test_a_revoked_key_is_worth_nothing_from_the_next_request_on(shared_stack: Stack) -> None:
    key, headers = make_key(shared_stack, "read")
    client = shared_stack.client
    assert client.get("/agents", headers=headers).status_code == 200
    assert client.delete(f"/api-keys/{key}").status_code == 204
    check_problem(client.get("/agents", headers=headers), 401, "unauthorized")
    check_problem(client.delete(f"/api-keys/{key}"), 404, "not_found")


def test_the_secret_of_a_key_is_shown_once(shared_stack: Stack) -> None:
    made = shared_stack.post("/api-keys", {"name": "Once", "scopes": ["read"]})
    [listed] = [key for key in shared_stack.get("/api-keys")["api_keys"] if key["id"] == made["id"]]
    assert "secret" not in listed
    assert made["secret"].startswith(listed["prefix"])
    assert len(listed["prefix"]) < len(made["secret"]) / 2
    check_problem(shared_stack.client.post("/api-keys", json={"name": "A", "scopes": []}), 422, "invalid_request")
    check_problem(shared_stack.client.post("/api-keys", json={"name": "A", "scopes": ["all"]}), 422, "invalid_request")


def test_what_belongs_to_another_organization_is_not_there(
    shared_stack: Stack, foreigner: httpx.Client, ids: dict[str, Any]
) -> None:
    for name, operation in OPERATIONS.items():
        if operation.scope == "operator":
            check_problem(send(foreigner, name, ids), 403, "operator_required")
        elif "{" in name:
            response = send(foreigner, name, ids)
            assert response.status_code == 404, name
            check_problem(response, 404, "not_found")
    for path in (f"/tasks/{ids['task_id']}?wait=5", f"/documents/{ids['document_id']}/content?format=text"):
        check_problem(foreigner.get(path), 404, "not_found")
    for path, plural, name in (
        ("/agents", "agents", "id"),
        ("/documents", "documents", "id"),
        ("/tasks/", "tasks", "task_id"),
    ):
        ours, theirs = (
            {item[name] for item in client.get(path, params={"limit": 1000}).json()[plural]}
            for client in (shared_stack.client, foreigner)
        )
        assert ours
        assert not ours & theirs
    assert foreigner.get("/documents", params={"agent_id": ids["agent_id"]}).json()["total"] == 0
    assert [key["prefix"] for key in foreigner.get("/api-keys").json()["api_keys"]] == ["a-ke"]


def test_another_organization_cannot_replace_a_document_by_its_name_or_its_bytes(
    shared_stack: Stack, foreigner: httpx.Client
) -> None:
    agent = shared_stack.make_agent()
    plan = shared_stack.upload(agent, "plan.txt", b"The weir opens at dawn.")
    shared_stack.finish([plan["task_id"]])
    document = shared_stack.get(f"/documents/{plan['document_id']}")
    uploads = {f"/documents/agent/{agent}/upload": "file", f"/documents/agent/{agent}/batch": "files"}
    for path, field in uploads.items():
        for file in (("plan.txt", b"Forged."), ("other.txt", b"The weir opens at dawn.")):
            response = foreigner.post(path, files={field: file}, data={"on_duplicate": "replace"})
            check_problem(response, 404, "not_found")
    assert shared_stack.get(f"/documents/{plan['document_id']}") == document
    text = shared_stack.client.get(f"/documents/{plan['document_id']}/content").content
    assert text == b"The weir opens at dawn."


def test_a_collection_of_the_same_name_is_each_organizations_own(shared_stack: Stack, foreigner: httpx.Client) -> None:
    def upload(client: httpx.Client) -> int:
        form = {"files": {"file": ("a.txt", b"A heron.")}, "data": {"collection": "shared-name"}}
        document = client.post("/documents/upload", **form).json()["document_id"]  # type: ignore[arg-type]
        return int(client.get(f"/documents/{document}").json()["agent_id"])

    assert upload(shared_stack.client) != upload(foreigner)


def test_every_error_names_its_request(shared_stack: Stack) -> None:
    client = shared_stack.client
    problem = check_problem(client.get("/agents/999999999", headers={"X-Request-ID": "my-request.1"}), 404, "not_found")
    assert problem["request_id"] == "my-request.1"
    made_up = check_problem(client.get("/agents/999999999", headers={"X-Request-ID": "bad id\t!"}), 404, "not_found")
    assert made_up["request_id"] != "bad id\t!"
    assert client.get("/agents").headers["x-request-id"]
    check_problem(client.get("/no-such-path"), 404, "not_found")
    check_problem(client.put("/agents", json={}), 405, "method_not_allowed")
    check_problem(client.get("/agents/seven"), 422, "invalid_request")
    body = {"content": b"{", "headers": {"Content-Type": "application/json"}}
    check_problem(client.post("/agents", **body), 422, "invalid_request")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path", ["/tasks/?queue=%00", "/tasks/?name=%00", "/agents?after=9223372036854775808", "/tasks/?after=%00"]
)
def test_a_query_that_no_database_can_hold_is_the_callers_mistake(shared_stack: Stack, path: str) -> None:
    assert check_problem(shared_stack.client.get(path), 422, shared_stack.client.get(path).json()["code"])
