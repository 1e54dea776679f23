"""Vectors in PostgreSQL, written in the transaction that publishes them.

A search compares all vectors of an agent exactly; those of a large agent are searched with an HNSW index
(docs/adr/0005-vectors-in-postgres.md).
"""

from collections.abc import AsyncIterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.chunks import get_driver
from app.db.documents.editions import HIDDEN_EDITIONS
from app.db.engine import Database
from app.db.statements import Statement, write_array
from app.db.vectors.hnsw_indexes import HnswIndexes
from app.domain.errors import RetryLaterError, VectorLengthError
from app.domain.vectors import AssumedIndex, IndexState, Match, Nearest, Vector, VectorBatch, VectorIndex, VectorKey

_PAGE = 5_000
_DROPPED_AT_ONCE = 20_000

_DELETE_GIVEN = text("""
    DELETE FROM vectors
    WHERE document_id = CAST(:document_id AS bigint) AND edition = CAST(:edition AS integer)
        AND ordinal = ANY (CAST(:ordinals AS integer[])) AND index_id = CAST(:index_id AS bigint)
""")

# The cosine distance from a vector of zeros is NaN, which PostgreSQL sorts last: its similarity is 0.
_SIMILARITY = "1 - coalesce(nullif(v.embedding <=> CAST(:vector AS halfvec), 'NaN'), 1)"
_COLUMNS = f"v.document_id, v.edition, v.ordinal, {_SIMILARITY} AS similarity"
_ASKED = """unnest(CAST(CAST(:asked_ids AS text) AS bigint[]), CAST(CAST(:asked_editions AS text) AS integer[]),
        CAST(CAST(:asked_ordinals AS text) AS integer[])) AS asked (document_id, edition, ordinal)"""

_COMPARE = Statement(f"""
    SELECT {_COLUMNS}
    FROM vectors AS v
    JOIN {_ASKED} USING (document_id, edition, ordinal)
    WHERE v.index_id = CAST(:index_id AS bigint) AND v.agent_id = CAST(:agent_id AS bigint)
""")

# The given chunks that search finds, and a row without a key when the index is not active.
_CHECKED = f"""
    SELECT d.id, d.edition, asked.ordinal, CASE WHEN v.ordinal IS NOT NULL THEN {_SIMILARITY} END, false
    FROM {_ASKED}
    JOIN documents AS d ON d.id = asked.document_id AND d.edition = asked.edition
        AND d.agent_id = CAST(:agent_id AS bigint) AND d.deleted_at IS NULL
    LEFT JOIN vectors AS v ON v.document_id = asked.document_id AND v.edition = asked.edition
        AND v.ordinal = asked.ordinal AND v.index_id = CAST(:index_id AS bigint)
        AND v.agent_id = CAST(:agent_id AS bigint)
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, false
    WHERE NOT EXISTS (
        SELECT FROM vector_indexes WHERE id = CAST(:index_id AS bigint) AND state = '{IndexState.ACTIVE}')
"""


def _write_query(where: str, embedding: str = "v.embedding", limit: str = ":limit") -> Statement:
    """The statement that finds the nearest vectors, and checks and compares given ones."""
    return Statement(f"""
        (
            SELECT {_COLUMNS}, true AS is_nearest
            FROM vectors AS v
            WHERE {where}
                AND (v.document_id, v.edition) NOT IN (
                    SELECT * FROM unnest(CAST(:without_ids AS bigint[]), CAST(:without_editions AS integer[])))
                AND (v.document_id, v.edition) NOT IN ({HIDDEN_EDITIONS})
            ORDER BY {embedding} <=> CAST(:vector AS halfvec), v.document_id, v.edition, v.ordinal
            LIMIT {limit}
        )
        UNION ALL
        {_CHECKED}
    """)


_OF_AGENT = "v.agent_id = CAST(:agent_id AS bigint) AND v.index_id = CAST(:index_id AS bigint)"
# Two statements, so that the plan for a few documents looks them up and does not scan all vectors of the agent.
_QUERY = _write_query(_OF_AGENT)
_QUERY_DOCUMENTS = _write_query(f"{_OF_AGENT} AND v.document_id = ANY (CAST(:document_ids AS bigint[]))")

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
            **_write_comparison(index, agent_id, vector, compared),
            "without_ids": [document_id for document_id, _ in without],
            "without_editions": [edition for _, edition in without],
            "limit": limit,
        }
        statement = _QUERY
        if document_ids is not None:
            statement, parameters["document_ids"] = _QUERY_DOCUMENTS, list(document_ids)
        elif any(vector) and await self._hnsw_indexes.has(index.id, agent_id):
            statement = _write_hnsw_query(index.id, agent_id, len(vector), limit)
            del parameters["limit"]
        return await self._database.fetch(statement, parameters)

    async def compare(
        self, index: VectorIndex, agent_id: int, vector: Vector, keys: Sequence[VectorKey]
    ) -> dict[VectorKey, float]:
        """Return the similarity of those of these vectors that exist."""
        parameters = _write_comparison(index, agent_id, vector, keys)
        return {VectorKey(*key): similarity for *key, similarity in await self._database.fetch(_COMPARE, parameters)}

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


@lru_cache(maxsize=1000)
def _write_hnsw_query(index_id: int, agent_id: int, dimensions: int, limit: int) -> Statement:
    """The query of an agent with an HNSW index.

    Ids and limit are literals: a plan with parameters cannot use the index, or is thought too dear to be kept.
    """
    of_agent = f"v.agent_id = {int(agent_id)} AND v.index_id = {int(index_id)}"
    return _write_query(of_agent, f"CAST(v.embedding AS halfvec({int(dimensions)}))", str(int(limit)))


def _write_comparison(index: VectorIndex, agent_id: int, vector: Vector, keys: Sequence[VectorKey]) -> dict[str, Any]:
    """The parameters of ``_COMPARE`` and ``_CHECKED``."""
    return {
        "index_id": index.id,
        "agent_id": agent_id,
        "vector": vector,
        "asked_ids": write_array(key.document_id for key in keys),
        "asked_editions": write_array(key.edition for key in keys),
        "asked_ordinals": write_array(key.ordinal for key in keys),
    }
