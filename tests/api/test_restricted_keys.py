"""What keys for some agents or some documents see and do: lists, totals, cursors, searches, answers, replays."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.api.checks import check_problem
from tests.api.isolation_world import OF_AGENT, OF_DOCUMENT, World, finish, make_world, open_client, upload
from tests.flows.zips import make_zip
from tests.running import Stack


@pytest.fixture(scope="module")
def world(shared_stack: Stack) -> Iterator[World]:
    """The organization whose resources are hidden."""
    made = make_world(shared_stack)
    yield made
    made.owner.close()


@pytest.fixture(scope="module")
def filtered(shared_stack: Stack, world: World) -> Iterator[httpx.Client]:
    """A client whose key sees two documents, one of each agent."""
    with open_client(shared_stack, world.keys["filtered"]) as client:
        yield client


@pytest.fixture(scope="module")
def bound(shared_stack: Stack, world: World) -> Iterator[httpx.Client]:
    """A client whose key sees the open agent, which has two documents."""
    with open_client(shared_stack, world.keys["bound"]) as client:
        yield client


def make_client(stack: Stack, world: World, **wanted: Any) -> httpx.Client:
    """A client with a new key of the organization."""
    made = world.owner.post("/api-keys", json={"name": "Test", **wanted}).json()
    return open_client(stack, {"Authorization": f"Bearer {made['secret']}"})


def read_pages(client: httpx.Client, path: str, plural: str) -> tuple[list[dict[str, Any]], set[int]]:
    """All items of a list, read one by one, and the totals that its pages name."""
    items, totals, after = list[dict[str, Any]](), set[int](), ""
    while True:
        page = client.get(path, params={"limit": "1", **({"after": after} if after else {})}).json()
        items += page[plural]
        totals.add(page["total"])
        if (after := page["next"]) is None:
            return items, totals


def test_lists_totals_and_cursors_have_only_documents_that_match(filtered: httpx.Client, world: World) -> None:
    documents, totals = read_pages(filtered, "/documents", "documents")
    assert {one["id"] for one in documents} == set(world.open_documents.values())
    assert totals == {2}
    tasks, totals = read_pages(filtered, "/tasks/", "tasks")
    asked = [task for task in tasks if task["document_id"] is None]
    assert {task["document_id"] for task in tasks if task not in asked} == set(world.open_documents.values())
    assert totals == {len(tasks)}
    assert filtered.get("/dead-letters").json() == {"dead_letters": [], "total": 0, "next": None}
    hidden = world.ids["document_id"]
    assert filtered.get("/documents", params={"after": hidden + 1, "status": "completed"}).json()["total"] == 2


def test_lists_totals_and_cursors_have_only_what_the_agents_of_the_key_have(bound: httpx.Client, world: World) -> None:
    agents, totals = read_pages(bound, "/agents", "agents")
    assert ([agent["id"] for agent in agents], totals) == ([world.open_agent], {1})
    for path, plural in (("/documents", "documents"), ("/tasks/", "tasks")):
        items, totals = read_pages(bound, path, plural)
        assert {item["agent_id"] for item in items} == {world.open_agent}
        assert totals == {len(items)}
        none = bound.get(path, params={"agent_id": world.ids["agent_id"]}).json()
        assert (none[plural], none["total"], none["next"]) == ([], 0, None)
    assert bound.get("/dead-letters").json()["total"] == 0
    replayed = bound.post("/dead-letters/replay", json={"filter": {}}).json()
    assert (replayed["matched"], replayed["replayed"]) == (0, 0)
    assert world.owner.get("/dead-letters").json()["total"] == 1


@pytest.mark.parametrize("mode", ["text", "vector", "hybrid"])
def test_a_search_finds_only_documents_that_match_whatever_its_own_filter_says(
    filtered: httpx.Client, world: World, mode: str
) -> None:
    hidden = world.ids["document_id"]
    agents = list(world.open_documents)
    body = {"query": "heron at dawn", "mode": mode, "neighbours": 2, "explain": True, "top_k": 100}
    for where in (None, {"type": "or", "value": [{"team": "east"}, {"team": OF_DOCUMENT}]}):
        for agent in agents:
            found = filtered.post(f"/agents/{agent}/search", json={**body, "filter": where}).json()["results"]
            assert [one["document_id"] for one in found] == [world.open_documents[agent]]
        several = filtered.post("/search", json={**body, "agents": agents, "filter": where}).json()["results"]
        assert {one["document_id"] for one in several} == set(world.open_documents.values())
    for outside in ({"document_id": hidden}, {"team": OF_DOCUMENT}, {"type": "ne", "key": "team", "value": "east"}):
        found = filtered.post(f"/agents/{agents[0]}/search", json={**body, "filter": outside}).json()
        assert found["results"] == []
    told = filtered.post(f"/agents/{agents[0]}/search", json={**body, "filter": {"type": "like"}})
    assert "team" not in check_problem(told, 422, "invalid_request")["detail"]


def test_an_answer_cites_only_documents_that_match_and_belongs_to_its_key(
    shared_stack: Stack, filtered: httpx.Client, world: World
) -> None:
    agent = world.ids["agent_id"]
    asked = filtered.post(f"/agents/{agent}/ask", json={"question": "When does the heron wait?", "top_k": 20}).json()
    task = finish(filtered, asked["task_id"])
    assert {one["document_id"] for one in task["result"]["references"]} == {world.open_documents[agent]}
    assert OF_DOCUMENT not in str(task)
    streamed = filtered.get(f"/tasks/{asked['task_id']}/events").text
    assert "event: end" in streamed
    assert OF_DOCUMENT not in streamed
    assert asked["task_id"] in {one["task_id"] for one in filtered.get("/tasks/").json()["tasks"]}
    assert world.owner.get(f"/tasks/{asked['task_id']}").status_code == 200
    with make_client(shared_stack, world, filter={"team": "east"}) as other:
        check_problem(other.get(f"/tasks/{asked['task_id']}"), 404, "not_found")
        assert asked["task_id"] not in {one["task_id"] for one in other.get("/tasks/").json()["tasks"]}
    of_owner = world.owner.post(f"/agents/{agent}/ask", json={"question": "Who waits?"}).json()["task_id"]
    check_problem(filtered.get(f"/tasks/{of_owner}"), 404, "not_found")


def test_a_stored_response_is_not_replayed_to_a_key_of_another_restriction(
    shared_stack: Stack, filtered: httpx.Client, world: World
) -> None:
    path, body = "/search", {"agents": list(world.open_documents), "query": "heron at dawn", "mode": "text"}
    headers = {"Idempotency-Key": str(uuid4())}
    everything = world.owner.post(path, json=body, headers=headers)
    assert OF_DOCUMENT in everything.text
    refused = filtered.post(path, json=body, headers=headers)
    check_problem(refused, 422, "idempotency_key_reused")
    assert OF_DOCUMENT not in refused.text
    own = {"Idempotency-Key": str(uuid4())}
    first = filtered.post(path, json=body, headers=own)
    again = filtered.post(path, json=body, headers=own)
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    with make_client(shared_stack, world, filter={"team": "east"}) as other:
        check_problem(other.post(path, json=body, headers=own), 422, "idempotency_key_reused")


def test_keys_of_the_same_agents_share_stored_responses(shared_stack: Stack, world: World) -> None:
    path, headers = f"/agents/{world.open_agent}/ask", {"Idempotency-Key": str(uuid4())}
    body = {"question": "Who waits?"}
    with (
        make_client(shared_stack, world, agent_ids=[world.open_agent]) as one,
        make_client(shared_stack, world, agent_ids=[world.open_agent]) as other,
    ):
        first = one.post(path, json=body, headers=headers).json()
        assert other.post(path, json=body, headers=headers).json() == first


def test_children_are_counted_that_the_key_sees(shared_stack: Stack, world: World, filtered: httpx.Client) -> None:
    archive = make_zip({"a.txt": b"The weir.", "b.txt": b"The lock."})
    uploaded = upload(world.owner, world.open_agent, "files.zip", archive, '{"team": "east"}')
    parent = finish(world.owner, uploaded["task_id"])
    assert parent["counts"]["total"] == 2
    [first, _] = world.owner.get("/tasks/", params={"parent_id": parent["task_id"]}).json()["tasks"]
    shared_stack.fetch('UPDATE documents SET metadata = \'{"team": "west"}\' WHERE id = $1', first["document_id"])
    seen = filtered.get("/tasks/", params={"parent_id": parent["task_id"]}).json()
    assert seen["total"] == 1
    assert filtered.get(f"/tasks/{parent['task_id']}").json()["counts"]["total"] == 1


def test_a_document_that_stops_matching_disappears_at_once(
    shared_stack: Stack, world: World, filtered: httpx.Client
) -> None:
    made = upload(world.owner, world.open_agent, "moving.txt", b"The pike moves.", '{"team": "east"}')
    finish(world.owner, made["task_id"])
    path = f"/documents/{made['document_id']}"
    assert filtered.get(path).status_code == 200
    shared_stack.fetch("UPDATE documents SET metadata = '{}' WHERE id = $1", made["document_id"])
    check_problem(filtered.get(path), 404, "not_found")
    check_problem(filtered.get(f"/tasks/{made['task_id']}"), 404, "not_found")


def test_queues_and_workers_count_only_tasks_that_the_key_sees(
    shared_stack: Stack, world: World, filtered: httpx.Client, bound: httpx.Client
) -> None:
    def read_depth(client: httpx.Client) -> int:
        queues = {queue["name"]: queue for queue in client.get("/queues").json()["queues"]}
        assert queues["low_priority"]["workers"] is None
        return int(queues["low_priority"]["depth"])

    shared_stack.post("/queues/low_priority/pause")
    try:
        made = [
            world.owner.post(
                f"/documents/agent/{agent}/upload",
                files={"file": (f"{agent}{team}.txt", f"The {team} eel of {agent}.".encode())},
                data={"metadata": f'{{"team": "{team}"}}', "priority": "low"},
            ).json()["task_id"]
            for agent, team in ((world.open_agent, "east"), (world.open_agent, "west"), (world.ids["agent_id"], "west"))
        ]
        assert [read_depth(client) for client in (world.owner, bound, filtered)] == [3, 2, 1]
    finally:
        shared_stack.post("/queues/low_priority/resume")
    for task_id in made:
        finish(world.owner, task_id)
    for client in (filtered, bound):
        assert client.get("/workers").json()["total"] == 0


def test_a_key_for_an_agent_uploads_to_it_and_creates_none(bound: httpx.Client, world: World) -> None:
    same = f"A heron of {OF_AGENT} waits at dawn.".encode()  # the hidden agent has a document of these bytes
    made = upload(bound, world.open_agent, "same.txt", same, "{}")
    assert made["duplicate_of"] is None
    file = {"files": {"file": ("a.txt", b"The eel.")}}
    for collection in ("brand-new", OF_AGENT):
        refused = bound.post("/documents/upload", data={"collection": collection}, **file)  # type: ignore[arg-type]
        check_problem(refused, 404, "not_found")
    accepted = bound.post("/documents/upload", data={"collection": "open"}, **file)  # type: ignore[arg-type]
    assert accepted.status_code == 202
    assert {agent["slug"] for agent in world.owner.get("/agents").json()["agents"]} == {OF_AGENT, "open"}


def test_a_key_for_an_agent_does_not_find_out_which_slugs_are_taken(bound: httpx.Client, world: World) -> None:
    path = f"/agents/{world.open_agent}"
    for slug in (OF_AGENT, "free-slug"):
        check_problem(bound.patch(path, json={"slug": slug}), 403, "key_restricted")
    assert bound.patch(path, json={"slug": "open", "name": "Open"}).status_code == 200


@pytest.mark.parametrize("written", ["{id}.0", "+{id}", " {id}", "0{id}"])
def test_an_agent_in_a_path_is_hidden_however_its_number_is_written(
    bound: httpx.Client, world: World, written: str
) -> None:
    path = written.format(id=world.ids["agent_id"])
    file: Mapping[str, Any] = {"files": {"file": ("a.txt", b"The eel.")}}
    response = bound.post(f"/documents/agent/{path}/upload", **file)
    assert response.status_code in {404, 422}, response.text


def test_a_stream_ends_when_its_key_is_revoked(shared_stack: Stack, world: World) -> None:
    made = world.owner.post("/api-keys", json={"name": "Streams", "scopes": ["read"]}).json()
    shared_stack.post("/queues/low_priority/pause")
    try:
        uploaded = world.owner.post(
            f"/documents/agent/{world.open_agent}/upload",
            files={"file": ("stream.txt", b"The perch.")},
            data={"priority": "low"},
        ).json()
        path = f"/tasks/{uploaded['task_id']}/events"
        with (
            open_client(shared_stack, {"Authorization": f"Bearer {made['secret']}"}) as client,
            client.stream("GET", path) as response,
        ):
            lines = response.iter_lines()
            assert next(lines) == "event: progress"
            world.owner.delete(f"/api-keys/{made['id']}").raise_for_status()
            shared_stack.post("/queues/low_priority/resume")
            finish(world.owner, uploaded["task_id"])
            assert "event: end" not in list(lines)
    finally:
        shared_stack.post("/queues/low_priority/resume")


def test_the_limit_of_a_hidden_agent_is_neither_shown_nor_used_up(bound: httpx.Client, world: World) -> None:
    path = f"/agents/{world.ids['agent_id']}"
    world.owner.put(f"{path}/limits", json={"requests_per_minute": 100}).raise_for_status()
    before = world.owner.get(path).headers["RateLimit"]
    for _ in range(3):
        refused = bound.get(path)
        check_problem(refused, 404, "not_found")
        assert "RateLimit" not in refused.headers
    after = world.owner.get(path).headers["RateLimit"]
    assert [headers.split(";")[1] for headers in (before, after)] == ["r=99", "r=98"]
    world.owner.put(f"{path}/limits", json={"requests_per_minute": None}).raise_for_status()
