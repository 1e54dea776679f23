"""Calibrations: measures how far a model can be trusted with an agent's texts, in the background."""

import asyncio
from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.vectors.calibrations import claim_due, sample_chunks, save_calibration
from app.domain.documents import Chunk
from app.domain.tasks import NewTask, Progress, Queue, TaskName
from app.domain.vectors import Account, Vector, VectorIndex
from app.ledger.submit import submit
from app.pipeline.ranking.calibration import LEAST, SAMPLE, calibrate, make_clozes
from app.pipeline.ranking.fusion import Balance
from app.services.indexing.chunk_index import ChunkIndexer
from app.services.indexing.vectors import Vectors
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt

_SUBMITTED_AT_ONCE = 20


class Calibrations:
    """Submits and does the measurements, one task for each agent and index."""

    def __init__(self, database: Database, admission: Admission, indexer: ChunkIndexer, vectors: Vectors) -> None:
        self._database = database
        self._admission = admission
        self._indexer = indexer
        self._vectors = vectors

    async def submit_due(self) -> None:
        """Submit a task for each agent that has no calibration, or has grown by half since it was measured."""
        async with self._database.transaction() as connection:
            due = await claim_due(connection, LEAST, _SUBMITTED_AT_ONCE)
            for one in due:
                account, arguments = one.account, {"index_id": one.index_id}
                await submit(
                    connection,
                    NewTask(
                        account.organization_id,
                        account.agent_id,
                        TaskName.CALIBRATE_AGENT,
                        Queue.LOW,
                        arguments=arguments,
                    ),
                )
        if due:
            self._admission.nudge(Queue.LOW)

    async def measure(self, attempt: RunningAttempt) -> Outcome:
        """Measure an agent's texts with the model of an index, and record the balance for its searches."""
        task = attempt.task
        index = await self._vectors.get(task.arguments["index_id"])
        if index is None:
            return Outcome({"chunk_count": 0}, "The index was abandoned", 0)
        async with self._database.statement() as connection:
            texts = await sample_chunks(connection, task.agent_id, SAMPLE)
        await attempt.report(Progress("embed", 0, f"Measuring {index.embedding.model} on {len(texts)} chunks"))
        balance = await self._calibrate(index, Account(task.organization_id, task.agent_id), texts)

        async def apply(connection: AsyncConnection) -> None:
            await save_calibration(connection, index.id, task.agent_id, balance.words, balance.doubt)

        return Outcome({"chunk_count": len(texts)}, f"{index.embedding.model} is measured", len(texts), apply)

    async def _calibrate(self, index: VectorIndex, account: Account, texts: Sequence[str]) -> Balance:
        clozes = await asyncio.to_thread(make_clozes, texts)
        sentences = await self._embed(index, account, [cloze.sentence for cloze in clozes])
        rests = await self._embed(index, account, [cloze.rest for cloze in clozes])
        return await asyncio.to_thread(calibrate, clozes, sentences, rests)

    async def _embed(self, index: VectorIndex, account: Account, texts: Sequence[str]) -> list[Vector]:
        chunks = [Chunk(number, text, 0, len(text), None) for number, text in enumerate(texts)]
        vectors = await self._indexer.embed(index, chunks, account)
        return [vectors[number] for number in range(len(texts))]
