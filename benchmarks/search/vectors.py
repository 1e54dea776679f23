"""Recall and latency of search among a million vectors of a thousand agents in Postgres.

The true ten nearest are computed from the original vectors in single precision. Some of the vectors are also stored in
the local mode of Qdrant's client: without a server, it compares all vectors with numpy.

``VECTORS=100000 make bench ARGS=vectors`` is a shorter run, in which no agent is large enough for an HNSW index.
"""

import asyncio
import os
import time
import warnings
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import numpy as np
from qdrant_client import QdrantClient, models

from app.db.engine import Database, create_engine
from app.db.vectors.hnsw_indexes import maintain_hnsw_indexes
from app.db.vectors.indexes import add_index, find_index
from app.db.vectors.pgvector_store import PgVectorStore
from app.domain.vectors import EmbeddingSpec, IndexState, Vector, VectorIndex, VectorKey
from app.settings import Settings
from benchmarks.harness.stack import run_servers
from benchmarks.report.figures import Figure, percentile
from benchmarks.search.collection import CHUNKS, DIMENSIONS, Collection, make_collection, make_document, make_questions
from benchmarks.search.collection import write_collection as write

_VECTORS, _AGENTS = int(os.environ.get("VECTORS", "1_000_000")), 1_000
_TOP, _CANDIDATES = 10, 100  # for the recall; requested by a search
_ANY, _ONE, _SAME = 300, 100, 40  # questions: to random agents, to the largest one, to both stores
_SAME_VECTORS, _LARGE = 50_000, 10  # vectors in both stores, of agents after the ten largest
_HIDDEN = 20  # one document of so many is hidden

Find = Callable[[int, Vector], Awaitable[Sequence[VectorKey]]]


@dataclass(frozen=True, slots=True)
class _Question:
    owner: int
    vector: Vector
    nearest: frozenset[VectorKey]


def measure() -> list[Figure]:
    """Measure random agents; the largest one, without and with an HNSW index; the same vectors in Qdrant's client."""
    with run_servers() as settings:
        return asyncio.run(_measure(settings))


async def _measure(settings: Settings) -> list[Figure]:
    database = Database(create_engine(settings.database_url or "", pool_size=2))
    try:
        index, store = await _make_index(database), PgVectorStore(database)
        began = time.monotonic()
        collection = await write(database, store, index, make_collection(_VECTORS, _AGENTS))
        seconds = time.monotonic() - began
        return [
            Figure(f"{len(collection.owners) * CHUNKS:,} vectors written", seconds, "s"),
            *await _measure_any(_search(store, index, collection), collection),
            *await _measure_largest(database, index, collection),
            *await _measure_both(_search(store, index, collection), collection),
        ]
    finally:
        await database.close()


async def _make_index(database: Database) -> VectorIndex:
    async with database.transaction() as connection:
        spec = EmbeddingSpec("local", "made-for-benchmarks", DIMENSIONS)
        index = await find_index(connection, IndexState.ACTIVE)
        index = index or await add_index(connection, "pgvector", spec, {}, IndexState.ACTIVE)
    if index is None or index.embedding != spec:
        raise RuntimeError("the database already has another vector index")
    return index


def _search(store: PgVectorStore, index: VectorIndex, collection: Collection, hidden: Sequence[int] = ()) -> Find:
    """A search that excludes some documents, by number."""
    without = [(collection.first_document_id + number, 1) for number in hidden]

    async def find(owner: int, vector: Vector) -> Sequence[VectorKey]:
        agent_id = collection.agent_ids[owner]
        matches = await store.query(index, agent_id, vector, limit=_CANDIDATES, without=without)
        return [match.key for match in matches]

    return find


async def _measure_any(find: Find, collection: Collection) -> list[Figure]:
    owners = np.random.default_rng(4).choice([owner for owner, _ in collection.list_owners()], _ANY)
    questions = [question for owner in owners for question in _ask(collection, int(owner), 1)]
    return await _time(f"{_AGENTS:,} agents", find, questions)


async def _measure_largest(database: Database, index: VectorIndex, collection: Collection) -> list[Figure]:
    """Measure the largest agent: exactly; with its HNSW index; with that and some documents hidden."""
    owner, count = collection.list_owners()[0]
    exact = PgVectorStore(database)
    questions = _ask(collection, owner, _ONE)
    name = f"agent of {count:,}"
    figures = await _time(f"{name}, exact", _search(exact, index, collection), questions)
    began = time.monotonic()
    if not await maintain_hnsw_indexes(database):
        return figures
    seconds = time.monotonic() - began
    hidden = collection.list_documents(owner)[::_HIDDEN]
    store = PgVectorStore(database)
    return [
        *figures,
        Figure(f"{name}: HNSW index built", seconds, "s"),
        *await _time(f"{name}, HNSW", _search(store, index, collection), questions),
        *await _time(
            f"{name}, HNSW, {100 // _HIDDEN} % hidden",
            _search(store, index, collection, hidden),
            _ask(collection, owner, _ONE, hidden),
        ),
    ]


async def _measure_both(find: Find, collection: Collection) -> list[Figure]:
    """Measure the vectors of some agents, in Postgres and in Qdrant's client, with the same questions."""
    owners, total = list[int](), 0
    for owner, count in collection.list_owners()[_LARGE:]:
        if total + count <= _SAME_VECTORS:
            owners.append(owner)
            total += count
    asked = np.random.default_rng(5).choice(owners, _SAME)
    questions = [question for owner in asked for question in _ask(collection, int(owner), 1)]
    name = f"{total:,} vectors of {len(owners)} agents"
    client = _fill_qdrant(collection, owners)
    try:
        return [
            *await _time(f"{name}: Sluice", find, questions),
            *await _time(f"{name}: Qdrant's local client", _search_qdrant(client), questions),
        ]
    finally:
        client.close()


def _fill_qdrant(collection: Collection, owners: Sequence[int]) -> QdrantClient:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client warns that its local mode is slow with so many
        client = QdrantClient(":memory:")
        client.create_collection("vectors", models.VectorParams(size=DIMENSIONS, distance=models.Distance.COSINE))
        for owner in owners:
            for number in collection.list_documents(owner):
                client.upsert("vectors", _make_points(collection, owner, number))
    return client


def _make_points(collection: Collection, owner: int, number: int) -> list[models.PointStruct]:
    return [
        models.PointStruct(
            id=number * CHUNKS + ordinal,
            vector=vector.tolist(),
            payload={"owner": owner, "document_id": collection.first_document_id + number, "ordinal": ordinal},
        )
        for ordinal, vector in enumerate(make_document(number))
    ]


def _search_qdrant(client: QdrantClient) -> Find:
    async def find(owner: int, vector: Vector) -> Sequence[VectorKey]:
        chosen = models.Filter(must=[models.FieldCondition(key="owner", match=models.MatchValue(value=owner))])
        found = client.query_points("vectors", query=list(vector), query_filter=chosen, limit=_CANDIDATES)
        payloads = [point.payload or {} for point in found.points]
        return [VectorKey(payload["document_id"], 1, payload["ordinal"]) for payload in payloads]

    return find


def _ask(collection: Collection, owner: int, count: int, hidden: Sequence[int] = ()) -> list[_Question]:
    """Questions about an agent's documents, with the keys of the true nearest vectors that are not hidden."""
    documents = [number for number in collection.list_documents(owner) if number not in set(hidden)]
    keys = [collection.name(number, ordinal) for number in documents for ordinal in range(CHUNKS)]
    vectors = make_questions(documents, count, seed=owner)
    alike = np.concatenate([make_document(number) for number in documents]) @ np.array(vectors).T
    nearest = np.argsort(-alike, axis=0)[:_TOP]
    return [
        _Question(owner, vector, frozenset(keys[row] for row in nearest[:, number]))
        for number, vector in enumerate(vectors)
    ]


async def _time(name: str, find: Find, questions: Sequence[_Question]) -> list[Figure]:
    """Ask one question after the other. The first call, for warm-up, is not timed."""
    times, found = [], 0
    await find(questions[0].owner, questions[0].vector)
    for question in questions:
        began = time.perf_counter()
        keys = await find(question.owner, question.vector)
        times.append(1000 * (time.perf_counter() - began))
        found += len(question.nearest.intersection(keys[:_TOP]))
    recall = 100 * found / sum(len(question.nearest) for question in questions)
    return [
        Figure(f"{name}: recall@{_TOP}", recall, "%", at_least=95),
        Figure(f"{name}: p50", percentile(times, 0.5), "ms"),
        Figure(f"{name}: p95", percentile(times, 0.95), "ms"),
    ]
