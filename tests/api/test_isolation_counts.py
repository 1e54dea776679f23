"""Isolation of figures: an organization that has done nothing counts nothing, whatever others have and do.

The responses here are numbers, which contain no marker of another organization's resources.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.isolation_world import World, finish, make_world, open_client, upload
from tests.deadlines import wait_for
from tests.running import Stack

_LISTS = {
    "/audit": "entries",
    "/events": "events",
    "/analytics/usage": "usage",
    "/analytics/tasks": "tasks",
    "/upkeep": "runs",
    "/webhooks": "webhooks",
    "/dead-letters": "dead_letters",
    "/tasks/": "tasks",
    "/documents": "documents",
    "/agents": "agents",
}


@pytest.fixture(scope="module")
def world(shared_stack: Stack) -> Iterator[World]:
    """An organization with something of everything that is counted."""
    made = make_world(shared_stack)
    of_owner = made.ids["organization_id"]
    run = shared_stack.client.post("/upkeep/retention/run", params={"organization_id": of_owner})
    finish(made.owner, run.json()["task_id"])
    # The webhook of the world has turned events on.
    finish(made.owner, upload(made.owner, made.open_agent, "counted.txt", b"The ferry counts.", "{}")["task_id"])
    wait_for(lambda: read(made.owner, "/events")["total"] > 0, "the events to have positions")
    yield made
    made.owner.close()


@pytest.fixture(scope="module")
def empty(shared_stack: Stack) -> Iterator[httpx.Client]:
    """A client of an organization that has done nothing."""
    made = shared_stack.post("/organizations", {"name": "Empty"})
    with open_client(shared_stack, {"Authorization": f"Bearer {made['api_key']['secret']}"}) as client:
        yield client


def read(client: httpx.Client, path: str) -> dict[str, Any]:
    """GET a path that must succeed."""
    response = client.get(path)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


@pytest.mark.parametrize("path", _LISTS)
def test_a_list_of_an_organization_that_has_done_nothing_is_empty(empty: httpx.Client, world: World, path: str) -> None:
    assert read(world.owner, path)["total"] > 0, "the other organization has some"
    found = read(empty, path)
    assert (found[_LISTS[path]], found["total"], found["next"]) == ([], 0, None)


@pytest.mark.parametrize(
    ("table", "column", "path"),
    [
        ("usage_hours", "hour", "/analytics/usage?granularity=hour&"),
        ("usage_days", "day", "/analytics/usage?granularity=day&"),
        ("task_hours", "hour", "/analytics/tasks?granularity=hour&"),
    ],
)
def test_sums_of_the_past_are_those_of_the_organization(
    shared_stack: Stack, empty: httpx.Client, world: World, table: str, column: str, path: str
) -> None:
    names, values = (
        ("state, code, count", "'SUCCESS', '', 1")
        if table == "task_hours"
        else ("kind, model, searches", "'search', '', 1")
    )
    shared_stack.fetch(
        f"INSERT INTO {table} (organization_id, agent_id, {column}, {names})"
        f" VALUES ($1, $2, '2024-05-01T00:00Z', {values})",
        world.ids["organization_id"],
        world.open_agent,
    )
    plural, period = _LISTS[path.partition("?")[0]], "from=2024-05-01T00:00:00Z&to=2024-05-02T00:00:00Z"
    assert len(read(world.owner, path + period)[plural]) == 1
    assert read(empty, path + period)[plural] == []


def test_a_statement_counts_only_the_work_of_its_organization(empty: httpx.Client, world: World) -> None:
    assert read(world.owner, "/analytics/billing")["lines"] != []
    assert read(empty, "/analytics/billing")["lines"] == []


def test_limits_count_only_what_their_organization_uses(empty: httpx.Client, world: World) -> None:
    def sums(client: httpx.Client) -> dict[str, float]:
        return {one["name"]: float(one["used"]) for one in read(client, "/limits")["limits"] if one["used"]}

    used, unused = sums(world.owner), sums(empty)
    assert used["documents_per_month"] > 0
    assert used["stored_bytes"] > 0
    assert set(unused.values()) <= {0.0}


def test_queues_count_only_tasks_of_the_organization(shared_stack: Stack, empty: httpx.Client, world: World) -> None:
    def depth(client: httpx.Client) -> int:
        return sum(queue["depth"] + queue["delayed"] + queue["running"] for queue in read(client, "/queues")["queues"])

    shared_stack.post("/queues/low_priority/pause")
    try:
        file = {"file": ("waits.txt", b"The ferry waits.")}
        path = f"/documents/agent/{world.open_agent}/upload"
        task_id = world.owner.post(path, files=file, data={"priority": "low"}).json()["task_id"]
        assert depth(world.owner) > 0
        assert depth(empty) == 0
    finally:
        shared_stack.post("/queues/low_priority/resume")
    finish(world.owner, task_id)
