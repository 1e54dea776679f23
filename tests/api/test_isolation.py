"""Isolation: every operation, with every kind of key that must not see what it names.

A new operation fails here until it has a line in ``isolation_table.py``, which says how to write one.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from app.api.application import create_app
from tests.api.checks import check_problem
from tests.api.isolation_table import NAMED_IN_BODY, OPERATOR, OWN, TABLE
from tests.api.isolation_world import MARKS, World, make_world, open_client
from tests.api.operations import OPERATIONS
from tests.running import Stack

_STATUSES = {"not_found": 404, "key_restricted": 403, OPERATOR: 403}


@pytest.fixture(scope="module")
def world(shared_stack: Stack) -> Iterator[World]:
    """The organization whose resources are hidden."""
    made = make_world(shared_stack)
    yield made
    made.owner.close()


@pytest.fixture(scope="module")
def client(shared_stack: Stack) -> Iterator[httpx.Client]:
    """A client without a key."""
    with open_client(shared_stack, {}) as opened:
        yield opened


def fill(body: Any, ids: Mapping[str, Any]) -> Any:
    """A body with the ids of the world in place of texts in braces."""
    if isinstance(body, dict):
        return {name: fill(value, ids) for name, value in body.items()}
    if isinstance(body, list):
        return [fill(value, ids) for value in body]
    return ids[body[1:-1]] if isinstance(body, str) and body.startswith("{") else body


def send(client: httpx.Client, world: World, name: str, kind: str) -> httpx.Response:
    """Send an operation's request about the hidden resources with a kind of key."""
    method, path = name.split()
    arguments = dict(OPERATIONS[name].arguments)
    if name in NAMED_IN_BODY:
        arguments["json"] = fill(NAMED_IN_BODY[name], world.ids)
    return client.request(method, path.format(**world.ids), headers=world.keys[kind], **arguments)


def check_silence(response: httpx.Response, kind: str) -> None:
    """Check that a response contains nothing of what is hidden from a kind of key."""
    said = f"{json.dumps(dict(response.headers))} {response.text}".lower()
    assert not [mark for mark in MARKS[kind] if mark in said], said


def check_refusal(response: httpx.Response, code: str, kind: str) -> None:
    """Check that a response is the refusal that the table names, or one's own things without a hidden one."""
    if code == OWN:
        assert response.is_success, response.text
    else:
        check_problem(response, _STATUSES[code], code)
    check_silence(response, kind)


def test_every_operation_has_a_line_in_the_table() -> None:
    served = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, item in create_app().openapi()["paths"].items()
        if path.startswith("/api/v1/")
        for method in item
    }
    assert served == set(TABLE), "tests/api/isolation_table.py says what each operation answers to keys that see less"


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("kind", ["none", "revoked", "expired"])
def test_an_invalid_key_is_answered_with_401(client: httpx.Client, world: World, name: str, kind: str) -> None:
    check_problem(send(client, world, name, kind), 401, "unauthorized")


@pytest.mark.parametrize("name", [name for name in TABLE if OPERATIONS[name].scope != "read"])
def test_a_key_of_a_narrower_scope_is_answered_with_403(client: httpx.Client, world: World, name: str) -> None:
    narrower = {"write": "read", "admin": "write", "operator": "admin"}[OPERATIONS[name].scope]
    code = OPERATOR if OPERATIONS[name].scope == "operator" else "forbidden"
    check_problem(send(client, world, name, narrower), 403, code)


@pytest.mark.parametrize("name", TABLE)
def test_a_key_of_another_organization_finds_nothing(client: httpx.Client, world: World, name: str) -> None:
    response = send(client, world, name, "foreign")
    check_silence(response, "foreign")
    if OPERATIONS[name].scope == "operator":
        check_problem(response, 403, OPERATOR)
    elif "{" in name or name in NAMED_IN_BODY:
        check_problem(response, 404, "not_found")


@pytest.mark.parametrize("name", TABLE)
def test_a_key_for_another_agent_finds_nothing_of_this_one(client: httpx.Client, world: World, name: str) -> None:
    check_refusal(send(client, world, name, "bound"), TABLE[name].bound, "bound")


@pytest.mark.parametrize("name", TABLE)
def test_a_key_with_a_filter_finds_no_document_outside_of_it(client: httpx.Client, world: World, name: str) -> None:
    response, expected = send(client, world, name, "filtered"), TABLE[name].filtered
    if expected is None:
        code = OPERATOR if OPERATIONS[name].scope == "operator" else "forbidden"
        check_problem(response, 403, code)
    else:
        check_refusal(response, expected, "filtered")


def test_the_hidden_resources_exist(world: World) -> None:
    """The refusals above are about what is there: its organization still reads all of it."""
    for name, operation in OPERATIONS.items():
        if name.startswith("GET ") and "{" in name and operation.scope != "operator" and not name.endswith("/events"):
            response = world.owner.get(name.split()[1].format(**world.ids))
            assert response.status_code == 200, f"{name}: {response.text}"
