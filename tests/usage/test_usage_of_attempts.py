"""What an attempt used is recorded with what it wrote; what a provider charged is recorded whatever becomes of it."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.db.documents.documents import hide_document
from app.db.documents.publishing import PublishedUsage, complete_document
from app.db.engine import Database
from app.domain.errors import ProviderDownError
from app.domain.records import Content
from app.domain.vectors import Account
from app.services.providers.calls import ProviderCalls
from app.services.providers.embedding import Embedding
from tests.services.outside import NoLimits, PaidEmbedder, Steps, write

_ADD = text("""
    WITH agent AS (
        INSERT INTO agents (organization_id, name, slug) SELECT min(id), 'A', gen_random_uuid()::text FROM organizations
        RETURNING organization_id, id
    )
    INSERT INTO documents (organization_id, agent_id, task_id, filename, media_type, edition, last_edition)
    SELECT organization_id, id, CAST(:task_id AS uuid), 'a.txt', 'text/plain', :edition, :edition FROM agent
    RETURNING id
""")
_ADD_INDEX = text(
    "INSERT INTO vector_indexes (store, provider, model, state) VALUES ('pgvector', 'a', 'b', 'active') RETURNING id"
)
_USED = text("SELECT kind, documents, stored_bytes, tokens_in FROM usage_records ORDER BY id")


@pytest.fixture
async def index_id(database: Database) -> int:
    """The active index."""
    async with database.transaction() as connection:
        await connection.execute(text("TRUNCATE vector_indexes CASCADE"))
        return int((await connection.execute(_ADD_INDEX)).scalar_one())


async def add_document(database: Database, task_id: UUID, edition: int = 0) -> int:
    """Add a document; ``edition`` is not 0 for one that was published before usage was counted."""
    async with database.transaction() as connection:
        return int((await connection.execute(_ADD, {"task_id": task_id, "edition": edition})).scalar_one())


async def publish(database: Database, index_id: int, document_id: int, task_id: UUID, size: int = 10) -> int | None:
    """Publish a version of it; returns the edition."""
    async with database.transaction() as connection:
        return await complete_document(
            connection,
            document_id,
            task_id=task_id,
            content=Content(f"key-{size}", "text/plain", size, uuid4().bytes, "a.txt"),
            page_count=None,
            chunk_count=1,
            embedding_model="wordllama",
            found={},
            index_id=index_id,
            edition=None,
            usage=PublishedUsage("document", size, local_tokens=0),
        )


async def list_used(database: Database) -> list[tuple[Any, ...]]:
    """The records."""
    async with database.statement() as connection:
        return [tuple(row) for row in await connection.execute(_USED)]


async def test_an_attempt_that_was_superseded_records_nothing(database: Database, index_id: int) -> None:
    document_id = await add_document(database, uuid4())
    assert await publish(database, index_id, document_id, uuid4()) is None
    assert await list_used(database) == []


async def test_a_document_that_was_published_before_usage_was_counted_adds_its_bytes_and_is_not_new(
    database: Database, index_id: int
) -> None:
    task_id = uuid4()
    document_id = await add_document(database, task_id, edition=3)
    await publish(database, index_id, document_id, task_id)
    assert await list_used(database) == [("document", 0, 10, 0)]


async def test_versions_and_a_deletion_add_up_to_nothing(database: Database, index_id: int) -> None:
    task_id = uuid4()
    document_id = await add_document(database, task_id)
    for size in (10, 25, 5):
        await publish(database, index_id, document_id, task_id, size)
    async with database.transaction() as connection:
        await hide_document(connection, document_id)
        await hide_document(connection, document_id)
    assert await list_used(database) == [
        ("document", 1, 10, 0),
        ("document", 0, 15, 0),
        ("document", 0, -20, 0),
        ("deletion", 0, -5, 0),
    ]
    assert await publish(database, index_id, document_id, task_id) is None


async def test_tokens_of_a_request_that_was_answered_count_though_the_attempt_fails(database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("TRUNCATE providers, embedded_texts, provider_usage"))
    embedding, embedder = Embedding(database, ProviderCalls(database, NoLimits())), PaidEmbedder(size=10)
    embedder.errors = {2: ProviderDownError("answered 503")}
    with pytest.raises(ProviderDownError):
        await embedding.embed(embedder, write(20), Account(1, 7), Steps())
    assert await list_used(database) == [("embedding", 0, 0, 10)]
    for _ in range(2):  # the second time, every vector is stored already
        await embedding.embed(embedder, write(20), Account(1, 7), Steps())
    assert await list_used(database) == [("embedding", 0, 0, 10), ("embedding", 0, 0, 10)]
