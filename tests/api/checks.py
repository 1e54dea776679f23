"""Checks that several tests of the HTTP API share."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.running import Stack

_FIELDS = (
    "task_id task_name queue state status current total stage agent_id document_id chunk_count parent_id counts "
    "attempt crashes position created_at started_at completed_at next_attempt_at stages result error metadata"
)
TASK_FIELDS = set(_FIELDS.split())


def make_text(sentences: int, subject: str = "heron") -> bytes:
    """A text of many different sentences."""
    return " ".join(f"The {subject} number {i} waits at gate {i % 97} for the boat." for i in range(sentences)).encode()


def check_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check an error response, and return its body."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "code", "retryable", "request_id"} <= body.keys()
    assert (body["status"], body["code"]) == (status, code)
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["detail"]
    return body


def read_events(stack: Stack, task_id: str, after: str | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
    """The server-sent events of a task as they arrive: id and body."""
    headers = {"Last-Event-ID": after} if after is not None else {}
    with stack.client.stream("GET", f"/tasks/{task_id}/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        for line in response.iter_lines():
            name, _, value = line.partition(":")
            if line:
                event[name] = value.removeprefix(" ")
            elif "data" in event:
                yield int(event["id"]), json.loads(event["data"])
                event = {}


def list_files(folder: Path) -> set[Path]:
    """Every file below ``folder``."""
    return {path for path in folder.rglob("*") if path.is_file()}
