"""Webhooks over HTTP: registration, secrets, the log, and who may do what."""

import pytest

from tests.api.checks import check_problem
from tests.running import Stack

URL = "https://hooks.example.com/sluice"


def test_a_webhook_is_registered_listed_changed_and_deleted(shared_stack: Stack, agent: int) -> None:
    given = {"url": URL, "description": "Search page", "events": ["document.completed", "task.*"], "agent_ids": [agent]}
    made = shared_stack.post("/webhooks", given)
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert {name: made[name] for name in given} == given
    assert (made["enabled"], made["failures"], made["disabled_reason"]) == (True, 0, None)
    path = f"/webhooks/{made['id']}"
    assert shared_stack.get(path) == made
    assert made in shared_stack.get("/webhooks")["webhooks"]
    changed = shared_stack.client.patch(path, json={"enabled": False, "agent_ids": None}).json()
    assert (changed["enabled"], changed["disabled_reason"], changed["agent_ids"]) == (False, "requested", None)
    assert changed["events"] == given["events"]
    check_problem(shared_stack.client.post(f"{path}/test"), 409, "conflict")
    assert shared_stack.client.delete(path).status_code == 204
    check_problem(shared_stack.client.get(path), 404, "not_found")
    check_problem(shared_stack.client.delete(path), 404, "not_found")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "invalid_request"),
        ({"url": "ftp://example.com"}, "url_not_allowed"),
        ({"url": "http://169.254.169.254/"}, "url_not_allowed"),
        ({"url": "nothing"}, "invalid_url"),
        ({"url": URL, "events": []}, "invalid_request"),
        ({"url": URL, "events": ["task.*.x"]}, "invalid_request"),
        ({"url": URL, "events": ["document.complete"]}, "invalid_request"),
        ({"url": URL, "events": ["tasks.*"]}, "invalid_request"),
        ({"url": URL, "agent_ids": [2**40]}, "invalid_request"),
        ({"url": URL, "secret": "mine"}, "invalid_request"),
    ],
)
def test_a_webhook_that_is_not_valid_is_refused(shared_stack: Stack, given: dict[str, object], code: str) -> None:
    check_problem(shared_stack.client.post("/webhooks", json=given), 422, code)


def test_a_secret_is_shown_when_it_is_made_and_never_again(shared_stack: Stack) -> None:
    made = shared_stack.post("/webhooks", {"url": URL})
    rotated = shared_stack.post(f"/webhooks/{made['id']}/secret/rotate", {"overlap_hours": 2})
    assert rotated["secret"] != made["secret"]
    assert rotated["former_expires_at"]
    assert shared_stack.post(f"/webhooks/{made['id']}/secret/rotate", {"overlap_hours": 0})["former_expires_at"] is None
    without_body = shared_stack.client.post(f"/webhooks/{made['id']}/secret/rotate").json()
    assert without_body["former_expires_at"]
    shown = shared_stack.client.get("/webhooks").text + shared_stack.client.get(f"/webhooks/{made['id']}").text
    assert "whsec_" not in shown


def test_the_secret_of_callbacks_can_be_read_and_rotated_by_an_admin(shared_stack: Stack) -> None:
    first = shared_stack.get("/webhooks/callbacks/secret")["secrets"]
    assert shared_stack.get("/webhooks/callbacks/secret")["secrets"] == first
    rotated = shared_stack.post("/webhooks/callbacks/secret/rotate", {"overlap_hours": 1})["secrets"]
    assert [one["secret"] for one in rotated][1:] == [first[0]["secret"]]
    assert shared_stack.get("/webhooks/callbacks/deliveries").keys() == {"deliveries", "total", "next"}
    key = shared_stack.post("/api-keys", {"name": "Writer", "scopes": ["read", "write"]})["secret"]
    response = shared_stack.client.get("/webhooks/callbacks/secret", headers={"Authorization": f"Bearer {key}"})
    check_problem(response, 403, "forbidden")


def test_a_test_is_in_the_log_with_its_attempt_and_its_payload(shared_stack: Stack) -> None:
    webhook = shared_stack.post("/webhooks", {"url": "https://hooks.invalid/", "events": ["webhook.test"]})["id"]
    sent = shared_stack.post(f"/webhooks/{webhook}/test")
    assert (sent["status"], sent["event"], sent["webhook_id"], sent["url"]) == (
        "pending", "webhook.test", webhook, None,
    )  # fmt: skip
    [listed] = shared_stack.get(f"/webhooks/{webhook}/deliveries", event="webhook.test", status="pending")["deliveries"]
    assert listed["id"] == sent["id"]
    assert shared_stack.get(f"/webhooks/{webhook}/deliveries", status="failed")["deliveries"] == []
    shown = shared_stack.get(f"/webhooks/{webhook}/deliveries/{sent['id']}")
    assert (shown["payload"]["id"], shown["payload"]["type"]) == (sent["event_id"], "webhook.test")
    check_problem(shared_stack.client.post(f"/webhooks/{webhook}/deliveries/{sent['id']}/replay"), 409, "conflict")
    counted = shared_stack.post(f"/webhooks/{webhook}/deliveries/replay", {"filter": {}, "dry_run": True})
    assert counted == {"dry_run": True, "matched": 0, "replayed": 0}
    check_problem(shared_stack.client.get(f"/webhooks/{webhook}/deliveries/{10**9}"), 404, "not_found")


def test_the_secret_of_callbacks_is_rotated_without_a_body(shared_stack: Stack) -> None:
    former = shared_stack.get("/webhooks/callbacks/secret")["secrets"][0]["secret"]
    rotated = shared_stack.client.post("/webhooks/callbacks/secret/rotate").json()["secrets"]
    assert former in [secret["secret"] for secret in rotated]
    assert rotated[0]["secret"] != former
