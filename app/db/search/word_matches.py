"""Which words given chunks have."""

from collections.abc import Collection, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.vectors import VectorKey

_FIND = text("""
    WITH keys AS (
        SELECT *
        FROM unnest(CAST(:document_ids AS bigint[]), CAST(:editions AS integer[]), CAST(:ordinals AS integer[]))
            AS given (document_id, edition, ordinal)
    )
    SELECT c.document_id, c.edition, c.ordinal, array_agg(given.lexeme) AS lexemes
    FROM keys
    JOIN chunks c USING (document_id, edition, ordinal)
    -- setweight changes nothing, but unpacks a stored tsvector once instead of once for each word.
    CROSS JOIN LATERAL (SELECT setweight(c.tsv, 'D') AS tsv OFFSET 0) AS unpacked
    JOIN unnest(CAST(:lexemes AS text[])) AS given (lexeme)
        ON unpacked.tsv @@ CAST(quote_literal(given.lexeme) AS tsquery)
    WHERE c.agent_id = CAST(:agent_id AS bigint)
    GROUP BY c.document_id, c.edition, c.ordinal
""")


async def find_lexemes(
    connection: AsyncConnection, agent_id: int, keys: Collection[VectorKey], lexemes: Sequence[str]
) -> dict[VectorKey, frozenset[str]]:
    """Find which of these lexemes each of an agent's chunks has. Chunks without any are left out.

    Args:
        connection: Within a transaction or not.
        agent_id: The agent.
        keys: The chunks.
        lexemes: The lexemes.
    """
    parameters = {
        "agent_id": agent_id,
        "document_ids": [key.document_id for key in keys],
        "editions": [key.edition for key in keys],
        "ordinals": [key.ordinal for key in keys],
        "lexemes": list(lexemes),
    }
    rows = await connection.execute(_FIND, parameters)
    return {VectorKey(row.document_id, row.edition, row.ordinal): frozenset(row.lexemes) for row in rows}
