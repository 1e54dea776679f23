"""A stored response is replayed only to API keys that could have sent the request, whatever its size."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.checks import check_problem
from tests.api.test_http_access import make_key
from tests.running import Stack


@pytest.fixture
def key() -> str:
    """A new idempotency key."""
    return str(uuid4())


def send(stack: Stack, path: str, body: dict[str, Any], key: str, headers: dict[str, str]) -> httpx.Response:
    return stack.client.post(path, json=body, headers={"Idempotency-Key": key, **headers})


def test_a_key_that_may_only_read_receives_no_stored_response_of_a_write(shared_stack: Stack, key: str) -> None:
    _, writer = make_key(shared_stack, "read", "write")
    _, reader = make_key(shared_stack, "read")
    first = send(shared_stack, "/agents", {"name": "A"}, key, writer)
    assert first.status_code == 201
    refused = check_problem(send(shared_stack, "/agents", {"name": "A"}, key, reader), 403, "forbidden")
    assert "`write`" in refused["detail"]
    assert str(first.json()["id"]) not in refused["detail"]
    _, other_writer = make_key(shared_stack, "write")
    again = send(shared_stack, "/agents", {"name": "A"}, key, other_writer)
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")


def test_a_response_of_the_former_version_needs_the_scope_write(shared_stack: Stack, key: str) -> None:
    _, reader = make_key(shared_stack, "read")
    assert send(shared_stack, "/agents", {"name": "A"}, key, {}).status_code == 201
    shared_stack.fetch("UPDATE idempotency_keys SET scope = NULL WHERE key = $1", key)
    check_problem(send(shared_stack, "/agents", {"name": "A"}, key, reader), 403, "forbidden")
    assert send(shared_stack, "/agents", {"name": "A"}, key, {}).headers["idempotent-replayed"] == "true"


def test_a_stored_response_that_needs_an_operator_is_not_replayed_to_an_admin(shared_stack: Stack, key: str) -> None:
    _, admin = make_key(shared_stack, "admin")
    assert send(shared_stack, "/queues/low_priority/resume", {}, key, {}).status_code == 200
    check_problem(send(shared_stack, "/queues/low_priority/resume", {}, key, admin), 403, "operator_required")


def test_a_search_that_a_writer_sent_is_replayed_to_a_reader(shared_stack: Stack, agent: int, key: str) -> None:
    _, reader = make_key(shared_stack, "read")
    path, query = f"/agents/{agent}/search", {"query": "heron"}
    first = send(shared_stack, path, query, key, {})
    assert send(shared_stack, path, query, key, reader).json() == first.json()


def test_another_organization_never_receives_a_stored_response(
    shared_stack: Stack, foreigner: httpx.Client, key: str
) -> None:
    first = send(shared_stack, "/agents", {"name": "A"}, key, {})
    foreign = foreigner.post("/agents", json={"name": "A"}, headers={"Idempotency-Key": key})
    assert "idempotent-replayed" not in foreign.headers
    assert foreign.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("event_id", ["9" * 5000, "9" * 18, "-1", "1.5", "x", "²"])
def test_an_event_id_that_is_none_starts_the_stream_anew(shared_stack: Stack, agent: int, event_id: str) -> None:
    task_id = shared_stack.upload(agent, "note.txt", b"A heron.")["task_id"]
    shared_stack.finish([task_id])
    headers = {b"Last-Event-ID": event_id.encode()}
    response = shared_stack.client.get(f"/tasks/{task_id}/events", headers=headers)
    assert response.status_code in {200, 204}


def test_a_large_upload_is_replayed(shared_stack: Stack, agent: int, key: str) -> None:
    def upload(content: bytes) -> httpx.Response:
        return shared_stack.client.post(
            f"/documents/agent/{agent}/upload",
            files={"file": ("large.txt", content)},
            headers={"Idempotency-Key": key},
        )

    content = b"The heron waits. " * 200_000
    first, again = upload(content), upload(content)
    assert (first.status_code, again.headers["idempotent-replayed"]) == (202, "true")
    assert again.json() == first.json()
    check_problem(upload(content + b"!"), 422, "idempotency_key_reused")
