"""An agent's chunks with their words, and the number of chunks with each word. Nothing here commits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.documents import Chunk

CHUNK_COLUMNS = ("ordinal", "text", "context", "start_char", "end_char", "page")
LAST_EDITION = 2**31 - 1
REMOVED_AT_ONCE = 2_000  # chunks that one statement removes, so that it ends within seconds


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk with the positions of its lexemes."""

    chunk: Chunk
    lexemes: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Written:
    """The result of writing chunks.

    ``words`` is the change of the agent's word counts, by (agent id, lexeme). The caller applies it last
    (``count_words``) and commits soon: until then no other transaction can change the same counts. ``removed_all``
    is whether all chunks of former editions are removed.
    """

    words: Counter[tuple[int, str]]
    removed_all: bool = True


async def add_chunks(
    connection: AsyncConnection,
    *,
    agent_id: int,
    document_id: int,
    edition: int,
    rows: Sequence[ChunkRow],
    counts: Mapping[str, int] | None = None,
) -> Written:
    """Add chunks to an edition of a document. Search finds them once the document is at that edition.

    ``counts`` are the numbers of these chunks with each lexeme, if the caller has them already.
    """
    await _copy_chunks(connection, agent_id, document_id, edition, rows)
    return Written(_count(agent_id, rows, counts))


async def replace_chunks(
    connection: AsyncConnection, *, agent_id: int, document_id: int, edition: int, rows: Sequence[ChunkRow]
) -> Written:
    """Add the chunks of an edition of a document, and remove up to ``REMOVED_AT_ONCE`` of former editions.

    The returned change of counts is for both, so that the caller locks counts once, in one order.
    """
    removed = await _remove_chunks(connection, document_id, last=edition - 1)
    await _copy_chunks(connection, agent_id, document_id, edition, rows)
    words = _count(agent_id, rows)
    words.subtract(removed)
    return Written(words, removed[agent_id, ""] < REMOVED_AT_ONCE)


async def remove_chunks(
    connection: AsyncConnection, document_id: int, *, first: int = 0, last: int = LAST_EDITION
) -> int:
    """Remove chunks of a document's editions from ``first`` to ``last``; returns how many.

    At most ``REMOVED_AT_ONCE``: if it returns that number, there may be more.
    """
    removed = await _remove_chunks(connection, document_id, first=first, last=last)
    await count_words(connection, {key: -count for key, count in removed.items()})
    return sum(count for (_, lexeme), count in removed.items() if lexeme == "")


_COUNT_CHUNKS = text("""
    SELECT count(*) FROM chunks
    WHERE document_id = CAST(:document_id AS bigint)
        AND (CAST(:edition AS integer) IS NULL OR edition = CAST(:edition AS integer))
""")


async def count_chunks(connection: AsyncConnection, document_id: int, edition: int | None = None) -> int:
    """Count the chunks of a document, of one edition or of all."""
    parameters = {"document_id": document_id, "edition": edition}
    return int((await connection.execute(_COUNT_CHUNKS, parameters)).scalar_one())


def _count(
    agent_id: int, rows: Sequence[ChunkRow], counts: Mapping[str, int] | None = None
) -> Counter[tuple[int, str]]:
    """Count the chunks with each lexeme. The empty lexeme counts all chunks."""
    if counts is None:
        counts = Counter(chain.from_iterable(row.lexemes for row in rows))
    return Counter({(agent_id, lexeme): count for lexeme, count in {**counts, "": len(rows)}.items()})


_REMOVE = text("""
    -- The chunks to remove, at most as many as one statement may.
    WITH chosen AS MATERIALIZED (
        SELECT id FROM chunks
        WHERE document_id = CAST(:document_id AS bigint)
            AND edition BETWEEN CAST(:first AS integer) AND CAST(:last AS integer)
        LIMIT :limit
    ),
    removed AS (
        DELETE FROM chunks WHERE id IN (SELECT id FROM chosen) RETURNING agent_id, tsv
    ),
    -- Search does not find these editions any more, so that none of their chunks needs to be in a segment.
    unrecorded AS (
        DELETE FROM unsegmented_chunks
        WHERE document_id = CAST(:document_id AS bigint)
            AND edition BETWEEN CAST(:first AS integer) AND CAST(:last AS integer)
    )
    -- Each chunk counts for each of its lexemes, and for the empty one.
    SELECT agent_id, lexeme, count(*)
    FROM removed, unnest(tsvector_to_array(tsv) || CAST('' AS text)) AS lexeme
    GROUP BY agent_id, lexeme
""")


async def _remove_chunks(
    connection: AsyncConnection, document_id: int, *, first: int = 0, last: int = LAST_EDITION
) -> Counter[tuple[int, str]]:
    """Delete chunks of a document; returns how many had each lexeme, by agent."""
    parameters = {"document_id": document_id, "first": first, "last": last, "limit": REMOVED_AT_ONCE}
    removed = await connection.execute(_REMOVE, parameters)
    return Counter({(agent_id, lexeme): count for agent_id, lexeme, count in removed})


async def _copy_chunks(
    connection: AsyncConnection, agent_id: int, document_id: int, edition: int, rows: Sequence[ChunkRow]
) -> None:
    driver = await get_driver(connection)
    await driver.copy_records_to_table(
        "chunks",
        columns=("agent_id", "document_id", "edition", *CHUNK_COLUMNS, "tsv"),
        records=((agent_id, document_id, edition, *as_record(row.chunk), row.lexemes) for row in rows),
    )


async def get_driver(connection: AsyncConnection) -> asyncpg.Connection:
    """Return the underlying asyncpg connection, for COPY.

    Raises:
        RuntimeError: outside a transaction, where a part of the copied rows could remain.
    """
    driver = (await connection.get_raw_connection()).driver_connection
    if not isinstance(driver, asyncpg.Connection) or not driver.is_in_transaction():
        raise RuntimeError("chunks are written within a transaction on asyncpg")
    return driver


def as_record(chunk: Chunk) -> tuple[int, str, str, int, int, int | None]:
    """A chunk as the values of ``CHUNK_COLUMNS``."""
    return chunk.index, chunk.text, chunk.context, chunk.start, chunk.end, chunk.page


_COUNT = text("""
    INSERT INTO lexemes AS known (agent_id, lexeme, chunk_count)
    SELECT * FROM unnest(CAST(:agent_ids AS bigint[]), CAST(:lexemes AS text[]), CAST(:counts AS integer[]))
    ON CONFLICT (agent_id, lexeme) DO UPDATE SET chunk_count = known.chunk_count + excluded.chunk_count
""")


# Words that no chunk has any more. Their rows are locked already, by _COUNT. Postings that upkeep is replacing are
# skipped: the segments that replace them are swept within the hour.
_FORGET_WORDS = text("""
    WITH forgotten AS (
        DELETE FROM lexemes
        USING unnest(CAST(:agent_ids AS bigint[]), CAST(:lexemes AS text[])) AS given (agent_id, lexeme)
        WHERE lexemes.agent_id = given.agent_id AND lexemes.lexeme = given.lexeme AND lexemes.chunk_count = 0
        RETURNING lexemes.agent_id, lexemes.lexeme
    ),
    unused AS MATERIALIZED (
        SELECT p.segment_id, p.lexeme
        FROM forgotten AS f JOIN word_segments AS s USING (agent_id)
            JOIN word_postings AS p ON p.segment_id = s.id AND p.lexeme = f.lexeme
        FOR UPDATE OF p SKIP LOCKED
    )
    DELETE FROM word_postings AS p USING unused AS u WHERE p.segment_id = u.segment_id AND p.lexeme = u.lexeme
""")


async def count_words(connection: AsyncConnection, change: Mapping[tuple[int, str], int]) -> None:
    """Add to the counts, in the order of the key, so that two transactions wait for each other and do not deadlock.

    A count that becomes 0 is deleted: no word of a removed text stays.
    """
    changed = sorted((agent_id, lexeme, count) for (agent_id, lexeme), count in change.items() if count)
    if changed:
        agent_ids, lexemes, counts = map(list, zip(*changed, strict=True))
        await connection.execute(_COUNT, {"agent_ids": agent_ids, "lexemes": lexemes, "counts": counts})
    if reduced := [(agent_id, lexeme) for agent_id, lexeme, count in changed if count < 0]:
        agent_ids, lexemes = map(list, zip(*reduced, strict=True))
        await connection.execute(_FORGET_WORDS, {"agent_ids": agent_ids, "lexemes": lexemes})
