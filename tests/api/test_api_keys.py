"""API keys: what they may be created with, rotation, expiry, revocation, and the time of their last use."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.api.checks import check_problem
from tests.deadlines import wait_for
from tests.running import Stack


def make(stack: Stack, headers: dict[str, str] | None = None, **wanted: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Create a key; returns it and the header that uses it."""
    response = stack.client.post("/api-keys", json={"name": "Test", **wanted}, headers=headers)
    assert response.status_code == 201, response.text
    return response.json(), use(response.json()["secret"])


def use(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def read_agents(stack: Stack, headers: dict[str, str]) -> int:
    return stack.client.get("/agents", headers=headers).status_code


def test_a_key_is_shown_with_its_restrictions_and_without_its_secret(shared_stack: Stack, agent: int) -> None:
    where = {"type": "eq", "key": "team", "value": "east"}
    made, _ = make(shared_stack, agent_ids=[agent], filter=where, expires_at="2100-01-01T00:00:00Z")
    shown = shared_stack.get(f"/api-keys/{made['id']}")
    assert {**shown, "secret": made["secret"]} == made
    assert (shown["agent_ids"], shown["filter"], shown["scopes"]) == ([agent], where, ["read"])
    assert (shown["expires_at"], shown["last_used_at"]) == ("2100-01-01T00:00:00Z", None)
    assert shown in shared_stack.get("/api-keys")["api_keys"]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"filter": {"type": "like", "key": "a", "value": "b"}}, "body.filter"),
        ({"filter": {}}, "body.filter"),
        ({"filter": {"a": 1}, "scopes": ["read", "write"]}, "body.scopes"),
        ({"filter": {"a": 1}, "scopes": ["admin"]}, "body.scopes"),
        ({"agent_ids": [999_999_999]}, "body.agent_ids"),
        ({"agent_ids": []}, "body.agent_ids"),
        ({"agent_ids": [1], "scopes": ["operator"]}, "body.agent_ids"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "body.expires_at"),
        ({"expires_at": "2100-01-01T00:00:00"}, "body.expires_at"),
    ],
)
def test_a_restriction_that_cannot_hold_is_refused_with_its_field(
    shared_stack: Stack, wanted: dict[str, Any], field: str
) -> None:
    problem = check_problem(shared_stack.client.post("/api-keys", json={"name": "A", **wanted}), 422, "invalid_request")
    assert problem["errors"][0]["field"] == field


def test_a_key_for_an_agent_of_another_organization_is_refused(foreigner: httpx.Client, agent: int) -> None:
    response = foreigner.post("/api-keys", json={"name": "A", "agent_ids": [agent]})
    assert "does not exist" in check_problem(response, 422, "invalid_request")["detail"]


def test_two_secrets_are_valid_during_a_rotation_and_never_three(shared_stack: Stack) -> None:
    made, first = make(shared_stack)
    path = f"/api-keys/{made['id']}"
    second = use(shared_stack.post(f"{path}/rotate", {"overlap_seconds": 3600})["secret"])
    assert [read_agents(shared_stack, one) for one in (first, second)] == [200, 200]
    third = use(shared_stack.post(f"{path}/rotate", {"overlap_seconds": 3600})["secret"])
    assert [read_agents(shared_stack, one) for one in (first, second, third)] == [401, 200, 200]
    assert shared_stack.client.delete(path).status_code == 204
    assert [read_agents(shared_stack, one) for one in (first, second, third)] == [401, 401, 401]
    check_problem(shared_stack.client.post(f"{path}/rotate", json={}), 404, "not_found")


def test_the_former_secret_is_invalid_when_its_overlap_ends(shared_stack: Stack) -> None:
    made, first = make(shared_stack)
    rotated = shared_stack.post(f"/api-keys/{made['id']}/rotate", {"overlap_seconds": 0})
    assert [read_agents(shared_stack, one) for one in (first, use(rotated["secret"]))] == [401, 200]
    second = use(rotated["secret"])
    again = shared_stack.client.post(f"/api-keys/{made['id']}/rotate").json()  # without a body: the default overlap
    until = datetime.fromisoformat(again["former_expires_at"])
    assert timedelta(hours=23) < until - datetime.now(UTC) <= timedelta(days=1)
    assert read_agents(shared_stack, second) == 200
    shared_stack.fetch("UPDATE api_keys SET former_expires_at = now() WHERE id = $1", made["id"])
    assert [read_agents(shared_stack, one) for one in (second, use(again["secret"]))] == [401, 200]


def test_an_expired_key_is_invalid_until_its_expiry_is_moved(shared_stack: Stack) -> None:
    made, headers = make(shared_stack, expires_at="2100-01-01T00:00:00Z")
    assert read_agents(shared_stack, headers) == 200
    shared_stack.fetch("UPDATE api_keys SET expires_at = now() WHERE id = $1", made["id"])
    check_problem(shared_stack.client.get("/agents", headers=headers), 401, "unauthorized")
    path = f"/api-keys/{made['id']}"
    changed = shared_stack.client.patch(path, json={"expires_at": None, "name": "Renamed"}).json()
    assert (changed["expires_at"], changed["name"]) == (None, "Renamed")
    assert read_agents(shared_stack, headers) == 200
    assert shared_stack.client.patch(path, json={"name": None}).json() == shared_stack.get(path)


def test_a_key_never_grants_more_agents_than_it_has(shared_stack: Stack, agent: int) -> None:
    other = shared_stack.make_agent()
    made, admin = make(shared_stack, scopes=["admin"], agent_ids=[agent])
    client = shared_stack.client
    unrestricted = client.post("/api-keys", json={"name": "A"}, headers=admin)
    check_problem(unrestricted, 403, "key_restricted")
    wider = client.post("/api-keys", json={"name": "A", "agent_ids": [agent, other]}, headers=admin)
    assert "does not exist" in check_problem(wider, 422, "invalid_request")["detail"]
    narrower, _ = make(shared_stack, admin, agent_ids=[agent])
    listed = client.get("/api-keys", headers=admin).json()
    assert {key["id"] for key in listed["api_keys"]} == {made["id"], narrower["id"]}
    assert listed["total"] == 2
    stronger, _ = make(shared_stack, scopes=["admin"])
    for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/rotate"), ("DELETE", "")):
        response = client.request(method, f"/api-keys/{stronger['id']}{path}", json={}, headers=admin)
        check_problem(response, 404, "not_found")


def test_a_key_never_grants_a_later_expiry_than_its_own(shared_stack: Stack) -> None:
    own = "2099-01-01T00:00:00Z"
    _, admin = make(shared_stack, scopes=["admin"], expires_at=own)
    later = {"name": "A", "expires_at": "2100-01-01T00:00:00Z"}
    check_problem(shared_stack.client.post("/api-keys", json=later, headers=admin), 422, "invalid_request")
    made, _ = make(shared_stack, admin)
    assert made["expires_at"] == own
    changed = shared_stack.client.patch(f"/api-keys/{made['id']}", json={"expires_at": None}, headers=admin)
    assert changed.json()["expires_at"] == own


def test_a_key_rotates_no_key_that_expires_later_than_its_own(shared_stack: Stack) -> None:
    temporary, admin = make(shared_stack, scopes=["admin"], expires_at="2099-01-01T00:00:00Z")
    for expires_at in (None, "2100-01-01T00:00:00Z"):
        lasting, headers = make(shared_stack, scopes=["admin"], expires_at=expires_at)
        refused = shared_stack.client.post(f"/api-keys/{lasting['id']}/rotate", json={}, headers=admin)
        check_problem(refused, 403, "forbidden")
        assert read_agents(shared_stack, headers) == 200
    own = shared_stack.client.post(f"/api-keys/{temporary['id']}/rotate", json={}, headers=admin)
    assert own.json()["expires_at"] == "2099-01-01T00:00:00Z"


def test_a_key_for_an_agent_does_not_change_the_limits_of_that_agent(shared_stack: Stack, agent: int) -> None:
    _, admin = make(shared_stack, scopes=["admin"], agent_ids=[agent])
    refused = shared_stack.client.put(f"/agents/{agent}/limits", json={"requests_per_minute": None}, headers=admin)
    check_problem(refused, 403, "key_restricted")


def test_an_admin_receives_no_new_secret_of_an_operators_key(shared_stack: Stack) -> None:
    made, _ = make(shared_stack, scopes=["operator"])
    _, admin = make(shared_stack, scopes=["admin"])
    for method, path in (("PATCH", ""), ("POST", "/rotate"), ("DELETE", "")):
        response = shared_stack.client.request(method, f"/api-keys/{made['id']}{path}", json={}, headers=admin)
        check_problem(response, 403, "operator_required")


def test_the_last_use_of_a_key_is_shown_within_seconds(shared_stack: Stack) -> None:
    made, headers = make(shared_stack)
    began = datetime.now(UTC)
    assert read_agents(shared_stack, headers) == 200

    def read() -> str | None:
        used: str | None = shared_stack.get(f"/api-keys/{made['id']}")["last_used_at"]
        return used

    wait_for(lambda: read() is not None, "the last use to be written")
    assert abs(datetime.fromisoformat(str(read())) - began) < timedelta(minutes=1)


def test_a_new_organization_can_be_used_at_once_with_its_key(shared_stack: Stack) -> None:
    made = shared_stack.post("/organizations", {"name": "Harbour office", "key_name": "first"})
    admin, path = use(made["api_key"]["secret"]), f"/organizations/{made['id']}"
    client = shared_stack.client
    assert (made["api_key"]["name"], made["api_key"]["scopes"]) == ("first", ["admin"])
    assert client.get("/agents", headers=admin).json()["total"] == 0
    assert client.post("/agents", json={"name": "Locks"}, headers=admin).status_code == 201
    assert client.get(path, headers=admin).json()["name"] == "Harbour office"
    assert client.patch(path, json={"name": "Harbour"}, headers=admin).json()["name"] == "Harbour"
    assert shared_stack.get(path)["name"] == "Harbour"
    assert made["id"] in [one["id"] for one in shared_stack.get("/organizations")["organizations"]]
    own = client.get("/organizations", headers=admin).json()
    assert (own["total"], [one["id"] for one in own["organizations"]]) == (1, [made["id"]])
    check_problem(client.post("/organizations", json={"name": "A"}, headers=admin), 403, "operator_required")
    check_problem(client.get("/organizations/1", headers=admin), 404, "not_found")
    check_problem(client.patch("/organizations/1", json={"name": "A"}, headers=admin), 404, "not_found")


def test_the_keys_that_an_operator_gives_to_organizations_expire_with_its_own(shared_stack: Stack) -> None:
    own = "2099-01-01T00:00:00Z"
    _, operator = make(shared_stack, scopes=["operator"], expires_at=own)
    made = shared_stack.client.post("/organizations", json={"name": "Short"}, headers=operator).json()
    another = shared_stack.client.post(f"/organizations/{made['id']}/api-keys", json={}, headers=operator).json()
    assert (made["api_key"]["expires_at"], another["expires_at"]) == (own, own)


def test_an_operator_creates_a_key_for_an_organization_that_has_lost_its_own(shared_stack: Stack) -> None:
    made, client = shared_stack.post("/organizations", {"name": "Lost"}), shared_stack.client
    client.delete(f"/api-keys/{made['api_key']['id']}", headers=use(made["api_key"]["secret"])).raise_for_status()
    path = f"/organizations/{made['id']}/api-keys"
    answer = client.post(path, json={"name": "new"})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["name"], answer.json()["scopes"], answer.json()["agent_ids"]) == ("new", ["admin"], None)
    admin = use(answer.json()["secret"])
    shown = client.get(f"/organizations/{made['id']}", headers=admin)
    assert shown.json()["name"] == "Lost"
    check_problem(client.post(path, json={}, headers=admin), 403, "operator_required")
    check_problem(client.post("/organizations/999999/api-keys", json={}), 404, "not_found")
    wanted = {"action": "create_organization_key", "target": f"organization:{made['id']}"}
    entries = shared_stack.get("/audit", **wanted)["entries"]
    assert [entry["status"] for entry in entries] == [403, 201]
    assert answer.json()["secret"] not in str(entries)


def test_the_secret_of_a_stored_response_is_encrypted(shared_stack: Stack) -> None:
    headers = {"Idempotency-Key": "makes-an-organization"}
    first = shared_stack.client.post("/organizations", json={"name": "Once"}, headers=headers)
    again = shared_stack.client.post("/organizations", json={"name": "Once"}, headers=headers)
    assert again.json() == first.json()
    [row] = shared_stack.fetch("SELECT body FROM idempotency_keys WHERE key = $1", headers["Idempotency-Key"])
    assert first.json()["api_key"]["secret"].encode() not in row["body"]
