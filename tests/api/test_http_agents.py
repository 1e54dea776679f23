"""Agents over HTTP: created, updated and rejected."""

from typing import Any
from uuid import uuid4

import pytest

from tests.api.checks import check_problem
from tests.running import Stack

DEFAULTS = {"chunk_size": 1000, "chunk_overlap": 200, "chunker": "sentence", "weight": 1, "max_in_flight": None}


def test_an_agent_is_made_shown_and_changed_and_keeps_the_rest(shared_stack: Stack) -> None:
    slug = f"support-{uuid4().hex[:8]}"
    response = shared_stack.client.post("/agents", json={"name": "Support", "slug": slug})
    made = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/api/v1/agents/{made['id']}"
    assert (made["name"], made["slug"], made["settings"]) == ("Support", slug, DEFAULTS)
    path = f"/agents/{made['id']}"
    assert shared_stack.get(path) == made

    changed = shared_stack.client.patch(path, json={"settings": {"chunk_size": 800, "max_in_flight": 3}}).json()
    assert changed["settings"] == DEFAULTS | {"chunk_size": 800, "max_in_flight": 3}
    assert (changed["name"], changed["slug"], changed["created_at"]) == ("Support", slug, made["created_at"])
    assert changed["updated_at"] > made["updated_at"]
    changed = shared_stack.client.patch(path, json={"name": "Help", "settings": {"max_in_flight": None}}).json()
    assert changed["settings"] == DEFAULTS | {"chunk_size": 800}
    assert changed["name"] == "Help"
    assert shared_stack.get(path) == changed


def test_a_list_may_be_of_one_slug(shared_stack: Stack) -> None:
    slug = f"found-{uuid4().hex[:8]}"
    made = shared_stack.post("/agents", {"name": "Found", "slug": slug})
    found = shared_stack.get("/agents", slug=slug)
    assert (found["agents"], found["total"]) == ([made], 1)
    assert shared_stack.get("/agents", slug=f"{slug}-other")["agents"] == []


def test_a_slug_that_is_taken_is_a_conflict_but_a_name_is_numbered(shared_stack: Stack) -> None:
    name = f"Lock Keeper {uuid4().hex[:8]}"
    slugs = [shared_stack.post("/agents", {"name": name})["slug"] for _ in range(3)]
    base = name.lower().replace(" ", "-")
    assert slugs == [base, f"{base}-2", f"{base}-3"]
    client = shared_stack.client
    check_problem(client.post("/agents", json={"name": "Other", "slug": base}), 409, "slug_taken")
    other = shared_stack.make_agent()
    check_problem(client.patch(f"/agents/{other}", json={"slug": base}), 409, "slug_taken")
    agent = next(one["id"] for one in shared_stack.get("/agents")["agents"] if one["slug"] == base)
    shared_stack.delete(f"/agents/{agent}")
    assert shared_stack.post("/agents", {"name": "Again", "slug": base})["slug"] == base


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": "  "},
        {"name": "A", "slug": "Not A Slug"},
        {"name": "A", "slug": "../x"},
        {"name": "A", "settings": {"chunk_size": 99}},
        {"name": "A", "settings": {"chunk_size": "many"}},
        {"name": "A", "settings": {"chunk_overlap": -1}},
        {"name": "A", "settings": {"chunk_size": 300, "chunk_overlap": 200}},
        {"name": "A", "settings": {"chunker": "magic"}},
        {"name": "A", "settings": {"weight": 0}},
        {"name": "A", "settings": {"max_in_flight": 0}},
        {"name": "A", "settings": {"chunksize": 500}},
        ["A"],
    ],
)
def test_an_agent_that_makes_no_sense_is_refused(shared_stack: Stack, body: Any) -> None:
    check_problem(shared_stack.client.post("/agents", json=body), 422, "invalid_request")


@pytest.mark.parametrize("body", [{"name": "a\x00b"}, {"name": "A", "settings": {"max_in_flight": 10**12}}])
def test_what_no_database_can_hold_is_the_callers_mistake(shared_stack: Stack, body: Any) -> None:
    check_problem(shared_stack.client.post("/agents", json=body), 422, "unstorable_value")


@pytest.mark.parametrize(
    "body", [{"settings": {"chunk_overlap": 900}}, {"settings": {"weight": None}}, {"name": ""}, {"slug": "A B"}]
)
def test_a_change_that_makes_no_sense_is_refused(shared_stack: Stack, agent: int, body: Any) -> None:
    before = shared_stack.get(f"/agents/{agent}")
    check_problem(shared_stack.client.patch(f"/agents/{agent}", json=body), 422, "invalid_request")
    assert shared_stack.get(f"/agents/{agent}") == before
