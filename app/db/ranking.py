"""Ranking: find an agent's chunks by a question's words, and combine the scores of words and of vectors.

How the weights were chosen: docs/adr/0002-hybrid-ranking.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.filters import write_condition
from app.db.tables import documents
from app.domain.filters import Filter
from app.domain.vectors import VectorKey

MATCHES = (
    4_000  # the number of chunks with a question's rarest words that are scored; more common words only rank these
)


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found. The score is from 0 to 1 (by vectors alone: from -1), comparable within one search.

    ``context`` is indexed with the text but not part of it: the headings above the chunk, the header of its table.
    """

    document_id: int
    filename: str
    chunk_id: int
    text: str
    context: str
    score: float
    page: int | None
    start: int
    end: int
    metadata: Mapping[str, Any]


async def find_documents(connection: AsyncConnection, agent_id: int, where: Filter) -> list[int]:
    """Find the ids of an agent's documents that match a filter and that search finds."""
    query = (
        select(documents.c.id)
        .where(documents.c.agent_id == agent_id, documents.c.deleted_at.is_(None), documents.c.edition > 0)
        .where(write_condition(where))
        .order_by(documents.c.id)
    )
    return list((await connection.execute(query)).scalars())


# A word's weight is its inverse document frequency among the agent's chunks, in the form BM25 uses; a chunk's
# score for it saturates with each occurrence and falls with the chunk's length (ts_rank, normalisation 1).
_ASKED = """
    -- The question's words that the agent's chunks have.
    asked AS MATERIALIZED (
        SELECT l.lexeme, quote_literal(l.lexeme)::tsquery AS word,
            ln(1 + (n.chunk_count - l.chunk_count + 0.5) / (l.chunk_count + 0.5)) AS weight,
            l.chunk_count
        FROM lexemes l JOIN lexemes n ON n.agent_id = l.agent_id AND n.lexeme = ''
        WHERE l.agent_id = CAST(:agent_id AS bigint) AND l.lexeme = ANY (CAST(:lexemes AS text[]))
            AND l.chunk_count > 0
    )
"""

# setweight changes nothing, but unpacks a stored tsvector once instead of once for each word: three times as fast.
_UNPACKED = "LATERAL (SELECT setweight(c.tsv, 'D') AS tsv OFFSET 0) AS unpacked"

_WORDS = "(SELECT sum(weight * ts_rank(unpacked.tsv, word, 1)) FROM asked)"

_FIND_BY_WORDS = text(f"""
    WITH {_ASKED},
    -- The rarest words, until the chunks that have them exceed the limit; at least one. Only these find chunks.
    choosing AS MATERIALIZED (
        SELECT word, sum(chunk_count) OVER rarest_first <= :matches OR row_number() OVER rarest_first = 1 AS chooses
        FROM asked WINDOW rarest_first AS (ORDER BY chunk_count, lexeme ROWS UNBOUNDED PRECEDING)
    ),
    -- The agent's documents, each with the edition that search finds.
    visible AS (
        SELECT id, edition FROM documents
        WHERE agent_id = CAST(:agent_id AS bigint) AND deleted_at IS NULL
            AND (CAST(:document_ids AS bigint[]) IS NULL OR id = ANY (CAST(:document_ids AS bigint[])))
    )
    SELECT c.document_id, c.edition, c.ordinal
    FROM chunks c, {_UNPACKED}
    WHERE c.agent_id = CAST(:agent_id AS bigint) AND (c.document_id, c.edition) IN (SELECT id, edition FROM visible)
        AND c.tsv @@ (SELECT string_agg(word::text, ' | ')::tsquery FROM choosing WHERE chooses)
    ORDER BY {_WORDS} DESC, c.id
    LIMIT :limit
""")


async def find_by_words(
    connection: AsyncConnection,
    agent_id: int,
    lexemes: Sequence[str],
    *,
    limit: int,
    document_ids: Sequence[int] | None = None,
) -> list[VectorKey]:
    """Find the chunks of an agent's documents that match a question's words best, the best first.

    Args:
        connection: Within a transaction or not.
        agent_id: The agent.
        lexemes: The question's words, from ``app.pipeline.words.lexemes``.
        limit: The maximum number of chunks.
        document_ids: Only chunks of these documents; None: of all.
    """
    parameters = {
        "agent_id": agent_id,
        "lexemes": list(lexemes),
        "document_ids": None if document_ids is None else list(document_ids),
        "matches": MATCHES,
        "limit": limit,
    }
    return [VectorKey(*row) for row in await connection.execute(_FIND_BY_WORDS, parameters)]


_COUNTS = text("""
    SELECT lexeme, chunk_count FROM lexemes
    WHERE agent_id = CAST(:agent_id AS bigint) AND lexeme = ANY (CAST(:lexemes AS text[]))
""")


async def count_chunks_with(connection: AsyncConnection, agent_id: int, lexemes: Sequence[str]) -> dict[str, int]:
    """Count the agent's chunks with each lexeme; under the empty one, all of its chunks."""
    parameters = {"agent_id": agent_id, "lexemes": ["", *lexemes]}
    rows = await connection.execute(_COUNTS, parameters)
    return {row.lexeme: row.chunk_count for row in rows}


_RANK = text(f"""
    WITH {_ASKED},
    -- The candidates as the caller gives them.
    given AS (
        SELECT * FROM unnest(
            CAST(:document_ids AS bigint[]), CAST(:editions AS integer[]), CAST(:ordinals AS integer[]),
            CAST(:similarities AS double precision[])) AS given (document_id, edition, ordinal, meaning)
    ),
    -- The candidates that search still finds, with the score of their words.
    candidate AS MATERIALIZED (
        SELECT c.id, c.document_id, d.filename, d.metadata, c.text, c.context, c.page, c.start_char, c.end_char,
            {_WORDS} AS words, given.meaning
        FROM given
        JOIN chunks c USING (document_id, edition, ordinal)
        JOIN documents d ON d.id = c.document_id AND d.edition = c.edition AND d.deleted_at IS NULL,
        {_UNPACKED}
        WHERE c.agent_id = CAST(:agent_id AS bigint)
    )
    -- The score of the words is relative to the best candidate's, so that it lies between 0 and 1.
    SELECT document_id, filename, id AS chunk_id, text, context,
        :words_weight * coalesce(words / nullif(max(words) OVER (), 0), 0)
            + (1 - :words_weight) * coalesce(meaning, 0) AS score,
        page, start_char AS start, end_char AS "end", metadata
    FROM candidate
    ORDER BY score DESC, id
    LIMIT :limit
""").columns(metadata=JSONB)


async def rank(
    connection: AsyncConnection,
    agent_id: int,
    lexemes: Sequence[str],
    candidates: Mapping[VectorKey, float | None],
    *,
    words_weight: float,
    limit: int,
) -> list[Hit]:
    """Return the best candidates, the best first, without chunks that search no longer finds.

    Args:
        connection: Within a transaction or not.
        agent_id: The agent.
        lexemes: The question's words.
        candidates: Each chunk's similarity to the question (the cosine); None where it has no vector.
        words_weight: The share of the words in a score: 1 for words alone, 0 for vectors alone.
        limit: The maximum number of hits.
    """
    parameters = {
        "agent_id": agent_id,
        "lexemes": list(lexemes),
        "document_ids": [key.document_id for key in candidates],
        "editions": [key.edition for key in candidates],
        "ordinals": [key.ordinal for key in candidates],
        "similarities": list(candidates.values()),
        "words_weight": words_weight,
        "limit": limit,
    }
    return [Hit(**row) for row in (await connection.execute(_RANK, parameters)).mappings()]
