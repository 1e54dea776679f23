"""What tasks show to a key with a document filter, also while it waits: nothing about documents that do not match."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.api.checks import check_problem
from tests.api.isolation_world import finish, open_client, upload
from tests.deadlines import wait_for
from tests.flows.zips import make_zip
from tests.running import Stack

_EAST, _WEST = '{"team": "east"}', '{"team": "west"}'
_HIDE = f"UPDATE documents SET metadata = '{_WEST}' WHERE id = $1"


@pytest.fixture
def key(shared_stack: Stack) -> dict[str, Any]:
    """A key that sees the documents of the team in the east."""
    return shared_stack.post("/api-keys", {"name": "East", "filter": {"team": "east"}})


@pytest.fixture
def filtered(shared_stack: Stack, key: dict[str, Any]) -> Iterator[httpx.Client]:
    """A client with that key."""
    with open_client(shared_stack, {"Authorization": f"Bearer {key['secret']}"}) as client:
        yield client


@contextmanager
def paused(stack: Stack) -> Iterator[None]:
    """No task of the queue with low priority begins."""
    stack.post("/queues/low_priority/pause")
    try:
        yield
    finally:
        stack.post("/queues/low_priority/resume")


def submit(stack: Stack, agent: int, name: str, metadata: str = _EAST) -> dict[str, Any]:
    """Upload a document with low priority."""
    file = {"file": (name, f"The ferry of {name}.".encode())}
    data = {"metadata": metadata, "priority": "low"}
    made: dict[str, Any] = stack.client.post(f"/documents/agent/{agent}/upload", files=file, data=data).json()
    return made


def test_a_position_does_not_count_hidden_tasks(shared_stack: Stack, agent: int, filtered: httpx.Client) -> None:
    with paused(shared_stack):
        hidden = submit(shared_stack, agent, "west.txt", _WEST)
        seen = submit(shared_stack, agent, "east.txt")
        assert shared_stack.get(f"/tasks/{seen['task_id']}")["position"] == 2
        assert filtered.get(f"/tasks/{seen['task_id']}").json()["position"] is None
    for one in (hidden, seen):
        finish(shared_stack.client, one["task_id"])


def test_a_parent_does_not_report_hidden_children(shared_stack: Stack, agent: int, filtered: httpx.Client) -> None:
    archive = make_zip({"weir.txt": b"The weir.", "secret.pdf": b"%PDF-1.7\nno object\n%%EOF"})
    made = upload(shared_stack.client, agent, "files.zip", archive, _EAST)
    path = f"/tasks/{made['task_id']}"
    whole = finish(shared_stack.client, made["task_id"])
    assert filtered.get(path).json()["result"] == whole["result"]
    [failure] = whole["result"]["failures"]
    shared_stack.fetch(_HIDE, failure["document_id"])
    stream = filtered.get(f"{path}/events").text
    status = filtered.get(f"/documents/{made['document_id']}/status").json()["task"]
    listed = filtered.get("/tasks/", params={"agent_id": agent}).json()["tasks"]
    for shown in (filtered.get(path).json(), status, next(t for t in listed if t["task_id"] == made["task_id"])):
        result = shown["result"]
        assert (result["total"], result["succeeded"], result["failed"], result["failures"]) == (1, 1, 0, [])
        assert shown["status"] == "1 of 1 done"
    assert "secret.pdf" not in stream
    assert "1 failed" not in stream
    assert shared_stack.get(path)["result"] == whole["result"]


def test_an_error_does_not_name_the_document_that_has_the_same_content(
    shared_stack: Stack, agent: int, filtered: httpx.Client
) -> None:
    made = upload(shared_stack.client, agent, "broken.pdf", b"%PDF-1.7\nno object\n%%EOF", _EAST)
    finish(shared_stack.client, made["task_id"])
    error = '{"code": "duplicate_document", "message": "Document 4711 has the same address.", "retryable": false}'
    shared_stack.fetch(
        f"UPDATE tasks SET error = '{error}', history = jsonb_build_array(history -> 0 || '{error}') WHERE id = $1",
        made["task_id"],
    )
    for path in (f"/tasks/{made['task_id']}", f"/dead-letters/{made['task_id']}", "/dead-letters", "/tasks/"):
        assert "4711" in shared_stack.client.get(path).text
        shown = filtered.get(path)
        assert "already has this document" in shown.text
        assert "4711" not in shown.text


def test_a_request_that_waits_for_a_task_is_answered_with_401_when_its_key_is_revoked(
    shared_stack: Stack, agent: int, key: dict[str, Any], filtered: httpx.Client
) -> None:
    of_key = f"/api-keys/{key['id']}"
    with ThreadPoolExecutor(1) as threads, paused(shared_stack):
        made = submit(shared_stack, agent, "poll.txt")
        waiting = threads.submit(filtered.get, f"/tasks/{made['task_id']}", params={"wait": 60, "until": "end"})
        wait_for(lambda: shared_stack.get(of_key)["last_used_at"] is not None, "the request to begin")
        shared_stack.client.delete(of_key).raise_for_status()
        shared_stack.post("/queues/low_priority/resume")
        check_problem(waiting.result(), 401, "unauthorized")
    finish(shared_stack.client, made["task_id"])


def test_a_request_that_waits_for_a_task_is_answered_with_404_when_its_document_stops_matching(
    shared_stack: Stack, agent: int, key: dict[str, Any], filtered: httpx.Client
) -> None:
    with ThreadPoolExecutor(1) as threads, paused(shared_stack):
        made = submit(shared_stack, agent, "moves.txt")
        waiting = threads.submit(filtered.get, f"/tasks/{made['task_id']}", params={"wait": 60, "until": "end"})
        wait_for(lambda: shared_stack.get(f"/api-keys/{key['id']}")["last_used_at"] is not None, "the request to begin")
        shared_stack.fetch(_HIDE, made["document_id"])
        shared_stack.post("/queues/low_priority/resume")
        check_problem(waiting.result(), 404, "not_found")
    finish(shared_stack.client, made["task_id"])


def test_a_stream_ends_when_its_document_stops_matching(
    shared_stack: Stack, agent: int, filtered: httpx.Client
) -> None:
    with paused(shared_stack):
        made = submit(shared_stack, agent, "stream.txt")
        with filtered.stream("GET", f"/tasks/{made['task_id']}/events") as response:
            lines = response.iter_lines()
            assert next(lines) == "event: progress"
            shared_stack.fetch(_HIDE, made["document_id"])
            shared_stack.post("/queues/low_priority/resume")
            finish(shared_stack.client, made["task_id"])
            assert "event: end" not in list(lines)
