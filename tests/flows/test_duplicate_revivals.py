"""A document whose task runs again counts as the agent's document of its bytes, whatever happened in between."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import httpx
import pytest

from tests.api.checks import check_problem
from tests.flows.site import html, serve
from tests.flows.zips import make_zip
from tests.running import Stack

BROKEN = b"%PDF-1.7\nbroken"
_numbers = count()


@pytest.fixture(autouse=True)
def paused(shared_stack: Stack) -> Iterator[None]:
    """No task of ``high_priority`` is admitted during a test; those of other queues run."""
    shared_stack.post("/queues/high_priority/pause")
    yield
    shared_stack.post("/queues/high_priority/resume")


def cancel(stack: Stack, accepted: dict[str, Any]) -> None:
    stack.client.delete(f"/tasks/{accepted['task_id']}").raise_for_status()


def retry(stack: Stack, accepted: dict[str, Any]) -> httpx.Response:
    return stack.client.post(f"/tasks/{accepted['task_id']}/retry")


def upload_cancelled(stack: Stack, agent: int, content: bytes) -> dict[str, Any]:
    """Upload a document and cancel it before it is processed."""
    accepted = stack.upload(agent, f"{next(_numbers)}.txt", content)
    cancel(stack, accepted)
    return accepted


def upload_failed(stack: Stack, agent: int, content: bytes = BROKEN) -> dict[str, Any]:
    """Upload a document that fails."""
    accepted = stack.upload(agent, f"{next(_numbers)}.pdf", content, priority="low")
    stack.finish([accepted["task_id"]])
    return accepted


def count_alive(stack: Stack, agent: int) -> int:
    """The documents that search finds or will find."""
    documents = stack.get("/documents", agent_id=agent)["documents"]
    return sum(document["status"] not in {"failed", "cancelled"} for document in documents)


def check_refused(response: httpx.Response, holder: dict[str, Any]) -> None:
    """The response refuses a second document of the same bytes and names the first one."""
    assert str(holder["document_id"]) in check_problem(response, 409, "duplicate_document")["detail"]


def test_a_retried_document_is_the_one_that_a_second_upload_is_answered_with(shared_stack: Stack, agent: int) -> None:
    first = upload_cancelled(shared_stack, agent, b"One heron.")
    assert retry(shared_stack, first).status_code == 202
    again = shared_stack.upload(agent, "again.txt", b"One heron.")
    assert (again["duplicate_of"], again["task_id"]) == (first["document_id"], first["task_id"])
    form: Any = {"files": {"file": ("b.txt", b"One heron.")}, "data": {"on_duplicate": "reject"}}
    check_problem(shared_stack.client.post(f"/documents/agent/{agent}/upload", **form), 409, "duplicate_document")
    replaced = shared_stack.upload(agent, "c.txt", b"One heron.", on_duplicate="replace")
    assert replaced["document_id"] == first["document_id"]
    cancel(shared_stack, replaced)
    assert retry(shared_stack, replaced).status_code == 202
    assert shared_stack.upload(agent, "d.txt", b"One heron.")["duplicate_of"] == first["document_id"]
    check_problem(retry(shared_stack, first), 409, "conflict")
    assert count_alive(shared_stack, agent) == 1


def test_a_retry_after_a_second_upload_is_refused_as_long_as_that_document_counts(
    shared_stack: Stack, agent: int
) -> None:
    first = upload_cancelled(shared_stack, agent, b"One heron.")
    second = shared_stack.upload(agent, "second.txt", b"One heron.")
    assert second["duplicate_of"] is None
    check_refused(retry(shared_stack, first), second)
    check_refused(shared_stack.client.post(f"/documents/{first['document_id']}/reindex"), second)
    cancel(shared_stack, second)
    assert retry(shared_stack, first).status_code == 202
    check_refused(retry(shared_stack, second), first)
    shared_stack.client.delete(f"/documents/{first['document_id']}").raise_for_status()
    assert shared_stack.client.post(f"/documents/{second['document_id']}/reindex").status_code == 202
    assert shared_stack.upload(agent, "third.txt", b"One heron.")["duplicate_of"] == second["document_id"]


def test_a_retry_is_refused_when_the_second_document_is_completed(shared_stack: Stack, agent: int) -> None:
    first = upload_cancelled(shared_stack, agent, b"One heron.")
    second = shared_stack.upload(agent, "second.txt", b"One heron.", priority="low")
    shared_stack.finish([second["task_id"]])
    check_refused(retry(shared_stack, first), second)
    assert retry(shared_stack, second).status_code == 202, "its own content does not stand in its way"


def test_of_failed_documents_of_the_same_bytes_one_is_replayed(shared_stack: Stack, agent: int) -> None:
    failed = [upload_failed(shared_stack, agent) for _ in range(3)]
    assert len({one["document_id"] for one in failed}) == 3
    shared_stack.post("/queues/low_priority/pause")
    try:
        replayed = shared_stack.post("/dead-letters/replay", {"filter": {"agent_id": agent}, "dry_run": False})
        assert replayed["replayed"] == 1
        assert shared_stack.upload(agent, "again.pdf", BROKEN)["duplicate_of"] == failed[-1]["document_id"]
        check_refused(shared_stack.client.post(f"/dead-letters/{failed[0]['task_id']}/replay"), failed[-1])
        assert count_alive(shared_stack, agent) == 1
    finally:
        shared_stack.post("/queues/low_priority/resume")


def test_retries_and_uploads_of_the_same_bytes_at_once_leave_one_document(shared_stack: Stack, agent: int) -> None:
    def upload(content: bytes) -> int:
        file = {"file": ("a.txt", content)}
        return shared_stack.client.post(f"/documents/agent/{agent}/upload", files=file).status_code

    for number in range(8):
        content = f"Heron {number}.".encode()
        cancelled = [upload_cancelled(shared_stack, agent, content) for _ in range(4)]
        with ThreadPoolExecutor(6) as clients:
            answers = [clients.submit(retry, shared_stack, one) for one in cancelled[:2]]
            uploads = [clients.submit(upload, content) for _ in range(2)]
            answers += [clients.submit(retry, shared_stack, one) for one in cancelled[2:]]
        assert [one.result() for one in uploads] == [202, 202]
        assert {one.result().status_code for one in answers} <= {202, 409}
        assert count_alive(shared_stack, agent) == number + 1


def test_replays_and_reindexings_of_the_same_bytes_at_once_leave_one_document(shared_stack: Stack, agent: int) -> None:
    failed = [upload_failed(shared_stack, agent) for _ in range(6)]
    paths = [f"/dead-letters/{one['task_id']}/replay" for one in failed[:3]]
    paths += [f"/documents/{one['document_id']}/reindex" for one in failed[3:]]
    shared_stack.post("/queues/low_priority/pause")
    try:
        with ThreadPoolExecutor(6) as clients:
            answers = list(clients.map(lambda path: shared_stack.client.post(path).status_code, paths))
        assert sorted(answers) == [202] + [409] * 5
        assert count_alive(shared_stack, agent) == 1
    finally:
        shared_stack.post("/queues/low_priority/resume")


def test_an_archive_whose_entry_is_replayed_counts_as_the_document_of_its_bytes_again(
    shared_stack: Stack, agent: int
) -> None:
    archive = make_zip({"broken.pdf": BROKEN})
    first = shared_stack.upload(agent, "files.zip", archive, priority="low")
    shared_stack.finish([first["task_id"]])
    [child] = shared_stack.get("/tasks/", parent_id=first["task_id"])["tasks"]
    shared_stack.post("/queues/low_priority/pause")
    try:
        shared_stack.post(f"/dead-letters/{child['task_id']}/replay")
        assert shared_stack.upload(agent, "again.zip", archive)["duplicate_of"] == first["document_id"]
    finally:
        shared_stack.post("/queues/low_priority/resume")


def test_a_retried_batch_leaves_out_the_files_that_were_uploaded_again(shared_stack: Stack, agent: int) -> None:
    files = [("files", (f"{number}.txt", f"Heron {number}.".encode())) for number in range(2)]
    path = f"/documents/agent/{agent}/batch"
    batch = shared_stack.client.post(path, files=files, data={"priority": "high"}).json()
    cancel(shared_stack, batch)
    second = shared_stack.upload(agent, "again.txt", b"Heron 0.")
    assert retry(shared_stack, batch).status_code == 202
    children = shared_stack.get("/tasks/", parent_id=batch["task_id"])["tasks"]
    assert {child["metadata"]["filename"]: child["state"] for child in children} == {
        "0.txt": "REVOKED",
        "1.txt": "PENDING",
    }
    check_refused(retry(shared_stack, next(child for child in children if child["state"] == "REVOKED")), second)
    assert shared_stack.upload(agent, "b.txt", b"Heron 1.")["duplicate_of"] is not None


def test_a_retried_page_is_refused_when_its_address_was_added_again(shared_stack: Stack, agent: int) -> None:
    path = f"/documents/agent/{agent}/webpage"
    with serve({"/page": html("<p>The heron waits.</p>")}.get) as site:
        first = shared_stack.post(path, {"url": f"{site.url}/page"})
        cancel(shared_stack, first)
        second = shared_stack.post(path, {"url": f"{site.url}/page"})
        assert second["document_id"] != first["document_id"]
        check_refused(retry(shared_stack, first), second)
        cancel(shared_stack, second)
        assert retry(shared_stack, first).status_code == 202
        assert shared_stack.post(path, {"url": f"{site.url}/page"})["duplicate_of"] == first["document_id"]
