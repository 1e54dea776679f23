"""Responses at a small limit, without workers and without a broker, and the recovery afterwards."""

from collections.abc import Iterator

import httpx
import pytest

from tests.api.checks import check_problem, list_files, make_text
from tests.deadlines import deadline, wait_for
from tests.running import Stack

MEGABYTE = 1024 * 1024
HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
HEADERS = {"Content-Type": "multipart/form-data; boundary=x"}


def post_file(stack: Stack, agent: int, size: int, *, chunked: bool) -> httpx.Response:
    def stream() -> Iterator[bytes]:
        yield HEAD
        for start in range(0, size, 65_536):
            yield b"heron " * 10_923 if size - start > 65_536 else (b"heron " * 10_923)[: size - start]
        yield b"\r\n--x--\r\n"

    # Without a length, httpx sends the body chunked.
    content = stream() if chunked else b"".join([HEAD, b"a" * size, b"\r\n--x--\r\n"])
    return stack.client.post(f"/documents/agent/{agent}/upload", content=content, headers=HEADERS)


def check_that_large_files_are_refused(stack: Stack, agent: int) -> None:
    for size in (MEGABYTE + 1, MEGABYTE + MEGABYTE // 2):
        for chunked in (True, False):
            problem = check_problem(post_file(stack, agent, size, chunked=chunked), 413, "payload_too_large")
            assert problem["retryable"] is False
    assert list_files(stack.settings.data_dir / "blobs") == set()
    assert stack.get("/documents", agent_id=agent)["total"] == 0


def test_too_large_a_file_is_refused_while_it_streams_and_what_waits_can_be_cancelled(stack: Stack) -> None:
    stack.environment["MAX_UPLOAD_MB"] = "1"
    stack.start_api()
    agent = stack.make_agent()
    check_that_large_files_are_refused(stack, agent)
    accepted = post_file(stack, agent, MEGABYTE, chunked=False)
    assert accepted.status_code == 202
    large = accepted.json()
    small = stack.upload(agent, "small.txt", make_text(20))
    third = stack.upload(agent, "third.txt", b"A heron.")
    assert stack.get(f"/tasks/{small['task_id']}")["state"] == "PENDING"
    assert stack.get(f"/tasks/{small['task_id']}")["position"] >= 1
    assert stack.delete(f"/tasks/{small['task_id']}") == {
        "task_id": small["task_id"],
        "status": "cancelled",
        "message": "Task has been cancelled",
    }
    assert stack.post(f"/tasks/{large['task_id']}/revoke") == {
        "success": True,
        "task_id": large["task_id"],
        "message": "Task revoked successfully",
    }
    check_problem(stack.client.delete(f"/tasks/{small['task_id']}"), 409, "task_finished")

    stack.start_workers("high")
    [last] = stack.finish([third["task_id"]])
    assert last["state"] == "SUCCESS"  # it was queued after them, so no worker will run them any more
    for upload in (small, large):
        task = stack.get(f"/tasks/{upload['task_id']}")
        assert (task["state"], task["attempt"], task["started_at"]) == ("REVOKED", 0, None)
        assert task["completed_at"]
        assert stack.get(f"/documents/{upload['document_id']}")["status"] == "cancelled"
    assert stack.post(f"/tasks/{small['task_id']}/retry")["status"] == "queued"
    [task] = stack.finish([small["task_id"]])
    assert (task["state"], task["attempt"]) == ("SUCCESS", 1)
    assert stack.get(f"/documents/{small['document_id']}")["status"] == "completed"


def test_without_a_broker_uploads_go_in_and_readyz_names_what_is_down(stack: Stack) -> None:
    stack.environment["CELERY_BROKER_URL"] = "redis://127.0.0.1:1/0"
    stack.start_api()
    root = f"http://127.0.0.1:{stack.port}"
    assert httpx.get(f"{root}/livez", trust_env=False).status_code == 200
    ready = httpx.get(f"{root}/readyz", trust_env=False, timeout=deadline(30))
    assert (ready.status_code, ready.json()["down"]) == (503, ["broker"])
    assert ready.headers["retry-after"]
    upload = stack.upload(stack.make_agent(), "note.txt", b"A heron.")
    assert upload["status"] == "queued"
    assert stack.get(f"/tasks/{upload['task_id']}")["state"] == "PENDING"

    stack.stop(stack.api)
    del stack.environment["CELERY_BROKER_URL"]
    stack.start_api()
    stack.start_workers("high")
    [task] = stack.finish([upload["task_id"]])
    assert task["state"] == "SUCCESS"


@pytest.mark.parametrize("path", ["livez", "readyz", "version"])
def test_health_needs_no_key(shared_stack: Stack, path: str) -> None:
    url = f"http://127.0.0.1:{shared_stack.port}/{path}"
    response = wait_for(lambda: httpx.get(url, trust_env=False), "an answer")
    assert response.status_code == 200
    body = response.json()
    if path == "readyz":
        assert (body["status"], body["down"]) == ("ready", [])
        assert body["workers"] == 4
    assert "127.0.0.1" not in response.text
