"""A repository becomes one specification, a document, and its source files become documents of their own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.api.checks import check_problem
from tests.flows.repositories import CLAIMS, DOCUMENTS, GATES, OVERVIEW, SOURCES
from tests.flows.site import Page, serve
from tests.flows.zips import make_zip
from tests.pipeline.tars import make_tar
from tests.running import Stack

_NAME = "app.tasks.spec_tasks.generate_specs"
_LAST_STEP = "app.tasks.spec_tasks.write_specs"
_GATE_PATH = "weir-main/weir/gates.py"


def send(stack: Stack, agent: int, archive: bytes, name: str = "weir.zip", **form: str) -> dict[str, Any]:
    """Submit an archive and wait until its task has ended."""
    response = stack.client.post(f"/agents/{agent}/specs", files={"file": (name, archive)}, data=form)
    assert response.status_code == 202, response.text
    assert response.headers["location"] == f"/api/v1/tasks/{response.json()['task_id']}"
    [task] = stack.finish([response.json()["task_id"]])
    return task


def list_documents(stack: Stack, agent: int) -> dict[str, dict[str, Any]]:
    """The agent's documents by name; no name occurs twice."""
    documents = stack.get("/documents", agent_id=agent, limit=1000)["documents"]
    named = {document["filename"]: document for document in documents}
    assert len(named) == len(documents)
    return named


def list_children(stack: Stack, task: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The children of a task, the oldest first."""
    return sorted(stack.get("/tasks/", parent_id=task["task_id"])["tasks"], key=lambda child: child["task_id"])


def list_stages(task: Mapping[str, Any]) -> list[str]:
    """The stages of a task's own work."""
    return [stage["name"] for stage in task["stages"] if stage["name"] not in {"queue", "start"}]


def count_blobs(stack: Stack) -> int:
    """The number of files in storage."""
    return sum(path.is_file() for path in (stack.settings.data_dir / "blobs").rglob("*"))


def read_text(stack: Stack, document: Mapping[str, Any]) -> str:
    """The stored file of a document."""
    text: str = stack.client.get(f"/documents/{document['id']}/content").text
    return text


def test_a_repository_becomes_a_specification_and_its_files_become_documents(shared_stack: Stack, agent: int) -> None:
    before = count_blobs(shared_stack)
    task = send(shared_stack, agent, make_zip(SOURCES), spec_type="Repository Overview", metadata='{"year": 2026}')
    assert (task["task_name"], task["queue"]) == (_NAME, "low_priority")
    assert (task["state"], task["current"], task["counts"]["succeeded"]) == ("SUCCESS", 100, 6)
    [*children, last] = list_children(shared_stack, task)
    assert (len(children), last["task_name"]) == (5, _LAST_STEP)
    assert last["started_at"] > max(child["completed_at"] for child in children), "the files come first"
    assert [list_stages(one) for one in (task, last)] == [["load", "index"], ["index", "analyse", "write"]]
    result = task["result"]
    assert (result["total"], result["failed"], result["failures"]) == (6, 0, [])
    assert (result["spec_type"], result["mode"], result["files"], result["skipped_files"]) == (
        "overview",
        "plain",
        6,
        2,
    )
    assert (result["title"], result["languages"]["Python"]) == ("weir: Repository Overview", 19)
    documents = list_documents(shared_stack, agent)
    assert documents.keys() == DOCUMENTS
    specification = documents[OVERVIEW]
    assert (specification["id"], specification["status"]) == (result["document_id"], "completed")
    assert specification["metadata"].items() >= {"spec_type": "overview", "repository": "weir", "year": 2026}.items()
    text = read_text(shared_stack, specification)
    assert text == result["markdown"]
    assert [claim for claim in CLAIMS if claim not in text] == []
    assert count_blobs(shared_stack) == before + len(DOCUMENTS), "the archive is deleted"


def test_search_finds_the_specification_and_the_code(shared_stack: Stack, agent: int) -> None:
    send(shared_stack, agent, make_zip(SOURCES))
    found = shared_stack.post(f"/agents/{agent}/search", {"query": "Open the gate by so many metres"})["results"]
    assert found[0]["filename"] == "weir/weir/gates.py"
    specification = list_documents(shared_stack, agent)[OVERVIEW]["id"]
    assert found[0]["metadata"]["parent_document_id"] == specification
    found = shared_stack.post(f"/agents/{agent}/search", {"query": "licences and entry points of weir"})["results"]
    assert OVERVIEW in {hit["filename"] for hit in found}


@pytest.mark.parametrize(
    ("spec_type", "title", "claims"),
    [
        ("api", "API reference", ["- class `class Gate` - A gate of the weir. (`weir/gates.py:6-10`)"]),
        (
            "architecture",
            "Architecture",
            ['p0["weir"]', "p0 --> p1", "`weir` imports `weir/gauges` (`weir/gates.py:3`)", "No packages import each"],
        ),
    ],
)
def test_each_type_has_its_own_document(
    shared_stack: Stack, agent: int, spec_type: str, title: str, claims: list[str]
) -> None:
    send(shared_stack, agent, make_zip(SOURCES), index_first="false")
    task = send(shared_stack, agent, make_zip(SOURCES), spec_type=spec_type, index_first="false")
    assert (task["state"], task["counts"], task["result"]["title"]) == ("SUCCESS", None, f"weir: {title}")
    documents = list_documents(shared_stack, agent)
    assert documents.keys() == {OVERVIEW, f"weir {title}.md"}
    text = read_text(shared_stack, documents[f"weir {title}.md"])
    assert [claim for claim in claims if claim not in text] == []


def test_a_later_archive_replaces_the_specification_and_the_files_that_changed(shared_stack: Stack, agent: int) -> None:
    send(shared_stack, agent, make_zip(SOURCES))
    first = list_documents(shared_stack, agent)
    changed = {**SOURCES, _GATE_PATH: GATES.replace(b"open", b"raise_gate")}
    task = send(shared_stack, agent, make_zip(changed))
    assert (task["state"], task["counts"]["total"]) == ("SUCCESS", 6)
    second = list_documents(shared_stack, agent)
    assert {name: document["id"] for name, document in first.items()} == {
        name: document["id"] for name, document in second.items()
    }
    renewed = {name for name in second if second[name]["completed_at"] != first[name]["completed_at"]}
    assert renewed == {OVERVIEW, "weir/weir/gates.py"}
    again = send(shared_stack, agent, make_zip(changed))
    assert again["state"] == "SUCCESS"
    assert list_documents(shared_stack, agent).keys() == DOCUMENTS


def test_an_archive_that_is_sent_twice_at_once_gives_one_specification(shared_stack: Stack, agent: int) -> None:
    files = {"file": ("weir.zip", make_zip(SOURCES))}
    answers = [shared_stack.client.post(f"/agents/{agent}/specs", files=files).json() for _ in range(3)]
    assert len({answer["document_id"] for answer in answers}) == 1
    tasks = shared_stack.finish([answer["task_id"] for answer in answers])
    assert tasks[-1]["state"] == "SUCCESS"
    assert {task["state"] for task in tasks} <= {"SUCCESS", "REVOKED"}
    assert list_documents(shared_stack, agent).keys() == DOCUMENTS


def test_a_tar_and_an_address_are_read_as_a_zip_is(shared_stack: Stack, agent: int, tmp_path: Path) -> None:
    packed = make_tar(tmp_path / "weir.tar.gz", SOURCES.items(), mode="w:gz").read_bytes()
    task = send(shared_stack, agent, packed, "weir.tar.gz", index_first="false")
    text = task["result"]["markdown"]
    assert [claim for claim in CLAIMS if claim not in text] == []
    pages: dict[str, Page] = {
        "/keeper/weir/archive/main.zip": (302, {"Location": "/files/weir-main.zip"}, b""),
        "/files/weir-main.zip": (200, {"Content-Type": "application/zip"}, make_zip(SOURCES)),
    }
    other = shared_stack.make_agent()
    with serve(pages.get) as site:
        body = {"url": f"{site.url}/keeper/weir/archive/main.zip", "spec_type": "overview"}
        accepted = shared_stack.post(f"/agents/{other}/specs", body)
        [task] = shared_stack.finish([accepted["task_id"]])
        assert (task["state"], task["result"]["markdown"]) == ("SUCCESS", text)
        assert list_documents(shared_stack, other).keys() == DOCUMENTS
        form = {"url": (None, body["url"]), "index_first": (None, "false")}
        again = shared_stack.client.post(f"/agents/{other}/specs", files=form)
        assert (again.status_code, again.json()["document_id"]) == (202, accepted["document_id"])
        shared_stack.finish([again.json()["task_id"]])


def test_a_7_zip_archive_is_read_as_a_zip_is(shared_stack: Stack, agent: int, tmp_path: Path) -> None:
    py7zr = pytest.importorskip("py7zr")
    with py7zr.SevenZipFile(tmp_path / "weir.7z", "w") as archive:
        for name, content in SOURCES.items():
            archive.writestr(content, name)
    task = send(shared_stack, agent, (tmp_path / "weir.7z").read_bytes(), "weir.7z")
    assert (task["state"], task["result"]["skipped_files"]) == ("SUCCESS", 2)
    assert [claim for claim in CLAIMS if claim not in task["result"]["markdown"]] == []
    assert list_documents(shared_stack, agent).keys() == DOCUMENTS


def test_files_that_cannot_be_read_do_not_stop_the_specification(shared_stack: Stack, agent: int) -> None:
    broken = {"weir-main/weir/broken.ipynb": b'{"cells": 7}', "weir-main/weir/lone.html": b"<p></p>"}
    task = send(shared_stack, agent, make_zip({**SOURCES, **broken}))
    assert (task["state"], task["error"]) == ("SUCCESS", None)
    failed = {one["filename"] for one in task["result"]["failures"]}
    assert failed
    assert failed <= {"weir/weir/broken.ipynb", "weir/weir/lone.html"}
    assert task["result"]["failed"] == len(failed)
    assert list_documents(shared_stack, agent)[OVERVIEW]["status"] == "completed"


def test_a_small_chunk_size_applies_to_the_specification_and_to_the_files(shared_stack: Stack, agent: int) -> None:
    task = send(shared_stack, agent, make_zip(SOURCES), chunk_size="100", batch_size="1")
    assert (task["state"], task["result"]["mode"]) == ("SUCCESS", "plain")
    for document in list_documents(shared_stack, agent).values():
        chunks = shared_stack.get(f"/documents/{document['id']}/chunks")["chunks"]
        assert max(len(chunk["text"]) for chunk in chunks) <= 100


def test_a_specification_that_has_succeeded_is_not_written_again_by_a_retry(shared_stack: Stack, agent: int) -> None:
    task = send(shared_stack, agent, make_zip(SOURCES), index_first="false")
    check_problem(shared_stack.client.post(f"/tasks/{task['task_id']}/retry"), 409, "conflict")
    document = list_documents(shared_stack, agent)[OVERVIEW]
    [again] = shared_stack.finish([shared_stack.post(f"/documents/{document['id']}/reindex")["task_id"]])
    assert again["state"] == "SUCCESS"
    assert read_text(shared_stack, document) == task["result"]["markdown"]


def test_an_archive_without_sources_fails_with_a_code(shared_stack: Stack, agent: int) -> None:
    before = count_blobs(shared_stack)
    for files in ({"logo.png": SOURCES["weir-main/logo.png"]}, {"node_modules/x/index.js": b"x"}):
        task = send(shared_stack, agent, make_zip(files), "bare.zip")
        assert (task["state"], task["error"]["code"]) == ("FAILURE", "no_source_files")
    documents = list_documents(shared_stack, agent)
    assert {document["status"] for document in documents.values()} == {"failed"}
    for document in documents.values():
        [task] = shared_stack.finish([shared_stack.client.delete(f"/documents/{document['id']}").json()["task_id"]])
        assert task["state"] == "SUCCESS"
    assert count_blobs(shared_stack) == before


def test_wrong_requests_are_refused_with_codes(shared_stack: Stack, agent: int) -> None:
    path, archive = f"/agents/{agent}/specs", {"file": ("weir.zip", make_zip(SOURCES))}
    post = shared_stack.client.post
    problem = check_problem(post(path, files=archive, data={"spec_type": "poem"}), 422, "invalid_request")
    assert "Repository Overview" in str(problem)
    check_problem(post(path, files=archive, data={"batch_size": "0"}), 422, "invalid_request")
    check_problem(post(path, files=archive, data={"depth": "1"}), 422, "invalid_request")
    check_problem(post(path, files={"file": ("a.txt", b"text")}), 415, "unsupported_type")
    check_problem(post(path, files={"index_first": (None, "true")}), 422, "missing_file")
    check_problem(post(path, json={}), 422, "invalid_request")
    check_problem(post(path, content=b"{", headers={"Content-Type": "application/json"}), 422, "invalid_request")
    check_problem(post(path, json={"url": "https://example.com/keeper/weir"}), 422, "unknown_repository")
    check_problem(post(path, json={"url": "ssh://git@github.com/keeper/weir"}), 422, "url_not_allowed")
    check_problem(post(path, json={"url": "https://10.0.0.1/weir.zip"}), 422, "url_not_allowed")
    check_problem(post("/agents/999999/specs", files=archive), 404, "not_found")
    assert list_documents(shared_stack, agent) == {}
