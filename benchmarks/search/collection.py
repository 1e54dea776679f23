"""A large collection: many agents, a few of which own most of the vectors, written to Sluice's own tables.

The vectors of a document are distributed around its centre, and the centres around those of topics: any two vectors
have a cosine of about 0.1, two of the same document 0.6, as texts have with the local model. A document's vectors are
computed from its number whenever they are needed, so that they are never all in memory.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.vectors.pgvector_store import PgVectorStore
from app.domain.vectors import Vector, VectorBatch, VectorIndex, VectorKey

DIMENSIONS, CHUNKS = 256, 30  # of a vector; vectors of a document
_TOPICS, _SKEW, _TOGETHER = 200, 0.9, 200
_BASE, _TOPIC, _DOCUMENT, _CHUNK = 0.3, 0.5, 0.55, 0.6  # the share of each in a vector; about 1 in all

Numbers = NDArray[np.float32]
_WIDTHS = (1 + np.arange(DIMENSIONS, dtype=np.float32)) ** -0.5
_WIDTHS /= np.linalg.norm(_WIDTHS)


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents of ``CHUNKS`` vectors each: the owner by document number and, once written, the ids."""

    owners: NDArray[np.int64]
    agent_ids: Sequence[int] = ()
    first_document_id: int = 0

    def list_documents(self, owner: int) -> list[int]:
        """The numbers of an owner's documents."""
        return [int(number) for number in np.flatnonzero(self.owners == owner)]

    def list_owners(self) -> list[tuple[int, int]]:
        """Every owner with its number of vectors, the largest first."""
        counts = np.bincount(self.owners) * CHUNKS
        return [(int(owner), int(counts[owner])) for owner in np.argsort(-counts, kind="stable") if counts[owner]]

    def name(self, document: int, ordinal: int) -> VectorKey:
        """The key of a vector."""
        return VectorKey(self.first_document_id + document, 1, ordinal)


def make_collection(vectors: int, agents: int) -> Collection:
    """Distribute documents in random order: the n-th agent gets n to the power of -0.9 times the share of the first."""
    shares = np.arange(1, agents + 1) ** -_SKEW
    chosen = np.random.default_rng(0).choice(agents, vectors // CHUNKS, p=shares / shares.sum())
    return Collection(chosen.astype(np.int64))


def make_document(number: int) -> Numbers:
    """A document's vectors, the same for the same number."""
    source = np.random.default_rng([1, number])
    centre = _BASE * _make_unit(0) + _TOPIC * _make_unit(1 + number % _TOPICS) + _DOCUMENT * _draw(source, 1)
    return _normalize(centre + _CHUNK * _draw(source, CHUNKS))


def make_questions(documents: Sequence[int], count: int, seed: int) -> list[Vector]:
    """Unit vectors, each close to a vector of one of these documents."""
    source = np.random.default_rng([2, seed])
    asked = [make_document(int(number))[source.integers(CHUNKS)] for number in source.choice(documents, count)]
    return [array("f", row.tobytes()) for row in _normalize(np.array(asked) + 0.8 * _draw(source, count))]


async def write_collection(
    database: Database, store: PgVectorStore, index: VectorIndex, collection: Collection
) -> Collection:
    """Write agents, documents, chunks without words, and the vectors; returns the collection with their ids."""
    async with database.transaction() as connection:
        agents = await connection.execute(_ADD_AGENTS, {"count": int(collection.owners.max()) + 1})
        agent_ids = sorted(agents.scalars())
        owners = [agent_ids[owner] for owner in collection.owners]
        documents = await connection.execute(_ADD_DOCUMENTS, {"agent_ids": owners, "chunks": CHUNKS})
        written = Collection(collection.owners, agent_ids, min(documents.scalars()))
    for some in _group(len(owners)):
        async with database.transaction() as connection:
            await _write_documents(connection, store, index, written, some)
    async with database.statement() as connection:
        await connection.execute(_COUNT_CHUNKS)
        for table in ("agents", "documents", "chunks", "vectors", "lexemes"):
            await connection.execute(text(f"VACUUM (ANALYZE) {table}"))
    return written


async def _write_documents(
    connection: AsyncConnection, store: PgVectorStore, index: VectorIndex, collection: Collection, some: range
) -> None:
    first = collection.first_document_id
    await connection.execute(_ADD_CHUNKS, {"first": first + some.start, "last": first + some.stop - 1})
    for number in some:
        agent_id = collection.agent_ids[collection.owners[number]]
        vectors: dict[int, Any] = dict(enumerate(make_document(number)))
        await store.upsert(index, VectorBatch(agent_id, first + number, 1, vectors), connection)


def _group(count: int) -> Iterator[range]:
    return (range(first, min(first + _TOGETHER, count)) for first in range(0, count, _TOGETHER))


def _draw(source: np.random.Generator, count: int) -> Numbers:
    """Vectors of a length of about 1. As with texts, few dimensions carry most of it: neighbours are many and close."""
    return source.standard_normal((count, DIMENSIONS), dtype=np.float32) * _WIDTHS


def _make_unit(number: int) -> Numbers:
    return _draw(np.random.default_rng([3, number]), 1)


def _normalize(numbers: Numbers) -> Numbers:
    normal: Numbers = numbers / np.linalg.norm(numbers, axis=1, keepdims=True)
    return normal


_ADD_AGENTS = text("""
    INSERT INTO agents (organization_id, name, slug)
    SELECT (SELECT min(id) FROM organizations), 'benchmark', gen_random_uuid()
    FROM generate_series(1, CAST(:count AS integer))
    RETURNING id
""")

_ADD_DOCUMENTS = text("""
    INSERT INTO documents (organization_id, agent_id, filename, media_type, status, edition, last_edition, chunk_count)
    SELECT (SELECT min(id) FROM organizations), agent_id, 'a.txt', 'text/plain', 'completed', 1, 1, :chunks
    FROM unnest(CAST(:agent_ids AS bigint[])) WITH ORDINALITY AS owner (agent_id, number)
    ORDER BY number
    RETURNING id
""")

_ADD_CHUNKS = text("""
    INSERT INTO chunks (agent_id, document_id, edition, ordinal, text, start_char, end_char)
    SELECT agent_id, id, 1, ordinal, 'A chunk.', 0, 8
    FROM documents, generate_series(0, chunk_count - 1) AS ordinal
    WHERE id BETWEEN CAST(:first AS bigint) AND CAST(:last AS bigint)
""")

_COUNT_CHUNKS = text("""
    INSERT INTO lexemes (agent_id, lexeme, chunk_count) SELECT agent_id, '', count(*) FROM chunks GROUP BY agent_id
""")
