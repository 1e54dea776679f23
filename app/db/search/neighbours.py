"""Queries on the chunks beside given ones."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.records import StoredChunk
from app.domain.vectors import VectorKey

_LIST = text("""
    WITH keys AS (
        SELECT *
        FROM unnest(CAST(:document_ids AS bigint[]), CAST(:editions AS integer[]), CAST(:ordinals AS integer[]))
            AS given (document_id, edition, ordinal)
    )
    SELECT keys.document_id, keys.edition, keys.ordinal AS of,
        c.id, c.ordinal, c.text, c.context, c.start_char, c.end_char, c.page
    FROM keys
    -- The edition that search finds; its document may have been replaced or deleted in the meantime.
    JOIN documents d ON d.id = keys.document_id AND d.edition = keys.edition AND d.deleted_at IS NULL
    JOIN chunks c ON c.document_id = keys.document_id AND c.edition = keys.edition
        AND c.ordinal BETWEEN keys.ordinal - CAST(:count AS integer) AND keys.ordinal + CAST(:count AS integer)
        AND c.ordinal <> keys.ordinal
    ORDER BY keys.document_id, keys.ordinal, c.ordinal
""")


async def list_neighbours(
    connection: AsyncConnection, keys: Sequence[VectorKey], count: int
) -> dict[VectorKey, list[StoredChunk]]:
    """List up to ``count`` chunks on each side of each of these chunks, in order. Only those that search finds."""
    parameters = {
        "document_ids": [key.document_id for key in keys],
        "editions": [key.edition for key in keys],
        "ordinals": [key.ordinal for key in keys],
        "count": count,
    }
    found: dict[VectorKey, list[StoredChunk]] = {}
    for document_id, edition, ordinal, *chunk in await connection.execute(_LIST, parameters):
        found.setdefault(VectorKey(document_id, edition, ordinal), []).append(StoredChunk(*chunk))
    return found
