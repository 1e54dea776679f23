"""Reembedding: builds a new index, for another model or store, while searches read the old one.

One task per document fills the new index; the table ``editions`` records what it lacks. Each upkeep turn submits tasks
for some of that. Once the new index lacks only documents published within the last minute, and its gate, if it has one,
accepts it, it becomes the active one, and further tasks add the rest.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.documents import get_document_for_work, list_chunks
from app.db.documents.edition_lists import lacks_old, list_lacking, list_unswept
from app.db.documents.editions import (
    LATE_SECONDS,
    Edition,
    complete_edition,
    drop_editions,
    is_planned,
    plan_index,
    record_progress,
    renew_edition,
)
from app.db.engine import Database
from app.db.vectors.gates import get_gate
from app.db.vectors.indexes import (
    activate,
    find_index,
    forget_index,
    list_droppable,
    lock_indexes,
    mark_dropped,
    retire_building,
)
from app.domain.documents import Chunk
from app.domain.errors import DocumentDeletedError, RetryLaterError, SluiceError
from app.domain.records import Document
from app.domain.tasks import NewTask, Progress, Queue, TaskName
from app.domain.vectors import Account, IndexState, VectorBatch, VectorIndex
from app.ledger.read import count_unfinished
from app.ledger.reprioritise import reprioritise_reembedding
from app.ledger.submit import submit
from app.ledger.upkeep import try_lock_chore
from app.services.indexing.chunk_index import ChunkIndexer
from app.services.indexing.index_gates import IndexGates
from app.services.indexing.publication import EditionWriter
from app.services.indexing.vector_indexes import IndexSpec
from app.services.indexing.vectors import Vectors
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt

_PLANNED_AT_ONCE = 10_000
_SUBMITTED_AT_ONCE = 500
_DROPPED_AT_ONCE = 10_000
_SLICE_SECONDS = 240.0
_RECENT_SECONDS = 60.0

log = structlog.get_logger()


class Reembedding:
    """Fills indexes that lack documents, activates a complete new index, and removes retired ones."""

    def __init__(
        self,
        database: Database,
        admission: Admission,
        indexer: ChunkIndexer,
        vectors: Vectors,
        batch_chunks: int,
    ) -> None:
        self._database = database
        self._admission = admission
        self._indexer = indexer
        self._vectors = vectors
        self._gates = IndexGates(database, admission)
        self._writer = EditionWriter(vectors)
        self._batch_chunks = batch_chunks

    async def check(self, requested: IndexSpec) -> None:
        """Check that the requested index can be built.

        Raises:
            StartupError: when the model or the store lacks a key, a package or a file.
            ProviderDownError, ProviderCredentialsError, ProviderBusyError, ProviderRequestError
        """
        await self._indexer.check_model(requested.embedding)
        await self._vectors.check(VectorIndex(0, requested.store, requested.embedding, requested.place))

    async def advance(self) -> None:
        """Record what indexes lack, submit tasks for it, and activate a new index that is complete."""
        async with self._database.statement() as connection:
            indexes = [await find_index(connection, state) for state in (IndexState.ACTIVE, IndexState.BUILDING)]
        for index in indexes:
            if index is not None:
                await self._plan(index)
                await self._submit_lacking(index)
        await self._activate()

    async def sweep(self) -> None:
        """Submit tasks that remove outdated editions, and drop retired indexes."""
        async with self._database.transaction() as connection:
            if not await try_lock_chore(connection, "sweep"):
                return
            unswept = await list_unswept(connection, _SUBMITTED_AT_ONCE)
            for edition in unswept:
                await submit(connection, _make_task(edition, TaskName.SWEEP_DOCUMENT, Queue.DEFAULT, {}))
        if unswept:
            self._admission.nudge(Queue.DEFAULT)
        async with self._database.statement() as connection:
            retired = await list_droppable(connection, LATE_SECONDS)
        for index, expired in retired:
            try:
                await self._drop(index, forget=expired)
            except SluiceError as error:
                log.warning("index_not_dropped", index=index.id, store=index.store, reason=error.message)

    async def embed(self, attempt: RunningAttempt) -> Outcome:
        """Write a document's vectors to an index.

        Continues after the last chunk that an earlier attempt wrote. For a large document, the task stops after four
        minutes and is deferred, so that other tasks can use the worker slot.

        Raises:
            DocumentDeletedError
            RetryLaterError: when chunks are left after that time.
        """
        task = attempt.task
        index = await self._vectors.get(task.arguments["index_id"])
        if index is None:
            return Outcome({"document_id": task.document_id, "chunk_count": 0}, "The index was abandoned", 0)
        async with self._database.statement() as connection:
            document = await get_document_for_work(connection, task.require_document_id())
            if document is None or document.deleted_at:
                raise DocumentDeletedError
            done_to = await renew_edition(connection, index.id, document.id, document.edition)
        until = time.monotonic() + _SLICE_SECONDS
        async for chunks in self._read(document.id, done_to):
            status = f"Embedding {document.filename} with {index.embedding.model} (from chunk {chunks[0].index + 1})"
            share = min(80, 80 * chunks[0].index // max(1, document.chunk_count or 0))
            await attempt.report(Progress("embed", share, status, chunks[0].index))
            if not await self._write(index, document, chunks):
                return Outcome({"document_id": document.id, "chunk_count": 0}, "The document has changed", 0)
            if time.monotonic() > until and chunks[-1].index + 1 < (document.chunk_count or 0):
                raise RetryLaterError(f"{status}: continues after other tasks", retry_after=0.1)

        async def apply(connection: AsyncConnection) -> None:
            # Locked, so that no later edition is published before the index is recorded as holding this one.
            await get_document_for_work(connection, document.id, lock=True)
            await complete_edition(connection, index.id, document.id, document.edition)

        result = {"document_id": document.id, "chunk_count": document.chunk_count}
        status = f"{document.filename} is embedded with {index.embedding.model}"
        return Outcome(result, status, document.chunk_count, apply)

    async def _read(self, document_id: int, after: int | None) -> AsyncIterator[list[Chunk]]:
        """Yield a document's published chunks after an ordinal, in batches."""
        while True:
            async with self._database.statement() as connection:
                page = await list_chunks(connection, document_id, limit=self._batch_chunks, after=after)
            if page.items:
                yield [chunk.as_chunk() for chunk in page.items]
            if page.next is None:
                return
            after = int(page.next)

    async def _write(self, index: VectorIndex, document: Document, chunks: Sequence[Chunk]) -> bool:
        """Embed some chunks and write their vectors; False when the document has a later edition, or is gone.

        Another task then writes the later edition.
        """
        account = Account(document.organization_id, document.agent_id)
        vectors = await self._indexer.embed(index, chunks, account)
        batch = VectorBatch(document.agent_id, document.id, document.edition, vectors)
        edition = await self._writer.write(index, batch)
        async with self._database.transaction() as connection:
            # Locked, so that the chunks stay until their vectors are written.
            now = await get_document_for_work(connection, document.id, lock=True)
            if now is None or now.deleted_at or now.edition != document.edition:
                return False
            await self._writer.apply_vectors(connection, edition)
            await record_progress(connection, index.id, document.id, document.edition, chunks[-1].index)
        return True

    async def _plan(self, index: VectorIndex) -> None:
        """Record which documents an index lacks, some thousands per transaction."""
        async with self._database.statement() as connection:
            if await is_planned(connection, index.id):
                return
        while True:
            async with self._database.transaction() as connection:
                if not await try_lock_chore(connection, "plan") or await plan_index(
                    connection, index.id, _PLANNED_AT_ONCE
                ):
                    return

    async def _submit_lacking(self, index: VectorIndex) -> None:
        """Submit tasks for what an index lacks, up to a limit of unfinished ones.

        Tasks for the active index get high priority, those for a new index low priority. Tasks that were submitted
        before their index became active are moved to high priority.
        """
        queue, moved = (Queue.HIGH if index.state is IndexState.ACTIVE else Queue.LOW), 0
        async with self._database.transaction() as connection:
            if not await try_lock_chore(connection, "reembed"):
                return
            if queue is Queue.HIGH:
                moved = await reprioritise_reembedding(connection, index.id, queue)
            free = _SUBMITTED_AT_ONCE - await count_unfinished(connection, TaskName.REEMBED_DOCUMENT)
            lacking = await list_lacking(connection, index.id, free) if free > 0 else []
            for edition in lacking:
                arguments = {"index_id": edition.index_id}
                await submit(connection, _make_task(edition, TaskName.REEMBED_DOCUMENT, queue, arguments))
        if lacking or moved:
            self._admission.nudge(queue)

    async def _activate(self) -> None:
        """Make a new index the active one once it is complete, or retire it if its gate refuses it.

        It is complete when it lacks only documents published within the last minute.
        """
        complete = await self._find_complete()
        if complete is None or not await self._gates.is_decided(complete):
            return
        async with self._database.transaction() as connection:
            await lock_indexes(connection)
            building = await find_index(connection, IndexState.BUILDING)
            if building is None or await lacks_old(connection, building.id, _RECENT_SECONDS):
                return
            gate = await get_gate(connection, building.id)
            if gate is None or gate.accepted:
                await activate(connection, building.id)
            elif gate.accepted is False:
                await retire_building(connection)
            else:
                return  # another index than the one whose gate is decided
        if gate and not gate.accepted:
            log.warning("index_refused", index=building.id, reason=gate.reason)
        else:
            log.info("index_activated", index=building.id, model=building.embedding.model, store=building.store)

    async def _find_complete(self) -> VectorIndex | None:
        async with self._database.statement() as connection:
            building = await find_index(connection, IndexState.BUILDING)
            if building is None or not await is_planned(connection, building.id):
                return None
            return None if await lacks_old(connection, building.id, _RECENT_SECONDS) else building

    async def _drop(self, index: VectorIndex, *, forget: bool) -> None:
        """Remove a retired index's vectors; with ``forget``, when no process can still write to it, its row too."""
        while not await self._vectors.drop(index):
            log.info("index_being_dropped", index=index.id)
        async with self._database.transaction() as connection:
            if await drop_editions(connection, index.id, _DROPPED_AT_ONCE) == _DROPPED_AT_ONCE:
                return  # the next turn removes the rest
            if forget:
                await forget_index(connection, index.id)
            else:
                await mark_dropped(connection, index.id)
        log.info("index_dropped", index=index.id, model=index.embedding.model, forgotten=forget)


def _make_task(edition: Edition, name: TaskName, queue: Queue, arguments: Mapping[str, Any]) -> NewTask:
    return NewTask(edition.organization_id, edition.agent_id, name, queue, edition.document_id, arguments=arguments)
