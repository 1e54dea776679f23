"""Agents with many chunks for the benchmark of search, written with few COPY statements."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.embedders.wordllama import WordLlamaEmbedder
from app.db.documents.chunks import CHUNK_COLUMNS, as_record, count_words, get_driver
from app.db.engine import Database
from app.domain.documents import Chunk
from app.domain.vectors import Vector, VectorIndex
from app.pipeline.words.lexemes import lexemes
from benchmarks.search.texts import Texts

_TOGETHER, _DOCUMENT = 6_000, 30  # chunks in a transaction, and of a document

_ADD_AGENT = text("""
    INSERT INTO agents (organization_id, name, slug)
    SELECT min(id), 'benchmark', gen_random_uuid() FROM organizations RETURNING id
""")

_ADD_DOCUMENTS = text("""
    INSERT INTO documents (organization_id, agent_id, filename, media_type, status, edition, last_edition, chunk_count)
    SELECT organization_id, id, 'a.txt', 'text/plain', 'completed', 1, 1, 0 FROM agents, generate_series(1, :count)
    WHERE id = CAST(:agent_id AS bigint) RETURNING id
""")


async def fill_agent(database: Database, index: VectorIndex, texts: Texts, size: int) -> int:
    """Add an agent with so many chunks; returns its id."""
    async with database.transaction() as connection:
        agent_id = int((await connection.execute(_ADD_AGENT)).scalar_one())
    embedder, chunks, words = WordLlamaEmbedder(), texts.make_chunks(size), Counter[tuple[int, str]]()
    for first in range(0, size, _TOGETHER):
        parts = list(itertools.islice(chunks, min(_TOGETHER, size - first)))
        vectors = list[Vector]()
        for few in embedder.batches(parts):
            vectors += (await embedder.embed(parts[few.start : few.end])).vectors
        found = [lexemes(part) for part in parts]
        words[agent_id, ""] += len(parts)
        for one in found:
            words.update((agent_id, lexeme) for lexeme in one)
        async with database.transaction() as connection:
            await _copy(connection, index.id, agent_id, parts, found, vectors)
    async with database.transaction() as connection:
        await count_words(connection, words)
    return agent_id


async def _copy(
    connection: AsyncConnection,
    index_id: int,
    agent_id: int,
    parts: Sequence[str],
    found: Sequence[Mapping[str, Sequence[int]]],
    vectors: Sequence[Vector],
) -> None:
    """Write chunks with their words and vectors, ``_DOCUMENT`` of them to a document.

    Args:
        connection: In a transaction.
        index_id: The index that gets the vectors.
        agent_id: The agent.
        parts: The texts of the chunks.
        found: The words of each.
        vectors: The vector of each.
    """
    count = -(-len(parts) // _DOCUMENT)
    added = await connection.execute(_ADD_DOCUMENTS, {"agent_id": agent_id, "count": count})
    document_ids = sorted(added.scalars())
    places = [(document_ids[place // _DOCUMENT], 1, place % _DOCUMENT) for place in range(len(parts))]
    driver = await get_driver(connection)
    await driver.copy_records_to_table(
        "chunks",
        columns=("agent_id", "document_id", "edition", *CHUNK_COLUMNS, "tsv"),
        records=[
            (agent_id, document_id, edition, *as_record(Chunk(ordinal, part, 0, len(part), None)), words)
            for (document_id, edition, ordinal), part, words in zip(places, parts, found, strict=True)
        ],
    )
    await driver.copy_records_to_table(
        "vectors",
        columns=("document_id", "edition", "ordinal", "index_id", "agent_id", "embedding"),
        records=[(*place, index_id, agent_id, vector) for place, vector in zip(places, vectors, strict=True)],
    )
