"""Workers die while a list of 10,000 agents is imported; each good row still becomes one agent."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from app.domain.onboarding import MAX_ATOMIC
from app.settings import load_settings
from tests.deadlines import wait_for
from tests.onboarding.held_slugs import count_agents, hold_slugs
from tests.onboarding.lists import make_large_list
from tests.running import Stack

HELD = "slug-5000"


@pytest.fixture
def stack(make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path: Path) -> Iterator[Stack]:
    """An API with workers whose lease is short."""
    with (
        make_database() as (database_url, redis_url),
        Stack(load_settings(database_url=database_url, redis_url=redis_url, data_dir=tmp_path)) as stack,
    ):
        stack.environment |= {"WORKER_LEASE_SECONDS": "3"}
        stack.start_api()
        stack.start_workers()
        yield stack


def _send(stack: Stack, table: str, **options: str) -> str:
    response = stack.client.post("/agents/bulk", content=table.encode(), params=options)
    assert response.status_code == 202, response.text
    return str(response.json()["task_id"])


@pytest.mark.slow
def test_a_list_of_ten_thousand_is_imported_once_though_workers_are_killed_in_the_middle(stack: Stack) -> None:
    table, wrong = make_large_list()
    began = time.monotonic()
    task_id = _send(stack, table)
    wait_for(lambda: stack.get(f"/tasks/{task_id}")["state"] != "PENDING", "the first attempt")
    stack.kill_workers()
    with hold_slugs(stack, HELD):
        stack.start_workers()
        wait_for(lambda: count_agents(stack, "slug-") > 9_000, "all other batches", 60)
        stack.kill_workers()
        made = {row["id"]: row["slug"] for row in stack.fetch("SELECT id, slug FROM agents WHERE slug LIKE 'slug-%'")}
    stack.start_workers()
    [task] = stack.finish([task_id])
    print(f"10,000 rows with two kills: {time.monotonic() - began:.1f} s")  # noqa: T201 - the figure
    result = task["result"]
    assert (task["state"], result["created"], result["failed"], result["not_attempted"]) == ("SUCCESS", 9_963, 37, 0)
    assert [error["line"] for error in result["errors"]] == wrong
    assert count_agents(stack, "slug-") == 9_963
    now = {row["id"]: row["slug"] for row in stack.fetch("SELECT id, slug FROM agents WHERE slug LIKE 'slug-%'")}
    assert made.items() <= now.items()


@pytest.mark.slow
def test_an_atomic_list_whose_worker_is_killed_has_created_nothing_and_then_all(stack: Stack) -> None:
    table, _ = make_large_list(bad=0)
    with hold_slugs(stack, HELD):
        task_id = _send(stack, table, atomic="true")
        children = {"parent_id": task_id, "status": "STARTED"}
        wait_for(lambda: stack.get("/tasks/", **children)["total"] == 1, "the transaction to wait")
        stack.kill_workers()
        assert count_agents(stack, "slug-") == 0
    began = time.monotonic()
    stack.start_workers()
    [task] = stack.finish([task_id])
    print(f"10,000 agents in one transaction: {time.monotonic() - began:.1f} s, start included")  # noqa: T201
    assert (task["state"], task["result"]["created"]) == ("SUCCESS", 10_000)
    assert count_agents(stack, "slug-") == 10_000


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_largest_list_is_created_in_one_transaction(stack: Stack) -> None:
    table, _ = make_large_list(MAX_ATOMIC, bad=0)
    began = time.monotonic()
    [task] = stack.finish([_send(stack, table, atomic="true")], 90)
    print(f"{MAX_ATOMIC:,} agents in one transaction: {time.monotonic() - began:.1f} s")  # noqa: T201 - the figure
    assert (task["state"], task["result"]["created"], task["crashes"]) == ("SUCCESS", MAX_ATOMIC, 0)
    assert count_agents(stack, "slug-") == MAX_ATOMIC
