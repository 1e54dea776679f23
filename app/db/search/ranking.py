"""Ranking: find an agent's chunks by a query's words, score them, and load those that a search returns."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.search.filters import write_condition
from app.db.statements import Statement, write_array
from app.db.tables.core import documents
from app.domain.filters import Filter
from app.domain.queries import Phrase, Query
from app.domain.vectors import VectorKey

MATCHES = 4_000
"""The number of chunks with a question's rarest words that are scored. More common words only rank these chunks."""


class WordScore(NamedTuple):
    """How a chunk matches the words of a query: the sum of their scores, and the share of their rarity that it has."""

    score: float
    share: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found. The score is from 0 to 1 (by vectors alone: from -1), comparable within one search.

    ``context`` is indexed with the text but not part of it: the headings above the chunk, the header of its table.
    """

    agent_id: int
    document_id: int
    edition: int
    ordinal: int
    filename: str
    chunk_id: int
    text: str
    context: str
    score: float
    page: int | None
    start: int
    end: int
    metadata: Mapping[str, Any]

    @property
    def key(self) -> VectorKey:
        """The key of the chunk's vector."""
        return VectorKey(self.document_id, self.edition, self.ordinal)


async def find_documents(connection: AsyncConnection, agent_id: int, where: Filter) -> list[int]:
    """Find the ids of an agent's documents that match a filter and that search finds."""
    # One row with all ids: a filter may match tens of thousands of documents.
    query = (
        select(func.array_agg(aggregate_order_by(documents.c.id, documents.c.id)))
        .where(documents.c.agent_id == agent_id, documents.c.deleted_at.is_(None), documents.c.edition > 0)
        .where(write_condition(where))
    )
    return list(await connection.scalar(query) or [])


# A word's weight is its inverse document frequency among the agent's chunks, in the form BM25 uses. A chunk's score for
# it is tf / (tf + 1), where the word occurs tf times, and falls with the chunk's length.
_ASKED = """
    -- The forms of the query's words. The agent's chunks may lack some, or all of a word.
    given AS (
        SELECT *
        FROM unnest(CAST(:lexemes AS text[]), CAST(:numbers AS integer[]), CAST(:weights AS double precision[]))
            AS given (lexeme, number, factor)
    ),
    asked AS MATERIALIZED (
        SELECT g.lexeme, g.number, g.factor, quote_literal(g.lexeme)::tsquery AS word, l.chunk_count,
            g.factor * ln(1 + (n.chunk_count - l.chunk_count + 0.5) / (l.chunk_count + 0.5)) AS weight
        FROM given g
        JOIN lexemes n ON n.agent_id = CAST(:agent_id AS bigint) AND n.lexeme = ''
        JOIN lexemes l ON l.agent_id = CAST(:agent_id AS bigint) AND l.lexeme = g.lexeme
        WHERE l.chunk_count > 0
    )
"""

# setweight changes nothing, but unpacks a stored tsvector once instead of once for each word: three times as fast.
_UNPACKED = "LATERAL (SELECT setweight(c.tsv, 'D') AS tsv OFFSET 0) AS unpacked"

# ts_rank sums 1/n² over the occurrences of a word, times 0.1 * 6 / π²: the rest to π²/6 is about 1 / (tf + 1/2). Its
# normalisation 2 divides by the chunk's length in positions.
_RANK = "ts_rank(unpacked.tsv, word)"
_REST = "(1.644934 - 16.44934 * rank)"
_FREQUENCY = f"(2 - {_REST}) / (2 + {_REST})"

# A word counts once: by the form that scores best.
_WORDS = f"""LATERAL (
    SELECT sum(best) * ln(2) / ln(2 + max(length) / 100) AS score, sum(rarity) AS found
    FROM (
        SELECT max(weight * {_FREQUENCY}) AS best, max(weight) AS rarity, max(length) AS length
        FROM (
            SELECT number, weight, {_RANK} AS rank, {_RANK} / ts_rank(unpacked.tsv, word, 2) AS length
            FROM asked WHERE unpacked.tsv @@ word
        ) AS form
        GROUP BY number
    ) AS scored
) AS words"""

_FIND_BY_WORDS = text(f"""
    WITH {_ASKED},
    -- The rarest words, until the chunks that have them exceed the limit; at least one. Only these find chunks. The
    -- weaker forms of words come last.
    choosing AS MATERIALIZED (
        SELECT word, sum(chunk_count) OVER rarest_first <= :matches OR row_number() OVER rarest_first = 1 AS chooses
        FROM (SELECT *, factor < max(factor) OVER (PARTITION BY number) AS is_weak FROM asked) AS form
        WINDOW rarest_first AS (ORDER BY is_weak, chunk_count, lexeme ROWS UNBOUNDED PRECEDING)
    ),
    -- The agent's documents, each with the edition that search finds.
    visible AS (
        SELECT id, edition FROM documents
        WHERE agent_id = CAST(:agent_id AS bigint) AND deleted_at IS NULL
            AND (CAST(:document_ids AS bigint[]) IS NULL OR id = ANY (CAST(:document_ids AS bigint[])))
    ),
    -- Materialized, so that no plan reads the chunks of each visible document instead.
    matching AS MATERIALIZED (
        SELECT document_id, edition, ordinal, tsv FROM chunks
        WHERE agent_id = CAST(:agent_id AS bigint)
            AND tsv @@ coalesce(
                CAST(:phrases AS tsquery), (SELECT string_agg(word::text, ' | ')::tsquery FROM choosing WHERE chooses)
            )
    )
    SELECT c.document_id, c.edition, c.ordinal
    FROM matching c, {_UNPACKED}, {_WORDS}
    WHERE (c.document_id, c.edition) IN (SELECT id, edition FROM visible)
    ORDER BY words.score DESC NULLS LAST, c.document_id, c.edition, c.ordinal
    LIMIT :limit
""")


async def find_by_words(
    connection: AsyncConnection,
    agent_id: int,
    query: Query,
    *,
    limit: int,
    document_ids: Sequence[int] | None = None,
) -> list[VectorKey]:
    """Find the chunks of an agent's documents that match a query's words best, the best first; with all its phrases.

    Args:
        connection: Within a transaction or not.
        agent_id: The agent.
        query: The query.
        limit: The maximum number of chunks.
        document_ids: Only chunks of these documents; None: of all.
    """
    parameters = {
        "agent_id": agent_id,
        **write_words(query),
        "document_ids": None if document_ids is None else list(document_ids),
        "phrases": " & ".join(f"({phrase.write_tsquery()})" for phrase in query.phrases) or None,
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


# Chunks by their keys.
_KEYS = """
    SELECT *
    FROM unnest(
        CAST(CAST(:document_ids AS text) AS bigint[]),
        CAST(CAST(:editions AS text) AS integer[]),
        CAST(CAST(:ordinals AS text) AS integer[])
    ) AS given (document_id, edition, ordinal)
"""

# The weight of a word that no chunk has is that of a word which no chunk would have.
_SCORE = text(f"""
    WITH {_ASKED},
    total AS (
        SELECT sum(coalesce(known.weight, g.factor * ln(1 + (n.chunk_count + 0.5) / 0.5))) AS weight
        FROM (SELECT number, max(factor) AS factor FROM given GROUP BY number) AS g
        JOIN lexemes n ON n.agent_id = CAST(:agent_id AS bigint) AND n.lexeme = ''
        LEFT JOIN (SELECT number, max(weight) AS weight FROM asked GROUP BY number) AS known USING (number)
    ),
    keys AS ({_KEYS})
    SELECT c.document_id, c.edition, c.ordinal, coalesce(words.score, 0) AS score,
        coalesce(words.found / nullif(total.weight, 0), 0) AS share
    FROM keys
    JOIN chunks c USING (document_id, edition, ordinal)
    JOIN documents d ON d.id = c.document_id AND d.edition = c.edition AND d.deleted_at IS NULL
    CROSS JOIN total, {_UNPACKED}, {_WORDS}
    WHERE c.agent_id = CAST(:agent_id AS bigint)
""")


async def score_words(
    connection: AsyncConnection, agent_id: int, query: Query, keys: Collection[VectorKey]
) -> dict[VectorKey, WordScore]:
    """Score those of the chunks that search still finds by the words of a query."""
    parameters = {"agent_id": agent_id, **write_words(query), **_write_keys(keys)}
    rows = await connection.execute(_SCORE, parameters)
    return {VectorKey(row.document_id, row.edition, row.ordinal): WordScore(row.score, row.share) for row in rows}


_VISIBLE = Statement("""
    SELECT id, edition FROM documents
    WHERE id = ANY (CAST(:document_ids AS bigint[])) AND agent_id = CAST(:agent_id AS bigint) AND deleted_at IS NULL
""")


async def list_visible(database: Database, agent_id: int, keys: Collection[VectorKey]) -> list[VectorKey]:
    """Those of the chunks that search finds, in their order: of the present edition of a document that exists."""
    document_ids = list({key.document_id for key in keys})
    visible = set(map(tuple, await database.fetch(_VISIBLE, {"agent_id": agent_id, "document_ids": document_ids})))
    return [key for key in keys if (key.document_id, key.edition) in visible]


_LOAD = Statement(f"""
    WITH keys AS ({_KEYS}),
    phrases AS MATERIALIZED (SELECT CAST(phrase AS tsquery) FROM unnest(CAST(:phrases AS text[])) AS given (phrase))
    SELECT c.document_id, c.edition, c.ordinal, d.filename, c.id AS chunk_id, c.text, c.context, c.page,
        c.start_char AS start, c.end_char AS "end", d.metadata,
        (SELECT count(*) FROM {_UNPACKED}, phrases WHERE unpacked.tsv @@ phrase) AS phrase_count
    FROM keys
    JOIN chunks c USING (document_id, edition, ordinal)
    JOIN documents d ON d.id = c.document_id AND d.edition = c.edition AND d.deleted_at IS NULL
    WHERE c.agent_id = CAST(:agent_id AS bigint)
""")


async def load_hits(
    database: Database, agent_id: int, scores: Mapping[VectorKey, float], phrases: Sequence[Phrase] = ()
) -> list[tuple[Hit, int]]:
    """Load the chunks that search still finds, in any order, each with the number of phrases that it has.

    Args:
        database: The database.
        agent_id: The agent.
        scores: The score of each chunk.
        phrases: The phrases to count.
    """
    written = [phrase.write_tsquery() for phrase in phrases]
    rows = await database.fetch(_LOAD, {"agent_id": agent_id, "phrases": written, **_write_keys(scores)})
    found = []
    for row in rows:
        columns = dict(row)
        count = columns.pop("phrase_count")
        found.append((Hit(**columns, agent_id=agent_id, score=scores[VectorKey(*row[:3])]), count))
    return found


def write_words(query: Query) -> dict[str, Any]:
    """The parameters of ``_ASKED``."""
    forms = [
        (lexeme, number, weight)
        for number, word in enumerate(query.words)
        for lexeme, weight in zip(word.lexemes, word.list_weights(), strict=True)
    ]
    return {
        "lexemes": [lexeme for lexeme, _, _ in forms],
        "numbers": [number for _, number, _ in forms],
        "weights": [float(weight) for _, _, weight in forms],
    }


def _write_keys(keys: Collection[VectorKey]) -> dict[str, Any]:
    """The parameters of ``_KEYS``."""
    return {
        "document_ids": write_array(key.document_id for key in keys),
        "editions": write_array(key.edition for key in keys),
        "ordinals": write_array(key.ordinal for key in keys),
    }
