"""The search index in Postgres: an agent's chunks, their words and vectors, and how many chunks have each word.

Nothing here commits. How the ranking was chosen: docs/adr/0002-hybrid-ranking.md.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import asyncpg
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.documents import Chunk
from app.domain.ports import Vector

CANDIDATES = 100  # chunks that each half proposes, and at least four times what is asked for
CHUNK_COLUMNS = ("ordinal", "text", "context", "start_char", "end_char", "page")
LAST_EDITION = 2**31 - 1
REMOVED_AT_ONCE = 2_000  # chunks that are taken out of the index in one statement, for it to end within seconds
MATCHES = 4_000  # chunks that a question's rarest words may have in all; commoner words only help to rank these


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk with its unit vector and the positions of its lexemes."""

    chunk: Chunk
    vector: Vector
    lexemes: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found. The score is from 0 to 1 (``vector`` alone: -1), comparable within one search.

    ``context`` is what it was found by besides its text: the header of a table that begins before it.
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


async def add_chunks(
    connection: AsyncConnection, *, agent_id: int, document_id: int, edition: int, rows: Sequence[ChunkRow]
) -> None:
    """Add chunks to an edition of a document. Search finds them once that is the document's edition.

    The counts of the agent's words come last: from there until the transaction ends, no other may
    change them, so commit soon.
    """
    await _copy_chunks(connection, agent_id, document_id, edition, rows)
    await _count_lexemes(connection, _count(agent_id, rows))


async def replace_chunks(
    connection: AsyncConnection, *, agent_id: int, document_id: int, edition: int, rows: Sequence[ChunkRow]
) -> bool:
    """Give an edition of a document these chunks, and take those of former ones out of the index.

    Returns whether all of those are gone. Counts are changed once for both, so that no two transactions deadlock.
    """
    removed = await _remove_chunks(connection, document_id, last=edition - 1)
    await _copy_chunks(connection, agent_id, document_id, edition, rows)
    change = _count(agent_id, rows)
    change.subtract(removed)
    await _count_lexemes(connection, change)
    return removed[agent_id, ""] < REMOVED_AT_ONCE


async def remove_chunks(
    connection: AsyncConnection, document_id: int, *, first: int = 0, last: int = LAST_EDITION
) -> int:
    """Take chunks of a document out of the index, of its editions from ``first`` to ``last``; returns how many.

    At most ``REMOVED_AT_ONCE``: where it returns that, there may be more.
    """
    removed = await _remove_chunks(connection, document_id, first=first, last=last)
    await _count_lexemes(connection, {key: -count for key, count in removed.items()})
    return sum(count for (_, lexeme), count in removed.items() if lexeme == "")


async def count_chunks(connection: AsyncConnection, document_id: int) -> int:
    """How many chunks a document has in the index, of whatever edition."""
    return int((await connection.execute(_COUNT_CHUNKS, {"document_id": document_id})).scalar_one())


def _count(agent_id: int, rows: Sequence[ChunkRow]) -> Counter[tuple[int, str]]:
    """How many chunks have each lexeme. Each counts under the empty lexeme too."""
    counted = Counter({(agent_id, ""): len(rows)})
    for row in rows:
        counted.update((agent_id, lexeme) for lexeme in row.lexemes)
    return counted


async def _remove_chunks(
    connection: AsyncConnection, document_id: int, *, first: int = 0, last: int = LAST_EDITION
) -> Counter[tuple[int, str]]:
    """Delete chunks of a document; how many had each lexeme, by agent."""
    parameters = {"document_id": document_id, "first": first, "last": last, "limit": REMOVED_AT_ONCE}
    removed = await connection.execute(_REMOVE, parameters)
    return Counter({(agent_id, lexeme): count for agent_id, lexeme, count in removed})


async def _copy_chunks(
    connection: AsyncConnection, agent_id: int, document_id: int, edition: int, rows: Sequence[ChunkRow]
) -> None:
    driver = await get_driver(connection)
    await driver.copy_records_to_table(
        "chunks",
        columns=("agent_id", "document_id", "edition", *CHUNK_COLUMNS, "embedding", "tsv"),
        records=((agent_id, document_id, edition, *as_record(row.chunk), row.vector, row.lexemes) for row in rows),
    )


async def get_driver(connection: AsyncConnection) -> asyncpg.Connection:
    """The asyncpg connection beneath, for COPY.

    Raises:
        RuntimeError: outside of a transaction, where half of what is copied could stay.
    """
    driver = (await connection.get_raw_connection()).driver_connection
    if not isinstance(driver, asyncpg.Connection) or not driver.is_in_transaction():
        raise RuntimeError("chunks are written within a transaction on asyncpg")
    return driver


def as_record(chunk: Chunk) -> tuple[int, str, str, int, int, int | None]:
    """A chunk as ``CHUNK_COLUMNS`` hold it."""
    return chunk.index, chunk.text, chunk.context, chunk.start, chunk.end, chunk.page


async def _count_lexemes(connection: AsyncConnection, change: Mapping[tuple[int, str], int]) -> None:
    """Add to the counts, in the order of the key, so that two transactions wait for each other but never deadlock."""
    changed = sorted((agent_id, lexeme, count) for (agent_id, lexeme), count in change.items() if count)
    if changed:
        agent_ids, lexemes, counts = map(list, zip(*changed, strict=True))
        await connection.execute(_COUNT, {"agent_ids": agent_ids, "lexemes": lexemes, "counts": counts})


async def search(
    connection: AsyncConnection,
    *,
    agent_id: int,
    query_lexemes: Sequence[str],
    query_vector: Vector | None,
    mode: Literal["hybrid", "vector", "text"] = "hybrid",
    top_k: int = 10,
    filter: Mapping[str, Any] | None = None,  # noqa: A002 (its name in the API)
) -> list[Hit]:
    """An agent's chunks that fit the question best, the best first; those of deleted documents never.

    Args:
        connection: Within a transaction or not.
        agent_id: Whose chunks.
        query_lexemes: The question's words, from ``app.pipeline.lexemes``; unused when mode is ``vector``.
        query_vector: The question's unit vector, of the index's length; unused when mode is ``text``.
        mode: What decides: words, meaning, or the mean of both.
        top_k: Hits at most.
        filter: What a document's metadata must contain; ``document_id`` is an id or a list of ids.
    """
    wanted = dict(filter or {})
    document_ids = wanted.pop("document_id", None)
    if isinstance(document_ids, int):
        document_ids = [document_ids]
    lexemes = [] if mode == "vector" else list(query_lexemes)
    vector = None if mode == "text" else query_vector
    rows = await connection.execute(
        _SEARCH,
        {
            "agent_id": agent_id,
            "lexemes": lexemes,
            "vector": vector,
            "words_weight": 1.0 if vector is None else 0.5 if mode == "hybrid" else 0.0,
            "document_ids": document_ids,
            "metadata": json.dumps(wanted),
            "matches": MATCHES,
            "candidates": max(CANDIDATES, 4 * top_k),
            "top_k": top_k,
        },
    )
    return [Hit(**row) for row in rows.mappings()]


_REMOVE = text("""
    WITH doomed AS (
        SELECT id FROM chunks
        WHERE document_id = CAST(:document_id AS bigint)
            AND edition BETWEEN CAST(:first AS integer) AND CAST(:last AS integer)
        LIMIT :limit
    ),
    removed AS (
        DELETE FROM chunks WHERE id IN (SELECT id FROM doomed) RETURNING agent_id, tsv
    )
    SELECT agent_id, lexeme, count(*)
    FROM removed, unnest(tsvector_to_array(tsv) || CAST('' AS text)) AS lexeme
    GROUP BY agent_id, lexeme
""")

_COUNT_CHUNKS = text("SELECT count(*) FROM chunks WHERE document_id = CAST(:document_id AS bigint)")

_COUNT = text("""
    INSERT INTO lexemes AS known (agent_id, lexeme, chunk_count)
    SELECT * FROM unnest(CAST(:agent_ids AS bigint[]), CAST(:lexemes AS text[]), CAST(:counts AS integer[]))
    ON CONFLICT (agent_id, lexeme) DO UPDATE SET chunk_count = known.chunk_count + excluded.chunk_count
""")

# A word's weight is its inverse document frequency among the agent's chunks, in the form BM25 uses; a chunk's
# score for it saturates with each occurrence and falls with the chunk's length (ts_rank, normalisation 1).
# setweight changes nothing; it unpacks a stored tsvector once rather than once a word, three times as fast.
_SEARCH = text("""
    WITH asked AS (
        SELECT l.lexeme, quote_literal(l.lexeme)::tsquery AS word,
            ln(1 + (n.chunk_count - l.chunk_count + 0.5) / (l.chunk_count + 0.5)) AS weight,
            sum(l.chunk_count) OVER rarest_first <= :matches OR row_number() OVER rarest_first = 1 AS chooses
        FROM lexemes l JOIN lexemes n ON n.agent_id = l.agent_id AND n.lexeme = ''
        WHERE l.agent_id = CAST(:agent_id AS bigint) AND l.lexeme = ANY (CAST(:lexemes AS text[]))
            AND l.chunk_count > 0
        WINDOW rarest_first AS (ORDER BY l.chunk_count, l.lexeme ROWS UNBOUNDED PRECEDING)
    ),
    visible AS (
        SELECT id, edition, filename, metadata FROM documents
        WHERE agent_id = CAST(:agent_id AS bigint) AND deleted_at IS NULL
            AND metadata @> CAST(:metadata AS jsonb)
            AND (CAST(:document_ids AS bigint[]) IS NULL OR id = ANY (CAST(:document_ids AS bigint[])))
    ),
    by_words AS (
        SELECT c.id
        FROM chunks c, LATERAL (SELECT setweight(c.tsv, 'D') AS tsv OFFSET 0) AS unpacked
        WHERE c.agent_id = CAST(:agent_id AS bigint) AND (c.document_id, c.edition) IN (SELECT id, edition FROM visible)
            AND c.tsv @@ (SELECT string_agg(word::text, ' | ')::tsquery FROM asked WHERE chooses)
        ORDER BY (SELECT sum(weight * ts_rank(unpacked.tsv, word, 1)) FROM asked) DESC, c.id
        LIMIT :candidates
    ),
    by_meaning AS (
        SELECT c.id
        FROM chunks c
        WHERE c.agent_id = CAST(:agent_id AS bigint) AND (c.document_id, c.edition) IN (SELECT id, edition FROM visible)
            AND CAST(:vector AS halfvec) IS NOT NULL
        ORDER BY c.embedding <=> CAST(:vector AS halfvec), c.id
        LIMIT :candidates
    ),
    candidate AS MATERIALIZED (
        SELECT c.id, c.document_id, c.text, c.context, c.page, c.start_char, c.end_char,
            (SELECT sum(weight * ts_rank(unpacked.tsv, word, 1)) FROM asked) AS words,
            1 - coalesce(nullif(c.embedding <=> CAST(:vector AS halfvec), 'NaN'), 1) AS meaning  -- NaN: a zero vector
        FROM chunks c, LATERAL (SELECT setweight(c.tsv, 'D') AS tsv OFFSET 0) AS unpacked
        WHERE c.id IN (SELECT id FROM by_words UNION SELECT id FROM by_meaning)
    )
    SELECT c.document_id, d.filename, c.id AS chunk_id, c.text, c.context,
        :words_weight * coalesce(c.words / nullif(max(c.words) OVER (), 0), 0)
            + (1 - :words_weight) * coalesce(c.meaning, 0) AS score,
        c.page, c.start_char AS start, c.end_char AS "end", d.metadata
    FROM candidate c JOIN visible d ON d.id = c.document_id
    ORDER BY score DESC, c.id
    LIMIT :top_k
""").columns(metadata=JSONB)
