"""An agent's chunks and their words, and how many chunks have each word. Nothing here commits."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.documents import Chunk

CHUNK_COLUMNS = ("ordinal", "text", "context", "start_char", "end_char", "page")
LAST_EDITION = 2**31 - 1
REMOVED_AT_ONCE = 2_000  # chunks that are taken out of the index in one statement, for it to end within seconds


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk with the positions of its lexemes."""

    chunk: Chunk
    lexemes: Mapping[str, Sequence[int]]


@dataclass(frozen=True, slots=True)
class Written:
    """What writing chunks came to.

    ``words`` is how the counts of the agent's words are to change. They change last (``count_words``): from there until
    the transaction ends no other may change them, so commit soon. ``removed_all``: whether nothing is left of former
    editions.
    """

    words: Counter[tuple[int, str]]
    removed_all: bool = True


async def add_chunks(
    connection: AsyncConnection, *, agent_id: int, document_id: int, edition: int, rows: Sequence[ChunkRow]
) -> Written:
    """Add chunks to an edition of a document. Search finds them once that is the document's edition."""
    await _copy_chunks(connection, agent_id, document_id, edition, rows)
    return Written(_count(agent_id, rows))


async def replace_chunks(
    connection: AsyncConnection, *, agent_id: int, document_id: int, edition: int, rows: Sequence[ChunkRow]
) -> Written:
    """Give an edition of a document these chunks, and take those of former ones out of the index.

    Counts are to be changed once for both, so that no two transactions deadlock.
    """
    removed = await _remove_chunks(connection, document_id, last=edition - 1)
    await _copy_chunks(connection, agent_id, document_id, edition, rows)
    words = _count(agent_id, rows)
    words.subtract(removed)
    return Written(words, removed[agent_id, ""] < REMOVED_AT_ONCE)


async def remove_chunks(
    connection: AsyncConnection, document_id: int, *, first: int = 0, last: int = LAST_EDITION
) -> int:
    """Take chunks of a document out of the index, of its editions from ``first`` to ``last``; returns how many.

    At most ``REMOVED_AT_ONCE``: where it returns that, there may be more.
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
    """How many chunks a document has, of one edition or of all."""
    parameters = {"document_id": document_id, "edition": edition}
    return int((await connection.execute(_COUNT_CHUNKS, parameters)).scalar_one())


def _count(agent_id: int, rows: Sequence[ChunkRow]) -> Counter[tuple[int, str]]:
    """How many chunks have each lexeme. Each counts under the empty lexeme too."""
    counted = Counter({(agent_id, ""): len(rows)})
    for row in rows:
        counted.update((agent_id, lexeme) for lexeme in row.lexemes)
    return counted


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
        columns=("agent_id", "document_id", "edition", *CHUNK_COLUMNS, "tsv"),
        records=((agent_id, document_id, edition, *as_record(row.chunk), row.lexemes) for row in rows),
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


_COUNT = text("""
    INSERT INTO lexemes AS known (agent_id, lexeme, chunk_count)
    SELECT * FROM unnest(CAST(:agent_ids AS bigint[]), CAST(:lexemes AS text[]), CAST(:counts AS integer[]))
    ON CONFLICT (agent_id, lexeme) DO UPDATE SET chunk_count = known.chunk_count + excluded.chunk_count
""")


async def count_words(connection: AsyncConnection, change: Mapping[tuple[int, str], int]) -> None:
    """Add to the counts, in the order of the key, so that two transactions wait for each other but never deadlock."""
    changed = sorted((agent_id, lexeme, count) for (agent_id, lexeme), count in change.items() if count)
    if changed:
        agent_ids, lexemes, counts = map(list, zip(*changed, strict=True))
        await connection.execute(_COUNT, {"agent_ids": agent_ids, "lexemes": lexemes, "counts": counts})
