"""The same content of the same agent is one document; another upload can replace its content."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.api.checks import check_problem
from tests.database import fetch
from tests.deadlines import wait_for
from tests.running import Stack


def put(stack: Stack, agent: int, name: str, content: bytes, **fields: str) -> dict[str, Any]:
    """Upload, and wait until the task has ended."""
    accepted = stack.upload(agent, name, content, **fields)
    stack.finish([accepted["task_id"]])
    return accepted


def find(stack: Stack, agent: int, query: str) -> list[dict[str, Any]]:
    """The hits of a text search."""
    hits = stack.post(f"/agents/{agent}/search", {"query": query, "mode": "text"})["results"]
    return [hit for hit in hits if hit["score"] > 0]


def list_blobs(stack: Stack) -> set[str]:
    """Every stored file."""
    return {path.name for path in (stack.settings.data_dir / "blobs").rglob("*") if path.is_file()}


def test_a_second_upload_is_answered_with_the_document_that_is_there(shared_stack: Stack, agent: int) -> None:
    first = put(shared_stack, agent, "heron.txt", b"One heron.")
    stored = list_blobs(shared_stack)
    again = shared_stack.upload(agent, "renamed.txt", b"One heron.")
    assert (again["document_id"], again["task_id"]) == (first["document_id"], first["task_id"])
    assert (again["duplicate_of"], again["status"]) == (first["document_id"], "completed")
    assert first["duplicate_of"] is None
    assert shared_stack.get("/documents", agent_id=agent)["total"] == 1
    assert list_blobs(shared_stack) == stored


def test_a_duplicate_whose_task_was_forgotten_is_answered_without_a_task(shared_stack: Stack, agent: int) -> None:
    first = put(shared_stack, agent, "heron.txt", b"One heron.")
    fetch(shared_stack.settings.database_url or "", "DELETE FROM tasks WHERE id = $1", first["task_id"])
    file = {"file": ("b.txt", b"One heron.")}
    response = shared_stack.client.post(f"/documents/agent/{agent}/upload", files=file)
    again, document = response.json(), f"/api/v1/documents/{first['document_id']}"
    assert (again["document_id"], again["task_id"], again["status"]) == (first["document_id"], None, "completed")
    assert (response.status_code, response.headers["location"]) == (202, document)
    assert again["links"] == {"document": document}
    shown = [shared_stack.get(f"/documents/{first['document_id']}")]
    shown += shared_stack.get("/documents", agent_id=agent)["documents"]
    assert [one["task_id"] for one in shown] == [None, None]
    status = shared_stack.get(f"/documents/{first['document_id']}/status")
    assert (status["status"], status["task"], status["error"]) == ("completed", None, None)
    collection = {"collection": shared_stack.get(f"/agents/{agent}")["slug"]}
    response = shared_stack.client.post("/documents/upload", files=file, data=collection)
    assert (response.status_code, response.headers["location"]) == (202, document)
    assert (response.json()["document_id"], response.json()["task_id"]) == (first["document_id"], None)


def test_a_duplicate_may_be_refused(shared_stack: Stack, agent: int) -> None:
    first = put(shared_stack, agent, "heron.txt", b"One heron.")
    form: Any = {"files": {"file": ("a.txt", b"One heron.")}, "data": {"on_duplicate": "reject"}}
    response = shared_stack.client.post(f"/documents/agent/{agent}/upload", **form)
    problem = check_problem(response, 409, "duplicate_document")
    assert str(first["document_id"]) in problem["detail"]


def test_agents_know_nothing_of_each_others_documents(shared_stack: Stack, agent: int) -> None:
    first = put(shared_stack, agent, "heron.txt", b"One heron.")
    other = put(shared_stack, shared_stack.make_agent(), "heron.txt", b"One heron.")
    assert (other["duplicate_of"], other["document_id"] == first["document_id"]) == (None, False)


def test_what_failed_was_cancelled_or_is_deleted_is_no_duplicate(shared_stack: Stack, agent: int) -> None:
    broken = put(shared_stack, agent, "a.pdf", b"%PDF-1.7\nbroken")
    assert shared_stack.upload(agent, "a.pdf", b"%PDF-1.7\nbroken")["document_id"] != broken["document_id"]
    deleted = put(shared_stack, agent, "heron.txt", b"One heron.")
    shared_stack.client.delete(f"/documents/{deleted['document_id']}").raise_for_status()
    assert put(shared_stack, agent, "heron.txt", b"One heron.")["duplicate_of"] is None


def test_of_many_uploads_of_the_same_bytes_at_once_one_makes_a_document(shared_stack: Stack, agent: int) -> None:
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda n: shared_stack.upload(agent, f"{n}.txt", b"A heron for all."), range(24)))
    assert len({answer["document_id"] for answer in answers}) == 1
    assert [answer["duplicate_of"] for answer in answers].count(None) == 1


@contextmanager
def paused(stack: Stack, queue: str) -> Iterator[None]:
    stack.post(f"/queues/{queue}/pause")
    try:
        yield
    finally:
        stack.post(f"/queues/{queue}/resume")


def test_the_bytes_of_a_document_that_was_cancelled_and_retried_are_a_duplicate_while_it_waits(
    shared_stack: Stack, agent: int
) -> None:
    with paused(shared_stack, "low_priority"):
        first = shared_stack.upload(agent, "heron.txt", b"One heron.", priority="low")
        shared_stack.delete(f"/tasks/{first['task_id']}")
        shared_stack.post(f"/tasks/{first['task_id']}/retry")
        again = shared_stack.upload(agent, "heron.txt", b"One heron.", priority="low")
    assert (again["duplicate_of"], again["task_id"]) == (first["document_id"], first["task_id"])


@pytest.mark.parametrize("again", ["/dead-letters/{task_id}/replay", "/documents/{document_id}/reindex"])
def test_the_bytes_of_a_failed_document_that_is_processed_again_are_a_duplicate(
    shared_stack: Stack, agent: int, again: str
) -> None:
    failed = put(shared_stack, agent, "a.pdf", b"%PDF-1.7\nbroken")
    with paused(shared_stack, "high_priority"):
        shared_stack.post(again.format(**failed))
        assert shared_stack.upload(agent, "b.pdf", b"%PDF-1.7\nbroken")["duplicate_of"] == failed["document_id"]


def test_the_bytes_of_a_replacement_are_a_duplicate_before_it_is_processed_and_no_longer_when_it_fails(
    shared_stack: Stack, agent: int
) -> None:
    first = put(shared_stack, agent, "plan.pdf", b"One heron.")
    with paused(shared_stack, "high_priority"):
        waiting = shared_stack.upload(agent, "plan.pdf", b"%PDF-1.7\nbroken", on_duplicate="replace")
        assert shared_stack.upload(agent, "b.pdf", b"%PDF-1.7\nbroken")["duplicate_of"] == first["document_id"]
    shared_stack.finish([waiting["task_id"]])
    assert shared_stack.upload(agent, "c.txt", b"One heron.")["duplicate_of"] == first["document_id"]
    with paused(shared_stack, "high_priority"):
        assert shared_stack.upload(agent, "d.pdf", b"%PDF-1.7\nbroken")["duplicate_of"] is None


def test_replacing_gives_the_document_new_content_and_drops_the_old(shared_stack: Stack, agent: int) -> None:
    stored = list_blobs(shared_stack)
    first = put(
        shared_stack, agent, "plan.txt", b"The sluice opens at dawn.", metadata='{"year": 2025, "kind": "plan"}'
    )
    [old] = list_blobs(shared_stack) - stored  # a deletion by an earlier test may still be running
    second = put(
        shared_stack,
        agent,
        "plan.txt",
        b"The gate opens at dusk.",
        on_duplicate="replace",
        metadata='{"year": 2026}',
    )
    assert (second["document_id"], second["duplicate_of"]) == (first["document_id"], first["document_id"])
    document = shared_stack.get(f"/documents/{first['document_id']}")
    assert (document["version"], document["status"], document["metadata"]["year"]) == (2, "completed", 2026)
    assert document["metadata"]["kind"] == "plan"
    assert shared_stack.client.get(f"/documents/{first['document_id']}/content").text == "The gate opens at dusk."
    assert [hit["text"] for hit in find(shared_stack, agent, "opens")] == ["The gate opens at dusk."]
    wait_for(lambda: old not in list_blobs(shared_stack), "the old file to be deleted")
    assert put(shared_stack, agent, "again.txt", b"The gate opens at dusk.")["duplicate_of"] == first["document_id"]
    assert put(shared_stack, agent, "old.txt", b"The sluice opens at dawn.")["duplicate_of"] is None


def test_search_finds_the_old_content_until_the_new_is_whole(shared_stack: Stack, agent: int) -> None:
    put(shared_stack, agent, "plan.txt", b"The sluice opens at dawn.")
    failed = put(shared_stack, agent, "plan.txt", b"%PDF-1.7\nbroken", on_duplicate="replace")
    document = shared_stack.get(f"/documents/{failed['document_id']}")
    assert (document["status"], document["version"], document["filename"]) == ("completed", 1, "plan.txt")
    assert [hit["text"] for hit in find(shared_stack, agent, "opens")] == ["The sluice opens at dawn."]
    shared_stack.post("/queues/low_priority/pause")
    try:
        waiting = shared_stack.upload(agent, "plan.txt", b"The gate opens.", on_duplicate="replace", priority="low")
        assert [hit["text"] for hit in find(shared_stack, agent, "opens")] == ["The sluice opens at dawn."]
    finally:
        shared_stack.post("/queues/low_priority/resume")
    shared_stack.finish([waiting["task_id"]])
    assert [hit["text"] for hit in find(shared_stack, agent, "opens")] == ["The gate opens."]


def test_a_deleted_document_leaves_no_file_behind_not_even_of_versions_that_failed(
    shared_stack: Stack, agent: int
) -> None:
    stored = list_blobs(shared_stack)
    first = put(shared_stack, agent, "plan.txt", b"The sluice opens.")
    put(shared_stack, agent, "plan.txt", b"%PDF-1.7\nbroken", on_duplicate="replace")
    assert len(list_blobs(shared_stack) - stored) == 2
    answer: httpx.Response = shared_stack.client.delete(f"/documents/{first['document_id']}")
    [task] = shared_stack.finish([answer.json()["task_id"]])
    assert (task["state"], task["result"]["files"]) == ("SUCCESS", 2)
    assert list_blobs(shared_stack) <= stored, "an earlier test's file may have been deleted"


def test_a_failed_replacement_cannot_undo_a_later_one(shared_stack: Stack, agent: int) -> None:
    put(shared_stack, agent, "plan.txt", b"The first plan.")
    failed = put(shared_stack, agent, "plan.txt", b"%PDF-1.7\nbroken", on_duplicate="replace")
    last = put(shared_stack, agent, "plan.txt", b"The last plan.", on_duplicate="replace")
    check_problem(shared_stack.client.post(f"/dead-letters/{failed['task_id']}/replay"), 409, "document_busy")
    check_problem(shared_stack.client.post(f"/tasks/{failed['task_id']}/retry"), 409, "conflict")
    content = shared_stack.client.get(f"/documents/{last['document_id']}/content")
    assert content.text == "The last plan."
