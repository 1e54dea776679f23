"""Providers that are down or limit requests, as /readyz and the list of queues show them."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.database import execute
from tests.deadlines import deadline
from tests.running import Stack

Tell = Callable[[str], None]


@pytest.fixture
def tell(shared_stack: Stack) -> Iterator[Tell]:
    """Writes states of providers, and removes them after the test."""
    url = str(shared_stack.settings.database_url)
    yield lambda rows: execute(url, f"INSERT INTO providers (name, failures, down_since, ask_at, reason) VALUES {rows}")
    execute(url, "DELETE FROM providers")


def look(stack: Stack) -> httpx.Response:
    """The response of /readyz, which needs no key."""
    address = stack.client.base_url.copy_with(path="/readyz")
    return httpx.get(address, timeout=deadline(60), trust_env=False)


def list_providers(stack: Stack) -> list[dict[str, Any]]:
    """The response of /queues."""
    providers: list[dict[str, Any]] = stack.get("/queues")["providers"]
    return providers


def test_all_is_ready_while_no_provider_is_away(shared_stack: Stack) -> None:
    answer = look(shared_stack)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["status"], body["down"], body["workers"]) == ("ready", [], 4)
    assert body["checks"].keys() == {"database", "broker"}
    assert list_providers(shared_stack) == []


def test_a_provider_that_is_down_degrades_the_answer_which_stays_200(shared_stack: Stack, tell: Tell) -> None:
    tell("('openai-embeddings', 5, now() - interval '3 minutes', now() + interval '1 minute', 'Out of breath.')")
    answer = look(shared_stack)
    assert answer.status_code == 200
    assert "retry-after" not in answer.headers
    body = answer.json()
    assert (body["status"], body["down"]) == ("degraded", ["openai-embeddings"])
    assert body["checks"]["openai-embeddings"].startswith("openai-embeddings: down since ")
    assert "Out of breath." not in answer.text
    [provider] = list_providers(shared_stack)
    assert provider.keys() == {"name", "state", "down_since", "ask_at", "reason"}
    assert (provider["name"], provider["state"], provider["reason"]) == ("openai-embeddings", "open", "Out of breath.")
    down_since, ask_at = (datetime.fromisoformat(provider[name]) for name in ("down_since", "ask_at"))
    assert down_since < datetime.now(UTC) - timedelta(minutes=2) < ask_at


def test_a_provider_that_wants_to_be_left_alone_is_on_the_queue_page_and_not_down(
    shared_stack: Stack, tell: Tell
) -> None:
    tell("('pinecone', 0, NULL, now() + interval '1 minute', 'Slower, please.')")
    assert (look(shared_stack).json()["status"], look(shared_stack).json()["down"]) == ("ready", [])
    [provider] = list_providers(shared_stack)
    assert (provider["state"], provider["down_since"]) == ("waiting", None)


def test_providers_that_are_asked_are_not_listed(shared_stack: Stack, tell: Tell) -> None:
    tell("('pinecone', 3, NULL, NULL, 'It failed.'), ('qdrant', 0, NULL, now() - interval '1 second', 'It was busy.')")
    assert look(shared_stack).json()["status"] == "ready"
    assert list_providers(shared_stack) == []


def test_uploads_are_taken_while_a_provider_is_down(shared_stack: Stack, agent: int, tell: Tell) -> None:
    tell("('openai-embeddings', 5, now(), now() + interval '1 minute', 'Out of breath.')")
    upload = shared_stack.upload(agent, "heron.txt", b"The heron waits for the boat while others are out of breath.")
    [task] = shared_stack.finish([upload["task_id"]])
    assert task["state"] == "SUCCESS", "a model that computes here needs no provider"
