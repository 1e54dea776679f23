"""Uploads: which are accepted, which are refused, and that a refused one leaves nothing behind."""

import json
import socket
from typing import Any

import httpx
import pytest

from tests.api.checks import check_problem, list_files
from tests.deadlines import wait_for
from tests.running import KEY, Stack


def send(stack: Stack, agent: int, **parts: Any) -> httpx.Response:
    return stack.client.post(f"/documents/agent/{agent}/upload", **parts)


def count_documents(stack: Stack, agent: int) -> int:
    return int(stack.get("/documents", agent_id=agent)["total"])


def test_an_upload_answers_202_with_all_that_the_client_needs_next(shared_stack: Stack, agent: int) -> None:
    response = send(shared_stack, agent, files={"file": ("note.txt", b"A heron.")}, data={"metadata": '{"year": 2026}'})
    body = response.json()
    task, document = body["task_id"], body["document_id"]
    assert response.status_code == 202
    assert response.headers["location"] == f"/api/v1/tasks/{task}"
    assert body == {
        "id": document,
        "document_id": document,
        "task_id": task,
        "status": "queued",
        "filename": "note.txt",
        "duplicate_of": None,
        "message": "Document uploaded successfully and queued for processing",
        "processing_note": "Use GET /api/v1/tasks/{task_id} to check progress",
        "links": {
            "task": f"/api/v1/tasks/{task}",
            "events": f"/api/v1/tasks/{task}/events",
            "document": f"/api/v1/documents/{document}",
        },
    }
    assert isinstance(document, int)
    assert shared_stack.get(f"/documents/{document}")["metadata"]["year"] == 2026


@pytest.mark.parametrize(
    ("priority", "queue"), [("high", "high_priority"), ("medium", "medium_priority"), ("low", "low_priority")]
)
def test_the_priority_chooses_the_queue(shared_stack: Stack, agent: int, priority: str, queue: str) -> None:
    task_id = shared_stack.upload(agent, "note.txt", b"A heron.", priority=priority)["task_id"]
    [task] = shared_stack.finish([task_id])
    assert (task["queue"], task["state"]) == (queue, "SUCCESS")


FILE = {"file": ("note.txt", b"A heron.")}
REFUSED: dict[str, tuple[dict[str, Any], int, str]] = {
    "an empty file": ({"files": {"file": ("empty.txt", b"")}}, 422, "empty_file"),
    "a form without a file": ({"files": {"metadata": (None, "{}")}}, 422, "missing_file"),
    "no form": ({"content": b"A heron."}, 422, "missing_file"),
    "JSON": ({"json": {"file": "A heron."}}, 422, "missing_file"),
    "two files": ({"files": [("file", ("a.txt", b"A")), ("file", ("b.txt", b"B"))]}, 422, "invalid_request"),
    "a broken form": (
        {"content": b"no boundary", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        400,
        "bad_request",
    ),
    "metadata that is no JSON": ({"files": FILE, "data": {"metadata": "{year: 2026}"}}, 422, "invalid_metadata"),
    "metadata that is no object": ({"files": FILE, "data": {"metadata": "[1]"}}, 422, "invalid_metadata"),
    "metadata with a NUL": ({"files": FILE, "data": {"metadata": '{"a": "\\u0000"}'}}, 422, "invalid_metadata"),
    "metadata with half a character": (
        {"files": FILE, "data": {"metadata": '{"a": "\\ud800"}'}},
        422,
        "invalid_metadata",
    ),
    "metadata with no number": ({"files": FILE, "data": {"metadata": '{"a": NaN}'}}, 422, "invalid_metadata"),
    "metadata with too great a number": (
        {"files": FILE, "data": {"metadata": '{"a": 1e999}'}},
        422,
        "invalid_metadata",
    ),
    "metadata without a floor": (
        {"files": FILE, "data": {"metadata": '{"a":' + "[" * 50_000}},
        422,
        "invalid_metadata",
    ),
    "an unknown priority": ({"files": FILE, "data": {"priority": "urgent"}}, 422, "invalid_request"),
    "too long a field": ({"files": FILE, "data": {"metadata": " " * 70_000}}, 413, "payload_too_large"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_accepted_is_refused_with_a_code(shared_stack: Stack, agent: int, what: str) -> None:
    blobs = shared_stack.settings.data_dir / "blobs"
    before = list_files(blobs)
    request, status, code = REFUSED[what]
    check_problem(send(shared_stack, agent, **request), status, code)
    assert count_documents(shared_stack, agent) == 0
    assert list_files(blobs) <= before


def test_an_upload_for_an_agent_that_is_not_there_is_a_404(shared_stack: Stack) -> None:
    check_problem(send(shared_stack, 999_999_999, files=FILE), 404, "not_found")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\notes\\heron.txt", "heron.txt"),
        ("Übersicht 白鷺 🦢.txt", "Übersicht 白鷺 🦢.txt"),
        ("a;b='c'.txt", "a;b='c'.txt"),
        ("x" * 300 + ".txt", "x" * 251 + ".txt"),
    ],
)
def test_a_filename_is_kept_but_leads_nowhere(shared_stack: Stack, agent: int, given: str, kept: str) -> None:
    upload = shared_stack.upload(agent, given, b"A heron.")
    assert upload["filename"] == kept
    assert shared_stack.get(f"/documents/{upload['document_id']}")["filename"] == kept
    content = shared_stack.client.get(f"/documents/{upload['document_id']}/content")
    assert content.content == b"A heron."
    disposition = content.headers["content-disposition"]
    assert disposition.startswith("attachment; filename*=UTF-8''")
    assert disposition.isascii()


@pytest.mark.parametrize(
    ("raw", "kept"), [('a\\"b.txt', 'a"b.txt'), ("a%22b.txt", "a%22b.txt"), ("a\x00b.txt", "ab.txt")]
)
def test_odd_characters_in_a_filename_do_no_harm(shared_stack: Stack, agent: int, raw: str, kept: str) -> None:
    form = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{raw}"\r\n\r\nA heron.\r\n--x--\r\n'
    response = send(
        shared_stack, agent, content=form.encode(), headers={"Content-Type": "multipart/form-data; boundary=x"}
    )
    assert (response.status_code, response.json().get("filename")) in {(202, kept), (400, None)}


def test_a_body_that_breaks_off_leaves_nothing(shared_stack: Stack, agent: int) -> None:
    incoming = shared_stack.settings.data_dir / "blobs" / ".incoming"
    head = (
        f"POST /api/v1/documents/agent/{agent}/upload HTTP/1.1\r\nHost: sluice\r\nAuthorization: Bearer {KEY}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    )
    with socket.create_connection(("127.0.0.1", shared_stack.port)) as connection:
        connection.sendall(head.encode() + b"heron " * 400_000)
        wait_for(lambda: list_files(incoming), "the first bytes to reach the disk")
    wait_for(lambda: not list_files(incoming), "the rest of the upload to be dropped")
    assert count_documents(shared_stack, agent) == 0


def test_a_collection_is_an_agent_made_on_first_use(shared_stack: Stack) -> None:
    def upload() -> tuple[httpx.Response, dict[str, Any]]:
        data = {"collection": "River Notes", "metadata": json.dumps({"kind": "note"})}
        response = shared_stack.client.post("/documents/upload", files={"file": ("note.txt", b"A heron.")}, data=data)
        return response, response.json()

    response, first = upload()
    assert response.status_code == 202
    assert response.headers["location"] == f"/api/v1/tasks/{first['task_id']}"
    assert first == {
        "task_id": first["task_id"],
        "document_id": first["document_id"],
        "filename": "note.txt",
        "collection": "river-notes",
        "status": "PENDING",
        "message": "Document uploaded successfully and queued for processing",
    }
    _, second = upload()
    tasks = shared_stack.finish([first["task_id"], second["task_id"]])
    assert [task["state"] for task in tasks] == ["SUCCESS", "SUCCESS"]
    assert len({task["agent_id"] for task in tasks}) == 1
    assert shared_stack.get(f"/agents/{tasks[0]['agent_id']}")["slug"] == "river-notes"
