"""The migration moves vectors from the chunks into an index, and back, and again."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import asyncpg
import pytest
from alembic import command
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database, create_engine
from app.db.schema import _config, find_differences, migrate
from app.db.vectors.indexes import find_index
from app.domain.vectors import EmbeddingSpec, IndexState, VectorIndex
from app.embedded import EngineUrls

BEFORE = "20261125_02"

# Each (document, model that it records, edition, whether it is deleted, edition of its chunks, vectors of these).
ROWS: list[tuple[int, str | None, int, bool, int, list[str]]] = [
    (1, "wordllama-l2-256", 1, False, 1, ["[1,0,0]", "[0,1,0]"]),
    (2, "wordllama-l2-256", 3, False, 3, ["[0,0,1]"]),
    (3, "minilm-l6-int8", 1, False, 1, ["[1,0]", "[0,1]"]),
    (4, "wordllama-l2-256", 1, True, 1, ["[1,1,0]"]),
    (5, None, 0, False, 2, ["[1,1,1]", "[1,1,1]", "[1,1,1]", "[1,1,1]"]),  # in batches, half of which are embedded
    (6, None, 0, False, 0, []),
    (7, "wordllama-l2-256", 1, False, 1, ["[0,1,1]"]),
]

_DOCUMENT = text("""
    INSERT INTO documents (id, organization_id, agent_id, filename, media_type, embedding_model, edition, chunk_count,
                           deleted_at)
    VALUES (:id, 1, 1, 'a.txt', 'text/plain', :model, :edition, :count, CASE WHEN :deleted THEN now() END)
""")

_CHUNK = text("""
    INSERT INTO chunks (agent_id, document_id, edition, ordinal, text, start_char, end_char, embedding)
    VALUES (1, :id, :edition, :ordinal, 'a', 0, 1, CAST(CAST(:vector AS text) AS halfvec))
""")


@pytest.fixture
async def old(servers: EngineUrls) -> AsyncIterator[AsyncEngine]:
    """A database with the schema of the former version."""
    name = f"sluice_test_migration_{os.getpid()}"
    server = await asyncpg.connect(servers.database_url)
    head, _, query = servers.database_url.partition("?")
    await server.execute(f'CREATE DATABASE "{name}"')
    engine = create_engine(
        f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{query}" if query else ""), pool_size=2, register_types=False
    )
    await run(engine, lambda connection: command.upgrade(_config(connection), BEFORE))
    yield engine
    await engine.dispose()
    await server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await server.close()


async def run(engine: AsyncEngine, step: Callable[[Connection], None]) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(step)


async def fetch(engine: AsyncEngine, query: str) -> Sequence[Any]:
    async with engine.begin() as connection:
        result = await connection.execute(text(query))
        return [tuple(row) for row in result] if result.returns_rows else []


async def fill(engine: AsyncEngine) -> None:
    """Insert the rows, all of one agent."""
    await fetch(engine, "INSERT INTO agents (organization_id, name, slug) VALUES (1, 'a', 'a')")
    async with engine.begin() as connection:
        for document_id, model, edition, deleted, chunks_edition, vectors in ROWS:
            row = {"id": document_id, "model": model, "edition": edition, "deleted": deleted}
            await connection.execute(_DOCUMENT, {**row, "count": len(vectors) if model else None})
            for ordinal, vector in enumerate(vectors):
                chunk = {"id": document_id, "edition": chunks_edition, "ordinal": ordinal, "vector": vector}
                await connection.execute(_CHUNK, chunk)


async def check_index(engine: AsyncEngine) -> None:
    """The model of most documents has an index, which holds their vectors."""
    async with Database(engine).statement() as connection:
        index = await find_index(connection, IndexState.ACTIVE)
    assert index == VectorIndex(1, "pgvector", EmbeddingSpec("local", "wordllama", 3), {}, IndexState.ACTIVE)
    rows = await fetch(engine, "SELECT document_id, edition, ordinal, index_id, agent_id, embedding::text FROM vectors")
    assert sorted(row for row in rows if row[0] != 4) == [
        (1, 1, 0, 1, 1, "[1,0,0]"),
        (1, 1, 1, 1, 1, "[0,1,0]"),
        (2, 3, 0, 1, 1, "[0,0,1]"),
        (7, 1, 0, 1, 1, "[0,1,1]"),
    ]
    editions = await fetch(engine, "SELECT index_id, document_id, edition, complete FROM editions ORDER BY document_id")
    assert editions == [(1, 1, 1, True), (1, 2, 3, True), (1, 3, 1, False), (1, 7, 1, True)]
    numbers = await fetch(engine, "SELECT id, last_edition FROM documents ORDER BY id")
    assert numbers == [(1, 1), (2, 3), (3, 1), (4, 1), (5, 2), (6, 0), (7, 1)]
    assert await find_differences(engine) == []


async def test_vectors_move_into_an_index_and_back_and_in_again(old: AsyncEngine) -> None:
    await fill(old)
    before = await fetch(old, "SELECT document_id, ordinal, embedding::text FROM chunks ORDER BY 1, 2")
    await migrate(old)
    await check_index(old)
    await fetch(
        old,
        "INSERT INTO tasks (id, organization_id, agent_id, document_id, name, queue) VALUES"
        " (gen_random_uuid(), 1, 1, 1, 'app.tasks.embedding_tasks.reembed_document', 'low_priority'),"
        " (gen_random_uuid(), 1, 1, 1, 'app.tasks.vector_tasks.sweep_document', 'default')",
    )

    await run(old, lambda connection: command.downgrade(_config(connection), BEFORE))
    found = "document_id IN (1, 2, 7)"
    after = await fetch(old, f"SELECT document_id, ordinal, embedding::text FROM chunks WHERE {found} ORDER BY 1, 2")
    assert after == [row for row in before if row[0] in {1, 2, 7}]
    [kept] = await fetch(old, "SELECT count(*) FROM chunks")
    assert kept == (len(before),)
    assert await fetch(old, "SELECT name FROM tasks") == [("app.tasks.vector_tasks.sweep_document",)]
    assert await fetch(old, "SELECT name FROM chores WHERE name IN ('graphs', 'reembed', 'sweep')") == []

    await migrate(old)
    await check_index(old)


async def test_a_database_without_documents_has_no_index_until_the_first_start(old: AsyncEngine) -> None:
    await migrate(old)
    for table in ("vector_indexes", "editions", "vectors"):
        assert await fetch(old, f"SELECT * FROM {table}") == []
