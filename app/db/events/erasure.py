"""Removes the names and metadata of deleted documents and agents from events. Their ids, types and times stay."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_ERASED = """
    data = data || jsonb_build_object(
        'filename', NULL, 'metadata', NULL, 'error', CASE WHEN data -> 'error' <> 'null'
            THEN data -> 'error' || '{"message": "The document is deleted."}' END)
"""
_HAS_NAMES = """
    (data ->> 'filename' IS NOT NULL OR data -> 'metadata' NOT IN ('null', '{}')
     OR data #>> '{error,message}' <> 'The document is deleted.')
"""

_ERASE = text(f"""
    UPDATE events SET {_ERASED} WHERE document_id = ANY (CAST(:document_ids AS bigint[])) AND {_HAS_NAMES}
""")


async def erase_events(connection: AsyncConnection, document_ids: Sequence[int]) -> None:
    """Erase the events of deleted documents."""
    await connection.execute(_ERASE, {"document_ids": list(document_ids)})


_ERASE_OF_AGENT = text(f"""
    UPDATE events SET {_ERASED} WHERE id = ANY (ARRAY(
        SELECT id FROM events WHERE agent_id = CAST(:agent_id AS bigint) AND document_id IS NULL
            AND position IS NOT NULL AND {_HAS_NAMES}
        LIMIT :limit))
""")


async def erase_agent_events(connection: AsyncConnection, agent_id: int, limit: int) -> int:
    """Erase events of a deleted agent that are about no document, ``limit`` at most; returns how many."""
    return (await connection.execute(_ERASE_OF_AGENT, {"agent_id": agent_id, "limit": limit})).rowcount
