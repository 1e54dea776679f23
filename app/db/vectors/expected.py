"""What a vector index should hold, for the consistency check."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.vectors import VectorKey

_LIST_AGENTS = text("SELECT DISTINCT agent_id FROM editions WHERE index_id = CAST(:index_id AS bigint)")


async def list_agents(connection: AsyncConnection, index_id: int) -> list[int]:
    """List the agents that have editions in an index."""
    return list((await connection.execute(_LIST_AGENTS, {"index_id": index_id})).scalars())


_LIST_EDITIONS = text("""
    SELECT document_id, edition FROM editions
    WHERE index_id = CAST(:index_id AS bigint) AND agent_id = CAST(:agent_id AS bigint)
""")


async def list_editions(connection: AsyncConnection, index_id: int, agent_id: int) -> set[tuple[int, int]]:
    """List the editions of an agent's documents that an index may hold, each (document id, edition)."""
    rows = await connection.execute(_LIST_EDITIONS, {"index_id": index_id, "agent_id": agent_id})
    return {(row.document_id, row.edition) for row in rows}


_LIST_CHUNK_KEYS = text("""
    SELECT c.document_id, c.edition, c.ordinal
    FROM editions AS e
    JOIN documents AS d ON d.id = e.document_id AND d.edition = e.edition AND d.deleted_at IS NULL
    JOIN chunks AS c ON c.document_id = e.document_id AND c.edition = e.edition
    WHERE e.index_id = CAST(:index_id AS bigint) AND e.agent_id = CAST(:agent_id AS bigint) AND e.complete
""")


async def list_chunk_keys(connection: AsyncConnection, index_id: int, agent_id: int) -> set[VectorKey]:
    """List the keys of an agent's chunks that search finds, of the documents recorded as complete in the index."""
    rows = await connection.execute(_LIST_CHUNK_KEYS, {"index_id": index_id, "agent_id": agent_id})
    return {VectorKey(*row) for row in rows}


_MARK_INCOMPLETE = text("""
    UPDATE editions AS e SET complete = false, done_to = NULL
    FROM documents AS d
    WHERE d.id = e.document_id AND d.edition = e.edition AND e.index_id = CAST(:index_id AS bigint)
        AND e.document_id = ANY (CAST(:document_ids AS bigint[]))
""")


async def mark_incomplete(connection: AsyncConnection, index_id: int, document_ids: Sequence[int]) -> None:
    """Record that vectors of these documents are missing, so that they are embedded again."""
    await connection.execute(_MARK_INCOMPLETE, {"index_id": index_id, "document_ids": list(document_ids)})
