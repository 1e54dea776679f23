"""Vectors in PostgreSQL, written in the transaction that publishes them.

A search compares all vectors of an agent exactly; those of a large agent are searched with an HNSW index
(docs/adr/0005-vectors-in-postgres.md).
"""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.chunks import get_driver
from app.db.engine import Database
from app.db.vectors.hnsw_indexes import HnswIndexes
from app.db.vectors.nearest import (
    ALONE,
    BESIDE_WORDS,
    COMPARE,
    QUERY,
    QUERY_DOCUMENTS,
    write_comparison,
    write_hnsw_query,
)
from app.domain.errors import RetryLaterError, VectorLengthError
from app.domain.vectors import AssumedIndex, Match, Nearest, Vector, VectorBatch, VectorIndex, VectorKey

_PAGE = 5_000
_DROPPED_AT_ONCE = 20_000

_DELETE_GIVEN = text("""
    DELETE FROM vectors
    WHERE document_id = CAST(:document_id AS bigint) AND edition = CAST(:edition AS integer)
        AND ordinal = ANY (CAST(:ordinals AS integer[])) AND index_id = CAST(:index_id AS bigint)
""")

_DELETE = text("""
    DELETE FROM vectors
    WHERE document_id = CAST(:document_id AS bigint) AND edition = CAST(:edition AS integer)
        AND index_id = CAST(:index_id AS bigint) AND agent_id = CAST(:agent_id AS bigint)
""")

_LIST_AGENTS = text("""
    WITH RECURSIVE agents (agent_id) AS (
        (SELECT agent_id FROM vectors WHERE index_id = CAST(:index_id AS bigint) ORDER BY agent_id LIMIT 1)
        UNION ALL
        SELECT (
            SELECT v.agent_id FROM vectors AS v
            WHERE v.agent_id > a.agent_id AND v.index_id = CAST(:index_id AS bigint)
            ORDER BY v.agent_id LIMIT 1)
        FROM agents AS a WHERE a.agent_id IS NOT NULL
    )
    SELECT agent_id FROM agents WHERE agent_id IS NOT NULL
""")

_LIST_KEYS = text("""
    SELECT document_id, edition, ordinal FROM vectors
    WHERE agent_id = CAST(:agent_id AS bigint) AND index_id = CAST(:index_id AS bigint)
        AND (document_id, edition, ordinal)
            > (CAST(:document_id AS bigint), CAST(:edition AS integer), CAST(:ordinal AS integer))
    ORDER BY document_id, edition, ordinal
    LIMIT :limit
""")

_DROP = text("""
    DELETE FROM vectors WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM vectors WHERE index_id = CAST(:index_id AS bigint) LIMIT :limit))
""")


class PgVectorStore:
    """Stores vectors as ``halfvec``, two bytes for each number, in the database of the chunks.

    A vector's chunk must exist before it; deleting the chunk deletes the vector.
    """

    name = "pgvector"
    transactional = True

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hnsw_indexes = HnswIndexes(database)

    @property
    def search(self) -> "PgVectorStore":
        """The store itself: its statement also reads which editions search finds."""
        return self

    async def check(self, index: VectorIndex) -> None:
        """Do nothing: the index exists wherever the tables do."""

    def split(self, batch: VectorBatch) -> list[VectorBatch]:
        """Return the batch as it is: there is no limit on its size."""
        return [batch]

    async def upsert(self, index: VectorIndex, batch: VectorBatch, within: object | None = None) -> None:
        """Write vectors in the transaction of ``within``.

        Raises:
            TypeError: without a transaction.
            VectorLengthError: when the index holds vectors of another length.
        """
        if not isinstance(within, AsyncConnection):
            raise TypeError("vectors in PostgreSQL are written in the transaction that publishes them")
        if any(len(vector) != index.embedding.dimensions for vector in batch.vectors.values()):
            raise VectorLengthError(f"The index holds vectors of {index.embedding.dimensions} dimensions.")
        driver = await get_driver(within)
        place = {"index_id": index.id, "document_id": batch.document_id, "edition": batch.edition}
        await within.execute(_DELETE_GIVEN, {**place, "ordinals": list(batch.vectors)})
        await driver.copy_records_to_table(
            "vectors",
            columns=("document_id", "edition", "ordinal", "index_id", "agent_id", "embedding"),
            records=(
                (batch.document_id, batch.edition, ordinal, index.id, batch.agent_id, vector)
                for ordinal, vector in batch.vectors.items()
            ),
        )

    async def settle(self, index: VectorIndex, batch: VectorBatch) -> None:
        """Do nothing: committed vectors are visible at once."""

    async def query(
        self,
        index: VectorIndex,
        agent_id: int,
        vector: Vector,
        *,
        limit: int,
        document_ids: Sequence[int] | None = None,
        without: Sequence[tuple[int, int]] = (),
    ) -> list[Match]:
        """Find an agent's vectors that are most similar to ``vector``, the most similar first."""
        found = await self._query(index, agent_id, vector, limit, document_ids, without, [])
        return [Match(VectorKey(*key), similarity) for *key, similarity, is_nearest in found if is_nearest]

    async def find(
        self,
        index: VectorIndex,
        agent_id: int,
        vector: Vector,
        *,
        limit: int,
        document_ids: Sequence[int] | None,
        compared: Sequence[VectorKey],
    ) -> Nearest:
        """``query`` in one statement with ``compare``, for the chunks that search finds; see ``VectorSearch``."""
        nearest: dict[VectorKey, float] = {}
        checked: dict[VectorKey, float | None] = {}
        rows = await self._query(index, agent_id, vector, limit, document_ids, (), compared)
        for document_id, edition, ordinal, similarity, is_nearest in rows:
            if document_id is not None:
                (nearest if is_nearest else checked)[VectorKey(document_id, edition, ordinal)] = similarity
            elif isinstance(index, AssumedIndex):
                raise RetryLaterError("Another vector index has become active.", retry_after=1)
        return Nearest(nearest, checked)

    async def _query(
        self,
        index: VectorIndex,
        agent_id: int,
        vector: Vector,
        limit: int,
        document_ids: Sequence[int] | None,
        without: Sequence[tuple[int, int]],
        compared: Sequence[VectorKey],
    ) -> list[Any]:
        parameters = {
            **write_comparison(index, agent_id, vector, compared),
            "without_ids": [document_id for document_id, _ in without],
            "without_editions": [edition for _, edition in without],
            "limit": limit,
        }
        if document_ids is not None:
            return await self._database.fetch(QUERY_DOCUMENTS, {**parameters, "document_ids": list(document_ids)})
        if not any(vector) or not await self._hnsw_indexes.has(index.id, agent_id):
            return await self._database.fetch(QUERY, parameters)
        write = partial(write_hnsw_query, index.id, agent_id, len(vector), limit)
        rows = await self._database.fetch(write(max(limit, BESIDE_WORDS if compared else ALONE)), parameters)
        if sum(row["is_nearest"] for row in rows) < limit:  # most candidates are hidden, or the agent has no more
            rows = await self._database.fetch(write(None), parameters)
        return rows

    async def compare(
        self, index: VectorIndex, agent_id: int, vector: Vector, keys: Sequence[VectorKey]
    ) -> dict[VectorKey, float]:
        """Return the similarity of those of these vectors that exist."""
        parameters = write_comparison(index, agent_id, vector, keys)
        return {VectorKey(*key): similarity for *key, similarity in await self._database.fetch(COMPARE, parameters)}

    async def delete(
        self,
        index: VectorIndex,
        agent_id: int,
        document_id: int,
        edition: int,
    ) -> None:
        """Remove an edition's vectors."""
        parameters = {"index_id": index.id, "agent_id": agent_id, "document_id": document_id, "edition": edition}
        async with self._database.statement() as connection:
            await connection.execute(_DELETE, parameters)

    async def list_agents(self, index: VectorIndex) -> list[int]:
        """List the agents that have vectors in the index, with one index probe each."""
        async with self._database.statement() as connection:
            return list((await connection.execute(_LIST_AGENTS, {"index_id": index.id})).scalars())

    async def list_keys(self, index: VectorIndex, agent_id: int) -> AsyncIterator[VectorKey]:
        """Iterate over the keys of all vectors of an agent, read in pages of some thousands."""
        last = VectorKey(0, 0, 0)
        while True:
            parameters = {
                "index_id": index.id,
                "agent_id": agent_id,
                "document_id": last.document_id,
                "edition": last.edition,
                "ordinal": last.ordinal,
                "limit": _PAGE,
            }
            async with self._database.statement() as connection:
                keys = [VectorKey(*row) for row in await connection.execute(_LIST_KEYS, parameters)]
            for key in keys:
                yield key
            if len(keys) < _PAGE:
                return
            last = keys[-1]

    async def drop(self, index: VectorIndex) -> bool:
        """Delete some thousands of an index's vectors; returns whether none are left."""
        async with self._database.statement() as connection:
            dropped = (await connection.execute(_DROP, {"index_id": index.id, "limit": _DROPPED_AT_ONCE})).rowcount
        return dropped < _DROPPED_AT_ONCE

    async def close(self) -> None:
        """Do nothing: the pool belongs to the caller that created it."""
