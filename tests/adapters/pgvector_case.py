"""pgvector for the suite of vector stores: with the rows that it needs, on the event loop of each test."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database, create_engine
from app.db.vectors.indexes import fix_dimensions
from app.db.vectors.pgvector_store import PgVectorStore
from app.domain.vectors import EmbeddingSpec, VectorBatch, VectorIndex
from app.settings import Settings
from tests.adapters.vector_stores import Case


class _RunningDatabase(Database):
    """The database, with an engine for each event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loops: dict[asyncio.AbstractEventLoop, tuple[AsyncEngine, Any]] = {}

    @property
    def _engine(self) -> AsyncEngine:  # type: ignore[override]  # the base sets one for good
        return self._find()[0]

    @property
    def _autocommit(self) -> Any:  # type: ignore[override]  # the same
        return self._find()[1]

    def _find(self) -> tuple[AsyncEngine, Any]:
        loop = asyncio.get_running_loop()
        if loop not in self._loops:
            engine = create_engine(self._url, pool_size=4)
            self._loops[loop] = engine, engine.execution_options(isolation_level="AUTOCOMMIT")
        return self._loops[loop]

    async def close(self) -> None:
        """Close the connections of the running event loop."""
        if found := self._loops.pop(asyncio.get_running_loop(), None):
            await found[0].dispose()


class PgVectorCase(Case):
    """Writes the agents, documents and chunks to which vectors in Postgres belong, then the vectors."""

    def __init__(self, database: _RunningDatabase) -> None:
        super().__init__(PgVectorStore(database), tolerance=2e-3)  # half precision
        self._database = database

    async def close(self) -> None:
        """Close the store and the connections of the running event loop."""
        await super().close()
        await self._database.close()

    async def make_index(self, dimensions: int | None = None) -> VectorIndex:
        """Make an index with its row. The first vectors decide its length, as in ``services.indexing.vectors``."""
        async with self._database.transaction() as connection:
            made = await connection.execute(_INDEX, {"dimensions": dimensions})
            return VectorIndex(made.scalar_one(), "pgvector", EmbeddingSpec("local", "made-for-tests", dimensions))

    async def write(self, index: VectorIndex, batch: VectorBatch) -> None:
        """Write the missing chunks of a batch, and its vectors in the same transaction."""
        if not batch.vectors:
            return
        length = len(next(iter(batch.vectors.values())))
        async with self._database.statement() as connection:
            known = await fix_dimensions(connection, index.id, length)
        fitting = replace(index, embedding=replace(index.embedding, dimensions=known))
        async with self._database.transaction() as connection:
            place = {"agent_id": batch.agent_id, "document_id": batch.document_id, "edition": batch.edition}
            for statement in (_AGENT, _DOCUMENT):
                await connection.execute(statement, place)
            await connection.execute(_CHUNKS, {**place, "ordinals": list(batch.vectors)})
            for piece in self.store.split(batch):
                await self.store.upsert(fitting, piece, connection)
        await self.store.settle(fitting, batch)


@contextmanager
def open_pgvector(settings: Settings) -> Iterator[Case]:
    """Run the case on a new database."""
    yield PgVectorCase(_RunningDatabase(settings.database_url or ""))


_INDEX = text("""
    INSERT INTO vector_indexes (store, provider, model, dimensions, state)
    VALUES ('pgvector', 'local', 'made-for-tests', :dimensions, 'retired') RETURNING id
""")

_AGENT = text("""
    INSERT INTO agents (id, organization_id, name, slug) VALUES (:agent_id, 1, 'a', gen_random_uuid())
    ON CONFLICT (id) DO NOTHING
""")

_DOCUMENT = text("""
    INSERT INTO documents (id, organization_id, agent_id, filename, media_type)
    VALUES (:document_id, 1, :agent_id, 'a.txt', 'text/plain')
    ON CONFLICT (id) DO NOTHING
""")

_CHUNKS = text("""
    INSERT INTO chunks (agent_id, document_id, edition, ordinal, text, start_char, end_char)
    SELECT CAST(:agent_id AS bigint), CAST(:document_id AS bigint), CAST(:edition AS integer), ordinal, '', 0, 0
    FROM unnest(CAST(:ordinals AS integer[])) AS ordinal
    ON CONFLICT DO NOTHING
""")
