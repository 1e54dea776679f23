"""Reembedding: another model or store takes over once it holds everything, and nobody has to wait for it.

The index that searches read goes on unchanged while the new one is filled, a task a document. ``editions`` says what
is missing; whoever has the turn submits tasks for that. When nothing is missing any more but what was published just
now, the indexes change places, and the rest follows in the same way.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents import get_document_for_work, list_chunks
from app.db.edition_lists import lacks_old, list_lacking, list_unswept
from app.db.editions import (
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
from app.db.vector_indexes import (
    activate,
    find_index,
    forget_index,
    list_droppable,
    lock_indexes,
    mark_dropped,
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
from app.services.indexing.publication import EditionWriter
from app.services.indexing.vector_indexes import IndexSpec
from app.services.indexing.vectors import Vectors
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt

_PLANNED_AT_ONCE = 10_000
_SUBMITTED_AT_ONCE = 500
_FORGOTTEN_AT_ONCE = 10_000
_TURN_SECONDS = 240.0
_JUST_NOW_SECONDS = 60.0

log = structlog.get_logger()


class Reembedding:
    """Fills the index that is being built, and whatever else lacks something, and lets it take over."""

    def __init__(
        self,
        database: Database,
        admission: Admission,
        indexing: ChunkIndexer,
        vectors: Vectors,
        batch_chunks: int,
    ) -> None:
        self._database = database
        self._admission = admission
        self._indexing = indexing
        self._vectors = vectors
        self._writer = EditionWriter(vectors)
        self._batch_chunks = batch_chunks

    async def check(self, requested: IndexSpec) -> None:
        """See that an index could be built, before one is.

        Raises:
            StartupError: when something that the model or the store needs is missing.
            ProviderDownError, ProviderCredentialsError, ProviderBusyError, ProviderRequestError
        """
        await self._indexing.check_model(requested.embedding)
        await self._vectors.check(VectorIndex(0, requested.store, requested.embedding, requested.place))

    async def advance(self) -> None:
        """Note what indexes lack, submit tasks for it, and let a complete index take over."""
        async with self._database.statement() as connection:
            indexes = [await find_index(connection, state) for state in (IndexState.ACTIVE, IndexState.BUILDING)]
        for index in indexes:
            if index is not None:
                await self._plan(index)
                await self._submit_lacking(index)
        await self._activate()

    async def sweep(self) -> None:
        """Submit tasks for what is left over in indexes, and drop those that were retired."""
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
        for index, over in retired:
            try:
                await self._drop(index, over=over)
            except SluiceError as error:
                log.warning("index_not_dropped", index=index.id, store=index.store, reason=error.message)

    async def embed(self, attempt: RunningAttempt) -> Outcome:
        """Bring the vectors of a document to an index.

        It goes on after the chunks that it brought there before. Of a large document it does what can be done in some
        minutes, and gives its slot back.

        Raises:
            DocumentDeletedError
            RetryLaterError: when its turn is over.
        """
        task = attempt.task
        index = await self._vectors.get(task.arguments["index_id"])
        if index is None:
            return Outcome({"document_id": task.document_id, "chunk_count": 0}, "The index was given up", 0)
        async with self._database.statement() as connection:
            document = await get_document_for_work(connection, task.require_document_id())
            if document is None or document.deleted_at:
                raise DocumentDeletedError
            done_to = await renew_edition(connection, index.id, document.id, document.edition)
        until = time.monotonic() + _TURN_SECONDS
        async for chunks in self._read(document.id, done_to):
            status = f"Embedding {document.filename} with {index.embedding.model} (from chunk {chunks[0].index + 1})"
            share = min(80, 80 * chunks[0].index // max(1, document.chunk_count or 0))
            await attempt.report(Progress("embed", share, status, chunks[0].index))
            if not await self._write(index, document, chunks):
                return Outcome({"document_id": document.id, "chunk_count": 0}, "The document has changed", 0)
            if time.monotonic() > until and chunks[-1].index + 1 < (document.chunk_count or 0):
                raise RetryLaterError(f"{status}: goes on in a moment, so that others have a turn", retry_after=0.1)

        async def apply(connection: AsyncConnection) -> None:
            # Held, so that no other edition is published before this one is noted as what the index holds.
            await get_document_for_work(connection, document.id, lock=True)
            await complete_edition(connection, index.id, document.id, document.edition)

        result = {"document_id": document.id, "chunk_count": document.chunk_count}
        status = f"{document.filename} is embedded with {index.embedding.model}"
        return Outcome(result, status, document.chunk_count, apply)

    async def _read(self, document_id: int, after: int | None) -> AsyncIterator[list[Chunk]]:
        """The chunks that search finds of a document, after an ordinal, some hundreds at a time."""
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
        vectors = await self._indexing.embed(index, chunks, account)
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
        """Note what an index lacks, some thousands of documents a transaction."""
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
        """Submit tasks, as many as workers can begin soon; what searches read already, before what they will.

        Those that were submitted before the index took over are moved up.
        """
        queue, hastened = (Queue.HIGH if index.state is IndexState.ACTIVE else Queue.LOW), 0
        async with self._database.transaction() as connection:
            if not await try_lock_chore(connection, "reembed"):
                return
            if queue is Queue.HIGH:
                hastened = await reprioritise_reembedding(connection, index.id, queue)
            room = _SUBMITTED_AT_ONCE - await count_unfinished(connection, TaskName.REEMBED_DOCUMENT)
            lacking = await list_lacking(connection, index.id, room) if room > 0 else []
            for edition in lacking:
                arguments = {"index_id": edition.index_id}
                await submit(connection, _make_task(edition, TaskName.REEMBED_DOCUMENT, queue, arguments))
        if lacking or hastened:
            self._admission.nudge(queue)

    async def _activate(self) -> None:
        """Let the index that is built become the active one, once it lacks nothing but what was published just now."""
        if not await self._is_whole():
            return
        async with self._database.transaction() as connection:
            await lock_indexes(connection)
            building = await find_index(connection, IndexState.BUILDING)
            if building is None or await lacks_old(connection, building.id, _JUST_NOW_SECONDS):
                return
            await activate(connection, building.id)
        log.info("index_activated", index=building.id, model=building.embedding.model, store=building.store)

    async def _is_whole(self) -> bool:
        async with self._database.statement() as connection:
            building = await find_index(connection, IndexState.BUILDING)
            return (
                building is not None
                and await is_planned(connection, building.id)
                and not await lacks_old(connection, building.id, _JUST_NOW_SECONDS)
            )

    async def _drop(self, index: VectorIndex, *, over: bool) -> None:
        """Remove all of a retired index; once nobody can write to it any more, forget it."""
        while not await self._vectors.drop(index):
            log.info("index_being_dropped", index=index.id)
        async with self._database.transaction() as connection:
            if await drop_editions(connection, index.id, _FORGOTTEN_AT_ONCE) == _FORGOTTEN_AT_ONCE:
                return  # the rest at the next turn
            if over:
                await forget_index(connection, index.id)
            else:
                await mark_dropped(connection, index.id)
        log.info("index_dropped", index=index.id, model=index.embedding.model, forgotten=over)


def _make_task(edition: Edition, name: TaskName, queue: Queue, arguments: Mapping[str, Any]) -> NewTask:
    return NewTask(edition.organization_id, edition.agent_id, name, queue, edition.document_id, arguments=arguments)
