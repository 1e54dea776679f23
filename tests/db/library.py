"""Agents with documents, as search finds them, for tests of the database."""

from array import array
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.documents.chunks import ChunkRow, add_chunks, count_words, replace_chunks
from app.db.documents.editions import publish_edition, reserve_edition
from app.db.engine import Database
from app.db.search.ranking import Hit
from app.db.vectors.indexes import add_index, find_index
from app.db.vectors.pgvector_store import PgVectorStore
from app.domain.documents import Chunk
from app.domain.filters import read_filters
from app.domain.identity import Access
from app.domain.ports import Reranker
from app.domain.vectors import (
    Account,
    EmbeddingResult,
    EmbeddingSpec,
    IndexState,
    TextBatch,
    Vector,
    VectorBatch,
    VectorIndex,
)
from app.pipeline.words.lexemes import lexemes
from app.services.indexing.chunk_index import ChunkIndexer
from app.services.indexing.vectors import Vectors
from app.services.providers.calls import ProviderCalls
from app.services.providers.embedding import Embedding
from app.services.search.explanations import Explanations
from app.services.search.neighbours import Neighbours
from app.services.search.reranking import Reranking
from app.services.search.results import Found, Result, Results
from app.services.search.search import Search
from app.services.search.several_agents import SeveralAgents

NORTH, EAST, BETWEEN, NOWHERE = (array("f", numbers) for numbers in ((1, 0, 0), (0, 1, 0), (0.8, 0.6, 0), (0, 0, 0)))


class Oracle:
    """An embedder whose next vector the test chooses."""

    model = "oracle"
    provider = None

    def __init__(self) -> None:
        self.vector: Vector = NORTH

    def batches(self, texts: Sequence[str]) -> list[TextBatch]:
        """Return all texts as one batch."""
        return [TextBatch(0, len(texts))]

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """Return the chosen vector for every text."""
        return EmbeddingResult([self.vector for _ in texts])

    async def close(self) -> None:
        """Do nothing."""


class NoLimits:
    """A rate limiter without a limit."""

    async def acquire(self, _provider: str, _tokens: int) -> float:
        """Return at once."""
        return 0.0

    async def close(self) -> None:
        """Do nothing."""


def make_rows(texts: Sequence[str]) -> list[ChunkRow]:
    """Chunks of these texts; chunk n begins at character 10 n."""
    return [
        ChunkRow(Chunk(index, words, 10 * index, 10 * index + len(words), 1), lexemes(words))
        for index, words in enumerate(texts)
    ]


class Library:
    """A fresh database with a vector index of three dimensions."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.database = Database(engine)
        self.store = PgVectorStore(self.database)
        self.oracle = Oracle()
        self.providers = ProviderCalls(self.database, NoLimits())
        self.vectors = Vectors(self.database, lambda _name: self.store, self.providers)
        self.indexing = ChunkIndexer(Embedding(self.database, self.providers), lambda _spec: self.oracle)

    async def get_index(self) -> VectorIndex:
        """The active index, created by the first call."""
        async with self.engine.begin() as connection:
            if found := await find_index(connection, IndexState.ACTIVE):
                return found
            made = await add_index(connection, "pgvector", EmbeddingSpec("local", "oracle", 3), {}, IndexState.ACTIVE)
        assert made
        return made

    async def add_agent(self) -> int:
        """Insert an agent; returns its id."""
        async with self.engine.begin() as connection:
            return await add_agent(connection)

    async def add_document(self, agent_id: int, *texts: str, metadata: str = "{}", vector: Vector = NORTH) -> int:
        """Insert a published document with one chunk for each text, all with the same vector."""
        async with self.engine.begin() as connection:
            document_id = await add_document(connection, agent_id, metadata)
        await self.publish(agent_id, document_id, texts, vector)
        return document_id

    async def publish(self, agent_id: int, document_id: int, texts: Sequence[str], vector: Vector = NORTH) -> int:
        """Replace a document's chunks with these; returns their edition."""
        index = await self.get_index()
        async with self.engine.begin() as connection:
            edition = await reserve_edition(connection, index.id, document_id)
            assert edition
            place = {"agent_id": agent_id, "document_id": document_id, "edition": edition}
            await connection.execute(
                text("UPDATE documents SET edition = :edition, chunk_count = :count WHERE id = :id"),
                {"id": document_id, "edition": edition, "count": len(texts)},
            )
            await publish_edition(connection, index.id, document_id, edition)
            written = await replace_chunks(connection, **place, rows=make_rows(texts))
            vectors = dict.fromkeys(range(len(texts)), vector)
            await self.store.upsert(index, VectorBatch(**place, vectors=vectors), connection)
            await count_words(connection, written.words)
        return edition

    async def stage(self, agent_id: int, document_id: int, texts: Sequence[str], vector: Vector = NORTH) -> int:
        """Add chunks under an edition that search does not find yet; returns it."""
        index = await self.get_index()
        async with self.engine.begin() as connection:
            edition = await reserve_edition(connection, index.id, document_id)
            assert edition
            place = {"agent_id": agent_id, "document_id": document_id, "edition": edition}
            written = await add_chunks(connection, **place, rows=make_rows(texts), counts=None)
            vectors = dict.fromkeys(range(len(texts)), vector)
            await self.store.upsert(index, VectorBatch(**place, vectors=vectors), connection)
            await count_words(connection, written.words)
        return edition

    async def find(self, agent_id: int, question: str, vector: Vector = NORTH, **options: Any) -> list[Hit]:
        """Search one agent; the question's vector is ``vector``."""
        await self.get_index()
        self.oracle.vector = vector
        where = read_filters(options.pop("where", None))
        return await self._make_search().find(
            Account(1, agent_id), question, where=where, **{"mode": "text", "top_k": 10, **options}
        )

    async def show(
        self, agent_ids: Sequence[int], question: str, vector: Vector = NORTH, **options: Any
    ) -> list[Result]:
        """Search as the API does; the question's vector is ``vector``."""
        return list((await self.search(agent_ids, question, vector, **options)).results)

    async def search(
        self,
        agent_ids: Sequence[int],
        question: str,
        vector: Vector = NORTH,
        *,
        reranker: Reranker | None = None,
        candidates: int = 50,
        **options: Any,
    ) -> Found:
        """The same, with a reranker that reads so many candidates."""
        await self.get_index()
        self.oracle.vector = vector
        reranking = Reranking(self.database, self.providers, reranker, candidates) if reranker else None
        search = self._make_search(reranking)
        results = Results(
            SeveralAgents(self.database, search),
            Neighbours(self.database),
            Explanations(self.database),
            reranks=reranker is not None,
        )
        return await results.find(Access(1), agent_ids, question, **{"mode": "text", "top_k": 10, **options})

    def _make_search(self, reranking: Reranking | None = None) -> Search:
        return Search(self.database, self.indexing, self.vectors, reranking)

    async def count_words(self, agent_id: int) -> Mapping[str, int]:
        """The number of an agent's chunks with each word."""
        async with self.engine.connect() as connection:
            rows = await connection.execute(
                text("SELECT lexeme, chunk_count FROM lexemes WHERE agent_id = :agent_id"),
                {"agent_id": agent_id},
            )
            return {row.lexeme: row.chunk_count for row in rows}


async def add_agent(connection: AsyncConnection) -> int:
    """Insert an agent; returns its id."""
    statement = "INSERT INTO agents (organization_id, name, slug) VALUES (1, 'a', gen_random_uuid()) RETURNING id"
    return int((await connection.execute(text(statement))).scalar_one())


async def add_document(connection: AsyncConnection, agent_id: int, metadata: str = "{}") -> int:
    """Insert a document without chunks; returns its id."""
    statement = text(
        "INSERT INTO documents"
        " (organization_id, agent_id, filename, media_type, size_bytes, sha256, blob_key, metadata)"
        " VALUES (1, :agent_id, 'a.txt', 'text/plain', 1, '', '', CAST(:metadata AS jsonb)) RETURNING id"
    )
    added = await connection.execute(statement, {"agent_id": agent_id, "metadata": metadata})
    return int(added.scalar_one())
