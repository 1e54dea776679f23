"""Consistency: whether an index of vectors holds what the documents say it does, and nothing else."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from app.db.engine import Database
from app.db.expected_vectors import list_agents, list_chunk_keys, list_editions, mark_incomplete
from app.domain.vectors import VectorIndex, VectorKey
from app.services.indexing.vectors import Vectors


@dataclass(frozen=True, slots=True)
class AgentReport:
    """What an index holds of an agent's chunks.

    ``missing`` vectors are those of chunks that search finds; ``orphans`` are in the index and nobody knows of them;
    ``stale`` ones are on their way out, or on their way in.
    """

    agent_id: int
    chunks: int
    vectors: int
    missing: int
    orphans: int
    stale: int
    documents: list[int]  # those that vectors are missing of
    strays: list[tuple[int, int]]  # the editions that orphans are of, each (document id, edition)

    @property
    def consistent(self) -> bool:
        """Whether nothing is missing, and nothing there that nobody knows of."""
        return not (self.missing or self.orphans)


class Consistency:
    """Compares an index of vectors with Postgres, agent by agent."""

    def __init__(self, database: Database, vectors: Vectors) -> None:
        self._database = database
        self._vectors = vectors

    async def report(self, index: VectorIndex) -> AsyncIterator[AgentReport]:
        """A report for each agent that has chunks, or vectors in the index."""
        async with self._database.statement() as connection:
            known = await list_agents(connection, index.id)
        for agent_id in sorted({*known, *await self._vectors.list_agents(index)}):
            yield await self._compare(index, agent_id)

    async def repair(self, index: VectorIndex, report: AgentReport) -> None:
        """Remove an agent's orphans, and have its documents that lack vectors embedded again."""
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
            # Read last, so that what is written meanwhile is known of, and what is replaced or deleted is not missed.
            noted = await list_editions(connection, index.id, agent_id)
            if missing:
                missing &= await list_chunk_keys(connection, index.id, agent_id)
        others = held - expected
        orphans = {key for key in others if not _is_noted(key, noted)}
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


def _is_noted(key: VectorKey, noted: set[tuple[int, int]]) -> bool:
    return (key.document_id, key.edition) in noted
