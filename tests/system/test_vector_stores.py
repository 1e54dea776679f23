"""Documents with vectors in each of the stores: found, replaced, removed, and complete after a process has died."""

import asyncio
import json
import subprocess
import sys
from array import array
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass
from typing import Any

import pytest

from app.adapters.pinecone.store import PineconeStore
from app.adapters.qdrant.store import QdrantStore
from app.domain.ports import VectorStore
from app.domain.vectors import EmbeddingSpec, VectorBatch, VectorIndex
from app.settings import Settings, load_settings
from tests.adapters.pinecone_server import run_pinecone
from tests.adapters.qdrant_server import run_qdrant
from tests.deadlines import deadline, wait_for
from tests.running import ROOT
from tests.system.kill_points import AFTER_VECTORS
from tests.system.mortal_stack import MortalStack, Witness

SENTENCE = "The heron of pound {} waits below the weir for the evening barge."
TEXT = "\n\n".join(SENTENCE.format(number) for number in range(200)).encode()
_INDEX = "SELECT id, dimensions, place FROM vector_indexes WHERE state = 'active'"
_AGE_EDITIONS = "UPDATE editions SET reserved_at = now() - interval '2 hours'"
_EDITIONS = "SELECT edition FROM editions WHERE document_id = $1"


@dataclass
class Place:
    """A running stack with its vectors in one store. ``store`` is a second client of a remote store."""

    stack: MortalStack
    witness: Witness
    store: VectorStore | None

    def compare(self, *options: str) -> tuple[int, dict[int, dict[str, Any]]]:
        """Run ``doctor --vectors``; returns its exit code and its report by agent."""
        ended = subprocess.run(
            [sys.executable, "main.py", "doctor", "--vectors", "--json", *options],
            cwd=ROOT,
            env=self.stack.environment,
            capture_output=True,
            timeout=deadline(90),
            check=False,
        )
        assert ended.stdout, ended.stderr.decode()
        return ended.returncode, {report["agent_id"]: report for report in json.loads(ended.stdout)["agents"]}

    def count_vectors(self, agent: int) -> int:
        """How many vectors the store holds of an agent."""
        if self.store is None:
            return int(self.witness.fetch("SELECT count(*) FROM vectors WHERE agent_id = $1", agent)[0][0])
        store, index = self.store, self.find_index()

        async def count() -> int:
            try:
                return len([key async for key in store.list_keys(index, agent)])
            finally:
                await store.close()

        return asyncio.run(count())  # the tests of this module drive programs and have no event loop

    def find_index(self) -> VectorIndex:
        """The active index."""
        [row] = self.witness.fetch(_INDEX)
        assert self.store
        spec = EmbeddingSpec("local", "wordllama", row["dimensions"])
        return VectorIndex(row["id"], self.store.name, spec, json.loads(row["place"]))


@pytest.fixture(
    scope="module",
    params=["pgvector", *(pytest.param(name, marks=pytest.mark.slow) for name in ("qdrant", "pinecone"))],
)
def place(
    request: pytest.FixtureRequest,
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as opened:
        store, environment = _open_store(request.param, opened)
        database_url, redis_url = opened.enter_context(make_database())
        settings: Settings = load_settings(database_url=database_url, redis_url=redis_url, data_dir=folder / "data")
        stack = opened.enter_context(MortalStack(settings, folder))
        stack.environment |= environment
        stack.start_api()
        stack.start_workers("high", "low", "default")
        yield Place(stack, opened.enter_context(closing(Witness(settings))), store)


def _open_store(name: str, opened: ExitStack) -> tuple[VectorStore | None, dict[str, str]]:
    """A client of the store, and the settings with which Sluice uses the same store."""
    if name == "qdrant":
        qdrant = opened.enter_context(run_qdrant())
        store = QdrantStore(url=qdrant.url, api_key=qdrant.api_key, collection="sluice", time_limit=30)
        return store, {"VECTOR_STORE": name, "QDRANT_URL": qdrant.url, "QDRANT_API_KEY": qdrant.api_key}
    if name == "pinecone":
        server = opened.enter_context(run_pinecone())
        server.create_index("sluice", 256)
        host = server.get_host("sluice")
        pinecone = PineconeStore(api_key=server.api_key, index_name="sluice", host=host, time_limit=30)
        return pinecone, {"VECTOR_STORE": name, "PINECONE_API_KEY": server.api_key, "PINECONE_HOST": host}
    return None, {}


@pytest.fixture
def agent(place: Place) -> int:
    """An agent whose documents have many chunks."""
    return place.stack.make_agent(chunk_size=100, chunk_overlap=0)


def search(place: Place, agent: int, query: str, **options: Any) -> list[dict[str, Any]]:
    found = place.stack.post(f"/agents/{agent}/search", {"query": query, **options})["results"]
    assert isinstance(found, list)
    return found


def await_consistency(place: Place, agent: int, vectors: int) -> None:
    """Wait until the store holds exactly this many vectors and no task is unfinished."""
    wait_for(lambda: place.count_vectors(agent) == vectors, f"{vectors} vectors to be there", 60)
    code, reports = place.compare()
    assert (code, reports.get(agent, {}).get("vectors", 0)) == (0, vectors), reports
    assert not reports.get(agent, {}).get("stale")


def test_a_document_is_found_by_meaning_and_gone_when_it_is_deleted(place: Place, agent: int) -> None:
    upload = place.stack.upload(agent, "heron.txt", TEXT)
    [task] = place.stack.finish([upload["task_id"]])
    assert task["state"] == "SUCCESS", task
    for mode in ("vector", "hybrid"):
        assert search(place, agent, SENTENCE.format(7), mode=mode)[0]["text"] == SENTENCE.format(7)
    other = place.stack.upload(agent, "tern.txt", b"Terns dive in the upper basin.")
    place.stack.finish([other["task_id"]])
    found = search(place, agent, "heron", mode="vector", filter={"document_id": other["document_id"]})
    assert {hit["document_id"] for hit in found} == {other["document_id"]}
    await_consistency(place, agent, task["chunk_count"] + 1)

    removal = place.stack.delete(f"/documents/{upload['document_id']}")
    assert {hit["document_id"] for hit in search(place, agent, "heron", mode="vector")} == {other["document_id"]}
    place.stack.finish([removal["task_id"]])
    await_consistency(place, agent, 1)
    [removed] = place.stack.finish([place.stack.delete(f"/agents/{agent}")["task_id"]])
    assert removed["state"] == "SUCCESS", removed
    await_consistency(place, agent, 0)


def test_a_process_that_dies_between_vectors_and_finish_leaves_none_doubled_and_none_behind(
    place: Place, agent: int
) -> None:
    place.stack.arm(AFTER_VECTORS)
    place.stack.insist(agent, "heron.txt", TEXT)
    place.stack.wait_until_struck(AFTER_VECTORS)
    [document, *sweeps] = sorted(place.witness.await_rest(agent), key=lambda task: -task["attempt"])
    assert (document["state"], document["attempt"], document["crashes"]) == ("SUCCESS", 2, 1)
    assert {task["state"] for task in sweeps} <= {"SUCCESS"}
    await_consistency(place, agent, document["chunks"])
    texts = [hit["text"] for hit in search(place, agent, "heron", mode="vector", top_k=100)]
    assert len(texts) == len(set(texts)) == 100

    # A sweep searches again for vectors of the lost edition, when no process can write them any more.
    place.witness.fetch(_AGE_EDITIONS)
    wait_for(lambda: len(place.witness.fetch(_EDITIONS, document["id"])) == 1, "the lost edition to be forgotten")
    await_consistency(place, agent, document["chunks"])


def test_a_new_version_takes_the_old_ones_vectors_away(place: Place, agent: int) -> None:
    first = place.stack.upload(agent, "heron.txt", TEXT)
    place.stack.finish([first["task_id"]])
    second = place.stack.upload(agent, "heron.txt", b"The heron has flown to the lower lock.", on_duplicate="replace")
    place.stack.finish([second["task_id"]])
    assert [hit["text"] for hit in search(place, agent, "heron", mode="vector")] == [
        "The heron has flown to the lower lock."
    ]
    await_consistency(place, agent, 1)


def test_the_doctor_finds_and_repairs_outside_changes_to_the_store(place: Place, agent: int) -> None:
    upload = place.stack.upload(agent, "heron.txt", TEXT)
    [task] = place.stack.finish([upload["task_id"]])
    chunks = task["chunk_count"]
    if place.store is None:
        place.witness.fetch("DELETE FROM vectors WHERE document_id = $1 AND ordinal < 3", upload["document_id"])
        missing, orphans = 3, 0  # in Postgres a vector cannot exist without its chunk
    else:
        # The test drives programs and has no event loop.
        asyncio.run(_meddle(place.store, place.find_index(), agent, upload["document_id"]))
        missing, orphans = chunks, 2
    code, reports = place.compare()
    assert code == 1
    assert (reports[agent]["missing"], reports[agent]["orphans"]) == (missing, orphans)
    code, _ = place.compare("--mend")
    assert code == 0
    await_consistency(place, agent, chunks)


async def _meddle(store: VectorStore, index: VectorIndex, agent: int, document: int) -> None:
    """Remove a document's vectors, and add two that belong to no document."""
    try:
        await store.delete(index, agent, document, 1)
        numbers = array("f", [1.0, *[0.0] * 255])
        batch = VectorBatch(agent, document, 77, {0: numbers, 1: numbers})
        await store.upsert(index, batch)
        await store.settle(index, batch)
    finally:
        await store.close()
