"""Documents over HTTP: shown, downloaded, reindexed, deleted, searched and used for answers."""

from typing import Any

import pytest

from tests.api.checks import check_problem, list_files, make_text
from tests.running import Stack

HIT_FIELDS = {
    "agent_id",
    "document_id",
    "filename",
    "chunk_id",
    "text",
    "context",
    "snippet",
    "highlights",
    "score",
    "page",
    "start",
    "end",
    "metadata",
    "before",
    "after",
    "expanded_text",
    "explanation",
}


def search(stack: Stack, agent: int, query: str, **more: Any) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = stack.post(f"/agents/{agent}/search", {"query": query, **more})["results"]
    return results


def test_a_processed_document_tells_what_became_of_it(shared_stack: Stack, herons: dict[str, Any]) -> None:
    document = shared_stack.get(f"/documents/{herons['document_id']}")
    assert (document["status"], document["filename"]) == ("completed", "herons.txt")
    assert document["chunk_count"] == herons["chunk_count"]
    assert document["size_bytes"] == len(herons["content"])
    assert document["metadata"].items() >= {"year": 2026, "kind": "notes"}.items()
    assert document["task_id"] == herons["task_id"]
    status = shared_stack.get(f"/documents/{herons['document_id']}/status")
    assert (status["id"], status["status"], status["error"]) == (herons["document_id"], "completed", None)
    assert status["task"] == shared_stack.get(f"/tasks/{herons['task_id']}")


def test_content_is_the_upload_byte_for_byte(shared_stack: Stack, herons: dict[str, Any]) -> None:
    response = shared_stack.client.get(f"/documents/{herons['document_id']}/content")
    assert response.content == herons["content"]
    assert response.headers["x-content-type-options"] == "nosniff"


def test_chunks_are_the_slices_of_the_text_that_they_say(shared_stack: Stack, herons: dict[str, Any]) -> None:
    path = f"/documents/{herons['document_id']}"
    text = shared_stack.client.get(f"{path}/content", params={"format": "text"}).text
    chunks: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while after is not None:
        part = shared_stack.get(f"{path}/chunks", limit=3, **after)
        chunks += part["chunks"]
        if not part["next"]:
            break
        after = {"after": part["next"]}
    assert len(chunks) == part["total"] == herons["chunk_count"] > 3
    assert [chunk["ordinal"] for chunk in chunks] == list(range(len(chunks)))
    assert all(text[chunk["start"] : chunk["end"]] == chunk["text"] for chunk in chunks)
    assert all(len(chunk["text"]) <= 400 for chunk in chunks)
    assert text.split() == herons["content"].decode().split()


def test_a_reindexed_document_follows_the_agents_new_settings(shared_stack: Stack, agent: int) -> None:
    upload = shared_stack.upload(agent, "a.txt", make_text(60))
    [first] = shared_stack.finish([upload["task_id"]])
    settings = {"chunk_size": 300, "chunk_overlap": 0}
    assert shared_stack.client.patch(f"/agents/{agent}", json={"settings": settings}).is_success
    path = f"/documents/{upload['document_id']}"
    accepted = shared_stack.client.post(f"{path}/reindex")
    assert accepted.status_code == 202
    assert accepted.json()["links"]["document"] == f"/api/v1{path}"
    assert search(shared_stack, agent, "heron")
    [second] = shared_stack.finish([accepted.json()["task_id"]])
    assert (second["state"], second["task_id"] != first["task_id"]) == ("SUCCESS", True)
    assert second["chunk_count"] > 2 * first["chunk_count"]
    assert shared_stack.get(f"{path}/chunks")["total"] == second["chunk_count"]
    assert shared_stack.get(path)["task_id"] == second["task_id"]


def test_a_document_under_work_is_not_reindexed_twice(shared_stack: Stack, agent: int) -> None:
    upload = shared_stack.upload(agent, "a.txt", make_text(20_000))
    check_problem(shared_stack.client.post(f"/documents/{upload['document_id']}/reindex"), 409, "document_busy")
    shared_stack.finish([shared_stack.delete(f"/documents/{upload['document_id']}")["task_id"]])
    [task] = shared_stack.finish([upload["task_id"]])
    assert task["state"] == "REVOKED"


def test_a_deleted_document_is_gone_from_search_at_once_and_its_file_with_the_task(
    shared_stack: Stack, agent: int
) -> None:
    blobs = shared_stack.settings.data_dir / "blobs"
    before = list_files(blobs)
    kept = shared_stack.upload(agent, "kept.txt", b"The heron stays.")
    gone = shared_stack.upload(agent, "gone.txt", b"The heron flies away.")
    shared_stack.finish([kept["task_id"], gone["task_id"]])
    path = f"/documents/{gone['document_id']}"
    response = shared_stack.client.delete(path)
    assert response.status_code == 202
    for mode in ("hybrid", "vector", "text"):
        assert {hit["filename"] for hit in search(shared_stack, agent, "heron", mode=mode)} == {"kept.txt"}
    for end in ("", "/status", "/chunks", "/content"):
        check_problem(shared_stack.client.get(f"{path}{end}"), 404, "not_found")
    check_problem(shared_stack.client.delete(path), 404, "not_found")
    check_problem(shared_stack.client.post(f"{path}/reindex"), 404, "not_found")
    assert shared_stack.get("/documents", agent_id=agent)["total"] == 1
    [task] = shared_stack.finish([response.json()["task_id"]])
    assert (task["state"], task["result"]) == ("SUCCESS", {"document_id": gone["document_id"], "chunks": 1, "files": 1})
    assert len(list_files(blobs) - before) == 1
    assert shared_stack.post(f"/tasks/{gone['task_id']}/retry")["status"] == "queued"
    [retried] = shared_stack.finish([gone["task_id"]])
    assert (retried["state"], retried["error"]["code"]) == ("FAILURE", "document_deleted")


@pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
def test_search_finds_the_passage_and_says_where_it_is(shared_stack: Stack, herons: dict[str, Any], mode: str) -> None:
    hits = search(shared_stack, herons["agent_id"], "the heron number 42", mode=mode, top_k=3)
    assert 0 < len(hits) <= 3
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    if mode != "vector":
        assert "number 42 " in hits[0]["text"]
    text = shared_stack.client.get(f"/documents/{herons['document_id']}/content", params={"format": "text"}).text
    for hit in hits:
        assert hit.keys() == HIT_FIELDS
        assert (hit["document_id"], hit["filename"]) == (herons["document_id"], "herons.txt")
        assert text[hit["start"] : hit["end"]] == hit["text"]
        assert hit["snippet"] in hit["text"]
        assert 200 <= len(hit["snippet"]) <= 300
        marked = {hit["snippet"][first:last] for first, last in hit["highlights"]}
        assert "heron" in marked
        assert marked <= {"heron", "number", "42"}
        assert hit["metadata"]["year"] == 2026


def test_a_filter_narrows_the_search(shared_stack: Stack, agent: int) -> None:
    years = {}
    for year in (2025, 2026):
        metadata = f'{{"year": {year}, "tags": {{"kind": "note"}}}}'
        years[year] = shared_stack.upload(agent, f"{year}.txt", f"The heron of {year}.".encode(), metadata=metadata)
    shared_stack.finish([upload["task_id"] for upload in years.values()])

    def found(**where: Any) -> set[str]:
        return {hit["filename"] for hit in search(shared_stack, agent, "heron", filter=where)}

    assert found() == {"2025.txt", "2026.txt"}
    assert found(year=2026) == {"2026.txt"}
    assert found(tags={"kind": "note"}) == {"2025.txt", "2026.txt"}
    assert found(year=1999) == found(year="2026") == set()
    assert found(document_id=years[2025]["document_id"]) == {"2025.txt"}
    assert found(document_id=years[2025]["document_id"], year=2026) == set()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": " "},
        {"query": "x" * 2001},
        {"query": "heron", "top_k": 0},
        {"query": "heron", "top_k": 101},
        {"query": "heron", "mode": "magic"},
        {"query": "heron", "filter": [1]},
        {"query": "heron", "filter": {"document_id": "seven"}},
        {"query": "heron", "filter": {"document_id": 10**30}},
        {"query": "heron", "filter": {"a": "\x00"}},
    ],
)
def test_a_search_that_makes_no_sense_is_refused(shared_stack: Stack, agent: int, body: Any) -> None:
    response = shared_stack.client.post(f"/agents/{agent}/search", json=body)
    check_problem(response, 422, response.json()["code"])


@pytest.mark.parametrize(
    "query", ["the", "?!", "\x00 heron", "'; DROP TABLE chunks; --", "heron & | ! ( :*", "白鷺", "🦢"]
)
def test_any_text_is_a_query(shared_stack: Stack, herons: dict[str, Any], query: str) -> None:
    for mode in ("hybrid", "vector", "text"):
        search(shared_stack, herons["agent_id"], query, mode=mode)


def test_a_question_is_answered_with_its_sources(shared_stack: Stack, herons: dict[str, Any]) -> None:
    path = f"/agents/{herons['agent_id']}/ask"
    response = shared_stack.client.post(path, json={"question": "Where does the heron number 42 wait?", "top_k": 3})
    task_id = response.json()["task_id"]
    assert (response.status_code, response.headers["location"]) == (202, f"/api/v1/tasks/{task_id}")
    [task] = shared_stack.finish([task_id])
    assert [stage["name"] for stage in task["stages"]] == ["queue", "retrieval", "generate_answer"]
    answer = task["result"]
    assert (answer["mode"], answer["answered"], "42" in answer["answer"]) == ("extractive", True, True)
    assert answer["processing_time"] >= 0
    text = shared_stack.client.get(f"/documents/{herons['document_id']}/content", params={"format": "text"}).text
    for reference in answer["references"]:
        assert reference["filename"] == "herons.txt"
        assert text[reference["start"] : reference["end"]] == reference["quote"]
    for body in ({}, {"question": " "}, {"question": "Why?", "top_k": 0}):
        check_problem(shared_stack.client.post(path, json=body), 422, "invalid_request")


def test_a_question_to_an_empty_agent_ends_well(shared_stack: Stack, agent: int) -> None:
    [task] = shared_stack.finish([shared_stack.post(f"/agents/{agent}/ask", {"question": "Why?"})["task_id"]])
    assert (task["state"], task["result"]["references"], task["result"]["answered"]) == ("SUCCESS", [], False)
    assert task["result"]["answer"]


def test_a_question_that_no_document_is_about_is_not_answered(shared_stack: Stack, herons: dict[str, Any]) -> None:
    body = {"question": "What is the capital of Portugal?"}
    accepted = shared_stack.post(f"/agents/{herons['agent_id']}/ask", body)
    [task] = shared_stack.finish([accepted["task_id"]])
    answer = task["result"]
    assert (task["state"], answer["answered"], answer["references"]) == ("SUCCESS", False, [])
    assert answer["answer"].startswith("The documents do not answer this.")
