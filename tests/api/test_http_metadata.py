"""Metadata is bounded on every route that takes it; what an earlier release stored is served all the same."""

import json
from typing import Any

import httpx
import pytest

from tests.api.checks import check_problem
from tests.database import execute
from tests.running import Stack

FILE = ("a.txt", b"The heron waits at the weir.")


def nest(depth: int) -> str:
    """The text of an object of objects."""
    return '{"a":' * (depth - 1) + '{"b":1}' + "}" * (depth - 1)


BAD = {
    "nested too deeply": nest(17),
    "nested very deeply": nest(256),
    "lists nested very deeply": '{"a":' + "[" * 300 + "]" * 300 + "}",
    "too long": json.dumps({"a": "x" * 64 * 1024}),
    "a huge number": '{"a":' + "9" * 30 + "}",
    "a number of thousands of digits": '{"a":' + "9" * 5000 + "}",
    "no number": '{"a":NaN}',
    "an infinite number": '{"a":-Infinity}',
    "a number that becomes infinite": '{"a":1e999}',
    "a NUL": '{"a":"\\u0000"}',
    "a NUL in a name": '{"\\u0000":1}',
    "half a character": '{"a":"\\ud800"}',
}
ROUTES = ("upload", "batch", "collection", "webpage", "crawl", "search")


def send(stack: Stack, agent: int, route: str, metadata: str) -> httpx.Response:
    """Send metadata, as JSON text, to a route that takes it."""
    body = f'"metadata": {metadata}}}'
    of_agent = f"/documents/agent/{agent}"
    form: dict[str, Any] = {"data": {"metadata": metadata}}
    as_json = {"headers": {"content-type": "application/json"}}
    query = f'{{"query": "heron", "filter": {metadata}'
    requests: dict[str, tuple[str, dict[str, Any]]] = {
        "upload": (f"{of_agent}/upload", {"files": {"file": FILE}, **form}),
        "batch": (f"{of_agent}/batch", {"files": [("files", FILE)], **form}),
        "collection": ("/documents/upload", {"files": {"file": FILE}, **form}),
        "webpage": (f"{of_agent}/webpage", {"content": f'{{"url": "http://192.0.2.1/", {body}', **as_json}),
        "crawl": (f"{of_agent}/crawl", {"content": f'{{"url": "http://192.0.2.1/", {body}', **as_json}),
        "search": (f"/agents/{agent}/search", {"content": query + "}", **as_json}),
    }
    path, arguments = requests[route]
    return stack.client.post(path, **arguments)


@pytest.mark.parametrize("route", ROUTES)
def test_bad_metadata_is_refused_on_every_route_that_takes_it(shared_stack: Stack, agent: int, route: str) -> None:
    for what, metadata in BAD.items():
        response = send(shared_stack, agent, route, metadata)
        too_long = what == "too long" and route in {"upload", "batch", "collection"}  # for any field of a form
        assert response.status_code == (413 if too_long else 422), (what, response.text)
        assert response.json()["code"] in {"invalid_metadata", "invalid_request", "payload_too_large"}, what
    assert shared_stack.get("/documents", agent_id=agent)["total"] == 0


def test_metadata_at_the_limits_is_stored_and_served(shared_stack: Stack) -> None:
    for metadata in (nest(16), json.dumps({"a": "x" * (64 * 1024 - 9)}), '{"a":9223372036854775807,"b":"\\\\u0000"}'):
        accepted = send(shared_stack, shared_stack.make_agent(), "upload", metadata)
        assert accepted.status_code == 202, accepted.text
        stored = shared_stack.get(f"/documents/{accepted.json()['document_id']}")["metadata"]
        assert stored == json.loads(metadata)


def test_replacements_cannot_let_metadata_grow_without_bound(shared_stack: Stack, agent: int) -> None:
    path = f"/documents/agent/{agent}/upload"
    answers = []
    for number in range(4):
        data = {"metadata": json.dumps({f"a{number}": "x" * 40_000}), "on_duplicate": "replace"}
        answers.append(shared_stack.client.post(path, files={"file": FILE}, data=data))
    assert [answer.status_code for answer in answers] == [202, 202, 202, 422]
    check_problem(answers[-1], 422, "invalid_metadata")


@pytest.mark.parametrize("depth", [100, 256, 900])
def test_metadata_that_was_stored_before_there_were_limits_is_served(
    shared_stack: Stack, agent: int, depth: int
) -> None:
    accepted = shared_stack.upload(agent, *FILE)
    shared_stack.finish([accepted["task_id"]])
    document, task = accepted["document_id"], accepted["task_id"]
    database = shared_stack.settings.database_url or ""
    execute(database, f"UPDATE documents SET metadata = '{nest(depth)}' WHERE id = {document}")
    failed = "state = 'FAILURE', dead_lettered_at = now()"
    columns = ", ".join(f"{name} = '{nest(depth)}'" for name in ("metadata", "arguments", "result"))
    execute(database, f"UPDATE tasks SET {columns}, {failed} WHERE id = '{task}'")
    for path in (
        f"/documents?agent_id={agent}",
        f"/documents/{document}",
        f"/documents/{document}/status",
        f"/tasks/?agent_id={agent}",
        f"/tasks/{task}",
        f"/dead-letters?agent_id={agent}",
        f"/dead-letters/{task}",
    ):
        answer = shared_stack.client.get(path)
        assert answer.status_code == 200, (path, answer.text[:300])
    hits = shared_stack.post(f"/agents/{agent}/search", {"query": "heron", "mode": "text"})["results"]
    assert hits[0]["document_id"] == document
    value = shared_stack.get(f"/documents/{document}")["metadata"]
    for _ in range(64):
        value = value["a"]
    assert json.loads(value) == json.loads(nest(depth - 64))


def test_what_a_page_states_about_itself_is_trimmed(shared_stack: Stack, agent: int) -> None:
    head = f"<title>{'Heron' * 50_000}</title><meta name='author' content='{'Weir' * 50_000}'>"
    page = f"<!doctype html><html><head>{head}</head><body><p>The heron waits at the weir.</p></body></html>"
    accepted = shared_stack.upload(agent, "a.html", page.encode())
    [task] = shared_stack.finish([accepted["task_id"]])
    assert task["state"] == "SUCCESS"
    metadata = shared_stack.get(f"/documents/{accepted['document_id']}")["metadata"]
    assert metadata["title"].startswith("HeronHeron")
    assert max(len(metadata[name]) for name in ("title", "author")) <= 4096
