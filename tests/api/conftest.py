"""One running Sluice for all tests of the HTTP API that do not stop it, and a second organization in it."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from app.settings import load_settings
from tests.api.checks import make_text
from tests.deadlines import deadline
from tests.running import Stack

FOREIGN_KEY = "a-key-of-another-organization"


@pytest.fixture(scope="package")
def shared_stack(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """API and workers, shared by the modules of this folder."""
    with make_database() as (database_url, redis_url):
        folder = tmp_path_factory.mktemp("data")
        with Stack(load_settings(database_url=database_url, redis_url=redis_url, data_dir=folder)) as running:
            running.start_api()
            running.start_workers()
            yield running


@pytest.fixture
def agent(shared_stack: Stack) -> int:
    """The id of a new agent."""
    return shared_stack.make_agent()


@pytest.fixture(scope="package")
def herons(shared_stack: Stack) -> dict[str, Any]:
    """A processed document of several chunks, which tests must not change."""
    agent = shared_stack.make_agent(chunk_size=400, chunk_overlap=80)
    content = "Ærø: naïve café. 🦢\n\n".encode() + make_text(60)
    metadata = '{"year": 2026, "kind": "notes"}'
    upload = shared_stack.upload(agent, "herons.txt", content, metadata=metadata)
    [task] = shared_stack.finish([upload["task_id"]])
    assert task["state"] == "SUCCESS", task
    return {**upload, "agent_id": agent, "content": content, "chunk_count": task["chunk_count"]}


@pytest.fixture(scope="package")
def foreigner(shared_stack: Stack) -> Iterator[httpx.Client]:
    """A client with the key of another organization."""
    shared_stack.fetch(
        "WITH made AS (INSERT INTO organizations (name) VALUES ('Another') RETURNING id) "
        "INSERT INTO api_keys (organization_id, name, prefix, hash, scopes) "
        "SELECT id, 'key', 'a-ke', $1, ARRAY['admin'] FROM made",
        hashlib.sha256(FOREIGN_KEY.encode()).digest(),
    )
    with httpx.Client(
        base_url=shared_stack.client.base_url,
        headers={"Authorization": f"Bearer {FOREIGN_KEY}"},
        timeout=deadline(60),
        trust_env=False,
    ) as client:
        yield client
