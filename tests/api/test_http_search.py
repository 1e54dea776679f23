"""Search over HTTP: several agents, neighbours and explanations."""

from typing import Any

import httpx
import pytest

from tests.api.checks import check_problem
from tests.running import Stack

PAGES = " ".join(f"Sentence {number} says nothing of birds." for number in range(1, 30))
TEXT = f"{PAGES} The heron waits at the alder gate. {PAGES}"


@pytest.fixture(scope="module")
def pair(shared_stack: Stack) -> list[dict[str, Any]]:
    """Two agents with a document each."""
    made = []
    for slug, content in (("first-of-pair", TEXT), ("second-of-pair", "A heron. " + PAGES)):
        agent = shared_stack.post("/agents", {"name": slug, "slug": slug, "settings": {"chunk_size": 400}})
        upload = shared_stack.upload(agent["id"], "a.txt", content.encode())
        shared_stack.finish([upload["task_id"]])
        made.append({**agent, "document_id": upload["document_id"]})
    return made


def test_several_agents_are_searched_by_id_or_slug(shared_stack: Stack, pair: list[dict[str, Any]]) -> None:
    first, second = pair
    body = {"agents": [first["id"], second["slug"], first["slug"]], "query": "heron alder gate", "mode": "text"}
    found = shared_stack.post("/search", body)
    places = [(hit["agent_id"], hit["document_id"]) for hit in found["results"]]
    assert places[0] == (first["id"], first["document_id"])
    assert (second["id"], second["document_id"]) in places
    scores = [hit["score"] for hit in found["results"]]
    assert scores == sorted(scores, reverse=True)
    assert found["took_ms"] > 0


def test_one_agent_gives_the_results_of_its_own_route(shared_stack: Stack, pair: list[dict[str, Any]]) -> None:
    body = {"query": "heron gate", "top_k": 3, "neighbours": 1, "explain": True}
    own = shared_stack.post(f"/agents/{pair[0]['id']}/search", body)
    assert shared_stack.post("/search", {"agents": [pair[0]["slug"]], **body})["results"] == own["results"]
    assert own["results"][0]["agent_id"] == pair[0]["id"]


def test_an_agent_that_the_organization_lacks_is_not_found(
    shared_stack: Stack, pair: list[dict[str, Any]], foreigner: httpx.Client
) -> None:
    for agents in ([pair[0]["id"], 2**62], ["no-such-agent", pair[0]["id"]]):
        response = shared_stack.client.post("/search", json={"agents": agents, "query": "heron"})
        assert "does not exist" in check_problem(response, 404, "not_found")["detail"]
    for agents in ([pair[0]["id"]], [pair[0]["slug"]]):
        check_problem(foreigner.post("/search", json={"agents": agents, "query": "heron"}), 404, "not_found")


def test_an_id_that_is_written_as_text_is_explained(shared_stack: Stack, pair: list[dict[str, Any]]) -> None:
    response = shared_stack.client.post("/search", json={"agents": [str(pair[0]["id"])], "query": "heron"})
    assert "Give an id as a number." in check_problem(response, 404, "not_found")["detail"]


@pytest.mark.parametrize("agents", [None, [], [0], [-1], [True], [1.5], ["No Slug"], "first-of-pair", [1] * 21])
def test_agents_that_are_no_list_of_references_are_refused(shared_stack: Stack, agents: Any) -> None:
    body = {"query": "heron", **({} if agents is None else {"agents": agents})}
    problem = check_problem(shared_stack.client.post("/search", json=body), 422, "invalid_request")
    assert problem["errors"][0]["field"].startswith("body.agents")


def test_neighbours_surround_a_hit(shared_stack: Stack, pair: list[dict[str, Any]]) -> None:
    body = {"query": "alder gate", "mode": "text", "top_k": 1, "neighbours": 2}
    [hit] = shared_stack.post(f"/agents/{pair[0]['id']}/search", body)["results"]
    text = shared_stack.client.get(f"/documents/{hit['document_id']}/text").json()["pages"][0]["text"]
    assert len(hit["before"]) == len(hit["after"]) == 2
    assert [chunk["start"] for chunk in hit["before"]] < [hit["start"]] < [chunk["start"] for chunk in hit["after"]]
    for chunk in [*hit["before"], *hit["after"]]:
        assert text[chunk["start"] : chunk["end"]] == chunk["text"]
        assert chunk.keys() == {"chunk_id", "text", "start", "end", "page"}
    assert hit["expanded_text"] == text[hit["before"][0]["start"] : hit["after"][-1]["end"]]
    chunks = shared_stack.get(f"/documents/{hit['document_id']}/chunks")["chunks"]
    assert {chunk["chunk_id"] for chunk in hit["before"]} < {chunk["id"] for chunk in chunks}


@pytest.mark.parametrize("neighbours", [-1, 6, "all"])
def test_the_number_of_neighbours_is_bounded(shared_stack: Stack, agent: int, neighbours: Any) -> None:
    body = {"query": "heron", "neighbours": neighbours}
    response = shared_stack.client.post(f"/agents/{agent}/search", json=body)
    assert check_problem(response, 422, "invalid_request")["errors"][0]["field"] == "body.neighbours"


def test_an_explanation_adds_up(shared_stack: Stack, pair: list[dict[str, Any]]) -> None:
    body = {"query": "heron alder", "top_k": 2, "explain": True}
    for hit in shared_stack.post(f"/agents/{pair[0]['id']}/search", body)["results"]:
        why = hit["explanation"]
        assert why["words_part"] + why["meaning_part"] == pytest.approx(hit["score"])
        assert -1 <= why["cosine"] <= 1
        assert 0 <= why["share"] <= 1
    [best] = shared_stack.post(f"/agents/{pair[0]['id']}/search", {**body, "top_k": 1})["results"]
    assert {form for word in best["explanation"]["words"] for form in word["forms"]} >= {"heron", "alder"}


def test_what_was_not_requested_is_null(shared_stack: Stack, pair: list[dict[str, Any]]) -> None:
    [hit] = shared_stack.post(f"/agents/{pair[0]['id']}/search", {"query": "alder", "top_k": 1})["results"]
    assert [hit[name] for name in ("before", "after", "expanded_text", "explanation")] == [None] * 4
