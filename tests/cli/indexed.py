"""An index and a document row without its content: the settings' check of the vector index needs no more."""

import asyncio

from app.db.engine import Database, create_engine
from app.domain.vectors import EmbeddingSpec
from app.services.indexing.vector_indexes import IndexSpec, VectorIndexes
from app.settings import Settings
from tests.database import execute


def create_index(settings: Settings) -> None:
    """Create the first vector index, as a start does."""

    async def ensure() -> None:
        database = Database(create_engine(str(settings.database_url), pool_size=1))
        await VectorIndexes(database, IndexSpec("pgvector", EmbeddingSpec("local", "wordllama"))).ensure()
        await database.close()

    asyncio.run(ensure())


def index_a_document(database_url: str | None) -> None:
    """Insert a searchable document. From then on, other settings cannot replace the vector index."""
    execute(
        str(database_url),
        "INSERT INTO agents (id, organization_id, name, slug) VALUES (1000, 1, 'a', 'a-thousand')",
        "INSERT INTO documents (organization_id, agent_id, filename, media_type, edition, chunk_count, status)"
        " VALUES (1, 1000, 'a.txt', 'text/plain', 1, 1, 'completed')",
    )
