"""The files within a document, such as the attachments of a mail, become children of its task."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.deadlines import wait_for
from tests.flows.mails import make_mail
from tests.flows.site import serve
from tests.flows.zips import make_zip
from tests.pipeline.documents import draw_line
from tests.pipeline.pdf_files import build_pdf
from tests.pipeline.test_pdf_attachments import embed
from tests.running import Stack

TEXT = "Please read the tolls that are attached."
TWO = {"weir.txt": b"The weir is closed in March.", "tolls.csv": b"ship,toll\nHalcyon,41\n"}
LOGO = b"\x89PNG\r\n\x1a\n" + bytes(100)


def send(stack: Stack, agent: int, content: bytes, name: str = "tolls.eml", **fields: str) -> dict[str, Any]:
    """Upload a document and wait until its task has ended."""
    accepted = stack.upload(agent, name, content, **fields)
    [task] = stack.finish([accepted["task_id"]])
    return task


def list_children(stack: Stack, task: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The children of a task by file name."""
    children = stack.get("/tasks/", parent_id=task["task_id"], limit=1000)["tasks"]
    return {child["metadata"]["filename"]: child for child in children}


def find(stack: Stack, agent: int, query: str) -> list[str]:
    """The names of the documents that have all words of the query."""
    hits = stack.post(f"/agents/{agent}/search", {"query": query, "mode": "text"})["results"]
    return [hit["filename"] for hit in hits if hit["score"] > 0]


def list_blobs(stack: Stack, task: dict[str, Any]) -> list[str]:
    """The files stored for the attachments of a task's document."""
    stem = task["task_id"].replace("-", "")
    return [path.name for path in (stack.settings.data_dir / "blobs").rglob(f"{stem}-*")]


@contextmanager
def paused(stack: Stack, queue: str) -> Iterator[None]:
    stack.post(f"/queues/{queue}/pause")
    try:
        yield
    finally:
        stack.post(f"/queues/{queue}/resume")


def test_each_attachment_of_a_mail_is_a_document_that_says_where_it_comes_from(shared_stack: Stack, agent: int) -> None:
    task = send(shared_stack, agent, make_mail(TEXT, TWO), metadata='{"year": 2026}')
    assert (task["state"], task["current"], task["error"]) == ("SUCCESS", 100, None)
    assert task["counts"] == {"total": 2, "pending": 0, "running": 0, "succeeded": 2, "failed": 0, "revoked": 0}
    assert (task["result"]["document_id"], task["result"]["succeeded"]) == (task["document_id"], 2)
    assert task["result"]["chunk_count"] == task["chunk_count"] == 1
    children = list_children(shared_stack, task)
    assert children.keys() == TWO.keys()
    document = shared_stack.get(f"/documents/{children['tolls.csv']['document_id']}")
    assert (document["status"], document["media_type"]) == ("completed", "text/csv")
    origin = {"parent_document_id": task["document_id"], "parent_filename": "tolls.eml"}
    assert document["metadata"].items() >= {"year": 2026, **origin}.items()
    assert "subject" not in document["metadata"]
    assert "weir.txt" in find(shared_stack, agent, "weir closed")
    assert find(shared_stack, agent, "please attached") == ["tolls.eml"]


def test_the_mail_is_found_before_its_attachments_are_read(shared_stack: Stack, agent: int) -> None:
    shared_stack.client.patch(f"/agents/{agent}", json={"settings": {"max_in_flight": 1}}).raise_for_status()
    accepted = shared_stack.upload(agent, "tolls.eml", make_mail(TEXT, TWO), priority="low")
    path = f"/tasks/{accepted['task_id']}"
    with paused(shared_stack, "high_priority"):
        wait_for(lambda: shared_stack.get(path)["counts"], "the mail to be read")
        assert find(shared_stack, agent, "please attached") == ["tolls.eml"]
        assert shared_stack.get(f"/documents/{accepted['document_id']}")["status"] == "completed"
    shared_stack.finish([accepted["task_id"]])


def test_an_attachment_that_cannot_be_read_fails_by_itself(shared_stack: Stack, agent: int) -> None:
    files = {**TWO, "logo.png": LOGO, "broken.pdf": b"%PDF-1.7\nnothing", "empty.txt": b""}
    task = send(shared_stack, agent, make_mail(TEXT, files))
    assert (task["state"], task["error"], task["current"]) == ("SUCCESS", None, 100)
    codes = {failure["filename"]: failure["code"] for failure in task["result"]["failures"]}
    assert codes["logo.png"] == "unsupported_type"
    assert codes["broken.pdf"] == "document_damaged"
    assert task["counts"]["succeeded"] == 2


def test_a_mail_whose_only_attachment_fails_succeeds(shared_stack: Stack, agent: int) -> None:
    task = send(shared_stack, agent, make_mail(TEXT, {"broken.pdf": b"%PDF-1.7\nnothing"}))
    assert (task["state"], task["counts"]["failed"], task["error"]) == ("SUCCESS", 1, None)
    assert shared_stack.get(f"/documents/{task['document_id']}")["status"] == "completed"


def test_a_mail_without_readable_attachments_has_no_children(shared_stack: Stack, agent: int) -> None:
    task = send(shared_stack, agent, make_mail(TEXT, {"logo.png": LOGO}))
    assert (task["state"], task["counts"]) == ("SUCCESS", None)
    assert [failure["code"] for failure in task["result"]["failures"]] == ["unsupported_type"]
    assert shared_stack.get("/documents", agent_id=agent)["total"] == 1
    assert list_blobs(shared_stack, task) == []


def test_an_archive_in_a_mail_is_unpacked(shared_stack: Stack, agent: int) -> None:
    task = send(shared_stack, agent, make_mail(TEXT, {"files.zip": make_zip({"leaf.txt": b"The innermost leaf."})}))
    archive = list_children(shared_stack, task)["files.zip"]
    assert (archive["task_name"], archive["state"]) == ("app.tasks.document_tasks.process_archive", "SUCCESS")
    assert list_children(shared_stack, archive).keys() == {"leaf.txt"}
    assert find(shared_stack, agent, "innermost leaf") == ["leaf.txt"]


def test_a_mail_in_an_archive_has_its_attachments(shared_stack: Stack, agent: int) -> None:
    parent = send(shared_stack, agent, make_zip({"tolls.eml": make_mail(TEXT, TWO)}), "mails.zip")
    mail = list_children(shared_stack, parent)["tolls.eml"]
    assert (parent["state"], mail["state"]) == ("SUCCESS", "SUCCESS")
    assert list_children(shared_stack, mail).keys() == TWO.keys()


def test_attachments_of_attachments_are_read_to_a_depth(shared_stack: Stack, agent: int) -> None:
    mail = make_mail("Level 5.", {"leaf.txt": b"The innermost leaf."})
    for level in (4, 3, 2, 1):
        mail = make_zip({"inner.eml": mail})
        mail = make_mail(f"Level {level}.", {f"level-{level}.zip": mail, f"{level}.txt": f"Note {level}.".encode()})
    task = send(shared_stack, agent, mail)
    assert task["state"] == "SUCCESS"
    names = {document["filename"] for document in shared_stack.get("/documents", agent_id=agent)["documents"]}
    assert "inner.eml" in names
    assert "leaf.txt" not in names


def test_a_file_within_a_pdf_is_a_child(shared_stack: Stack, agent: int) -> None:
    catalog, objects = embed("tolls.csv")
    data = build_pdf(draw_line(72, 700, "The tolls are in the files within."), catalog=catalog, objects=objects)
    task = send(shared_stack, agent, data, "tolls.pdf")
    [child] = list_children(shared_stack, task).values()
    assert (task["state"], child["state"], child["metadata"]["filename"]) == ("SUCCESS", "SUCCESS", "tolls.csv")


def test_a_file_within_the_page_of_an_address_is_a_child(shared_stack: Stack, agent: int) -> None:
    catalog, objects = embed("tolls.csv")
    data = build_pdf(draw_line(72, 700, "The tolls are in the files within."), catalog=catalog, objects=objects)
    with serve({"/tolls.pdf": (200, {"Content-Type": "application/pdf"}, data)}.get) as site:
        accepted = shared_stack.post(f"/documents/agent/{agent}/webpage", {"url": f"{site.url}/tolls.pdf"})
        [task] = shared_stack.finish([accepted["task_id"]])
    assert (task["state"], task["counts"]["succeeded"]) == ("SUCCESS", 1)


def test_a_large_mail_has_its_attachments_too(shared_stack: Stack, agent: int) -> None:
    shared_stack.client.patch(f"/agents/{agent}", json={"settings": {"chunk_size": 100, "chunk_overlap": 0}})
    long = "\n\n".join(f"Heron {number} stands at the weir of the river, and waits there." for number in range(150))
    task = send(shared_stack, agent, make_mail(long, {**TWO, "broken.pdf": b"%PDF-1.7\nnothing"}))
    assert (task["state"], task["error"]) == ("SUCCESS", None)
    assert task["result"]["chunk_count"] > 60
    children = list_children(shared_stack, task)
    assert {children[name]["state"] for name in TWO} == {"SUCCESS"}
    assert children["broken.pdf"]["state"] == "FAILURE"
    assert "weir.txt" in find(shared_stack, agent, "closed March")
    held = "SELECT id FROM tasks WHERE document_id = $1 AND arguments::text LIKE '%broken.pdf%'"
    assert shared_stack.fetch(held, task["document_id"]) == [], "names of attachments outlive their documents"


@pytest.mark.parametrize("again", ["/tasks/{task_id}/retry", "/documents/{document_id}/reindex"])
def test_a_mail_that_is_processed_again_makes_no_second_set(shared_stack: Stack, agent: int, again: str) -> None:
    mail = make_mail(TEXT, {**TWO, "logo.png": LOGO})
    task = send(shared_stack, agent, mail)
    before = shared_stack.get("/documents", agent_id=agent)["documents"]
    accepted = shared_stack.post(again.format(**task))
    [second] = shared_stack.finish([accepted["task_id"]])
    assert (second["state"], second["counts"]["succeeded"]) == ("SUCCESS", 2)
    after = shared_stack.get("/documents", agent_id=agent)["documents"]
    completed = [one["id"] for one in before if one["status"] == "completed"]
    assert [one["id"] for one in after if one["status"] == "completed"] == completed
    assert shared_stack.upload(agent, "again.eml", mail)["duplicate_of"] == task["document_id"]


def test_the_same_attachment_of_two_mails_is_one_document(shared_stack: Stack, agent: int) -> None:
    first = send(shared_stack, agent, make_mail(TEXT, TWO))
    second = send(shared_stack, agent, make_mail("Another mail.", TWO), "second.eml")
    children = list_children(shared_stack, second)
    assert {child["result"]["duplicate_of"] for child in children.values()} == {
        child["document_id"] for child in list_children(shared_stack, first).values()
    }
    assert list_blobs(shared_stack, second) == []


def test_a_cancelled_mail_takes_its_waiting_attachments_with_it(shared_stack: Stack, agent: int) -> None:
    shared_stack.client.patch(f"/agents/{agent}", json={"settings": {"max_in_flight": 1}}).raise_for_status()
    files = {f"{number}.rtf": b"{\\rtf1 Entry %d.}" % number for number in range(60)}
    task_id = shared_stack.upload(agent, "many.eml", make_mail(TEXT, files))["task_id"]
    wait_for(lambda: shared_stack.get(f"/tasks/{task_id}")["counts"], "the mail to be read")
    assert shared_stack.client.delete(f"/tasks/{task_id}").status_code in {200, 202}
    [task] = shared_stack.finish([task_id], seconds=20)
    assert (task["state"], task["counts"]["pending"], task["counts"]["running"]) == ("REVOKED", 0, 0)
    assert task["counts"]["revoked"] > 0
    assert set(find(shared_stack, agent, "please attached")) == {"many.eml"}
    [again] = shared_stack.finish([shared_stack.post(f"/tasks/{task_id}/retry")["task_id"]], seconds=120)
    assert (again["state"], again["counts"]["succeeded"]) == ("SUCCESS", 60)


def test_a_deleted_mail_leaves_its_attachments_without_its_name(shared_stack: Stack, agent: int) -> None:
    task = send(shared_stack, agent, make_mail(TEXT, TWO), "secret-name.eml")
    children = list_children(shared_stack, task)
    shared_stack.finish([shared_stack.delete(f"/documents/{task['document_id']}")["task_id"]])
    documents = shared_stack.get("/documents", agent_id=agent)["documents"]
    assert {document["filename"] for document in documents} == children.keys()
    assert all("parent_filename" not in document["metadata"] for document in documents)
    assert {document["metadata"]["parent_document_id"] for document in documents} == {task["document_id"]}
    assert find(shared_stack, agent, "weir closed") == ["weir.txt"]
