"""The statements that find the nearest vectors in Postgres, and compare given ones."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from app.db.documents.editions import HIDDEN_EDITIONS
from app.db.statements import Statement, write_array
from app.domain.vectors import IndexState, Vector, VectorIndex, VectorKey

# The cosine distance from a vector of zeros is NaN, which PostgreSQL sorts last: its similarity is 0.
_SIMILARITY = "1 - coalesce(nullif(v.embedding <=> CAST(:vector AS halfvec), 'NaN'), 1)"
_COLUMNS = f"v.document_id, v.edition, v.ordinal, {_SIMILARITY} AS similarity"
_ASKED = """unnest(CAST(CAST(:asked_ids AS text) AS bigint[]), CAST(CAST(:asked_editions AS text) AS integer[]),
        CAST(CAST(:asked_ordinals AS text) AS integer[])) AS asked (document_id, edition, ordinal)"""

COMPARE = Statement(f"""
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
QUERY = _write_query(_OF_AGENT)
QUERY_DOCUMENTS = _write_query(f"{_OF_AGENT} AND v.document_id = ANY (CAST(:document_ids AS bigint[]))")


ALONE, BESIDE_WORDS = 200, 120
"""The candidates of an HNSW index (``hnsw.ef_search``): for vectors alone, and where words propose chunks as well.

Measured in docs/adr/0005-vectors-in-postgres.md.
"""


@lru_cache(maxsize=1000)
def write_hnsw_query(index_id: int, agent_id: int, dimensions: int, limit: int, candidates: int | None) -> Statement:
    """The query of an agent with an HNSW index.

    Ids and limit are literals: with parameters, the generic plan cannot use the index, or the planner estimates it to
    be too costly and plans again each time.

    Args:
        index_id: The vector index.
        agent_id: The agent.
        dimensions: The length of the vectors.
        limit: The largest number of vectors.
        candidates: How many the index scan finds before it ends. If more of them are hidden than the difference to the
            limit, fewer than ``limit`` are found. None: the scan continues until there are enough (``_TUNE_HNSW`` in
            ``app.db.engine``), which costs 4 to 19 % more.
    """
    where = f"v.agent_id = {int(agent_id)} AND v.index_id = {int(index_id)}"
    if candidates is not None:  # Postgres evaluates a condition without columns first, and resets the settings itself
        where += f"""
                AND (SELECT set_config('hnsw.ef_search', '{int(candidates)}', true)) IS NOT NULL
                AND (SELECT set_config('hnsw.iterative_scan', 'off', true)) IS NOT NULL"""
    return _write_query(where, f"CAST(v.embedding AS halfvec({int(dimensions)}))", str(int(limit)))


def write_comparison(index: VectorIndex, agent_id: int, vector: Vector, keys: Sequence[VectorKey]) -> dict[str, Any]:
    """The parameters of ``COMPARE``, and of the other statements those that they share with it."""
    return {
        "index_id": index.id,
        "agent_id": agent_id,
        "vector": vector,
        "asked_ids": write_array(key.document_id for key in keys),
        "asked_editions": write_array(key.edition for key in keys),
        "asked_ordinals": write_array(key.ordinal for key in keys),
    }
