"""Removes the names and metadata of deleted documents and agents from deliveries, as from their events.

Types, ids, times and statuses stay, so that the log still shows what was sent when.
"""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_MESSAGE = "The document is deleted."
_DATA = "CAST(d.body AS jsonb) -> 'data'"
_ERASED = f"""
    body = CAST(jsonb_set(CAST(d.body AS jsonb), '{{data}}', ({_DATA}) || jsonb_build_object(
        'filename', NULL, 'metadata', NULL, 'error', CASE WHEN {_DATA} -> 'error' <> 'null'
            THEN ({_DATA} -> 'error') || '{{"message": "{_MESSAGE}"}}' END)) AS text)
"""
_HAS_NAMES = f"""
    ({_DATA} ->> 'filename' IS NOT NULL OR {_DATA} -> 'metadata' NOT IN ('null', '{{}}')
     OR {_DATA} #>> '{{error,message}}' <> '{_MESSAGE}')
"""

_ERASE = text(f"""
    UPDATE webhook_deliveries AS d SET {_ERASED}
    WHERE d.document_id = ANY (CAST(:document_ids AS bigint[])) AND {_HAS_NAMES}
""")


async def erase_deliveries(connection: AsyncConnection, document_ids: Sequence[int]) -> None:
    """Erase the deliveries of events about deleted documents, also those that are still to be sent."""
    await connection.execute(_ERASE, {"document_ids": list(document_ids)})


_ERASE_OF_AGENT = text(f"""
    UPDATE webhook_deliveries AS d SET {_ERASED} WHERE d.id = ANY (ARRAY(
        SELECT d.id FROM events AS e JOIN webhook_deliveries AS d ON d.event_id = e.id
        WHERE e.agent_id = CAST(:agent_id AS bigint) AND e.position IS NOT NULL AND d.document_id IS NULL
            AND {_HAS_NAMES}
        LIMIT :limit))
""")


async def erase_agent_deliveries(connection: AsyncConnection, agent_id: int, limit: int) -> int:
    """Erase deliveries of events about a deleted agent and no document, ``limit`` at most; returns how many."""
    return (await connection.execute(_ERASE_OF_AGENT, {"agent_id": agent_id, "limit": limit})).rowcount
