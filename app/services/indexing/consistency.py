"""Consistency: whether a vector index holds exactly the vectors that the documents should have."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.db.engine import Database
from app.db.vectors.expected import list_agents, list_chunk_keys, list_editions, mark_incomplete
from app.domain.vectors import VectorIndex, VectorKey
from app.services.indexing.vectors import Vectors


@dataclass(frozen=True, slots=True)
class AgentReport:
    """How an index compares with an agent's published chunks.

    ``missing`` counts published chunks without a vector. ``orphans`` counts vectors of editions that are not recorded.
    ``stale`` counts vectors of recorded editions that are being removed, or are not published yet.
    """

    agent_id: int
    chunks: int
    vectors: int
    missing: int
    orphans: int
    stale: int
    documents: list[int]  # those with missing vectors
    strays: list[tuple[int, int]]  # the editions of the orphans, each (document id, edition)

    @property
    def consistent(self) -> bool:
        """Whether there are neither missing vectors nor orphans."""
        return not (self.missing or self.orphans)


class Consistency:
    """Compares a vector index with Postgres, agent by agent."""

    def __init__(self, database: Database, vectors: Vectors) -> None:
        self._database = database
        self._vectors = vectors

    async def report(self, index: VectorIndex) -> AsyncIterator[AgentReport]:
        """Yield a report for each agent that has chunks, or vectors in the index."""
        async with self._database.statement() as connection:
            with_chunks = await list_agents(connection, index.id)
        for agent_id in sorted({*with_chunks, *await self._vectors.list_agents(index)}):
            yield await self._compare(index, agent_id)

    async def repair(self, index: VectorIndex, report: AgentReport) -> None:
        """Remove an agent's orphans, and mark its documents that lack vectors, so that they are embedded again."""
        for document_id, edition in report.strays:
            await self._vectors.delete(index, report.agent_id, document_id, edition)
        async with self._database.statement() as connection:
            await mark_incomplete(connection, index.id, report.documents)

    async def _compare(self, index: VectorIndex, agent_id: int) -> AgentReport:
        async with self._database.statement() as connection:
            expected = await list_chunk_keys(connection, index.id, agent_id)
        held = await self._vectors.list_keys(index, agent_id)
        missing = expected - held
        async with self._database.statement() as connection:
            # Read last: editions written in the meantime are recorded, and replaced or deleted ones do not count.
            recorded = await list_editions(connection, index.id, agent_id)
            if missing:
                missing &= await list_chunk_keys(connection, index.id, agent_id)
        others = held - expected
        orphans = {key for key in others if not _is_recorded(key, recorded)}
        return AgentReport(
            agent_id=agent_id,
            chunks=len(expected),
            vectors=len(held),
            missing=len(missing),
            orphans=len(orphans),
            stale=len(others) - len(orphans),
            documents=sorted({key.document_id for key in missing}),
            strays=sorted({(key.document_id, key.edition) for key in orphans}),
        )


def _is_recorded(key: VectorKey, recorded: set[tuple[int, int]]) -> bool:
    return (key.document_id, key.edition) in recorded
