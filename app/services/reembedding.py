"""Reembedding: another model or store takes over once it holds everything, and nobody has to wait for it.

The index that searches read goes on unchanged while the new one is filled, a task a document. ``editions`` says what
is missing; whoever has the turn submits tasks for that, and when nothing is missing any more the indexes change places.
The same goes for a document that was published to an index just before it was replaced.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents import get_document_for_work, list_chunks
from app.db.editions import (
    Edition,
    complete_edition,
    count_lacking,
    drop_editions,
    list_lacking,
    list_unswept,
    renew_edition,
)
from app.db.engine import Database
from app.db.vector_indexes import (
    activate,
    find_index,
    forget_index,
    list_unread,
    lock_indexes,
)
from app.domain.documents import Chunk
from app.domain.errors import DocumentDeletedError
from app.domain.ids import new_task_id
from app.domain.records import Document
from app.domain.tasks import NewTask, Progress, Queue, TaskName
from app.domain.vectors import Account, IndexState, VectorBatch, VectorIndex
from app.ledger.submit import submit
from app.services.admission import Admission
from app.services.indexing import Indexing
from app.services.vectors import Vectors
from app.services.work import Outcome, Work

_SUBMITTED_AT_ONCE = 500
_FORGOTTEN_AT_ONCE = 10_000

log = structlog.get_logger()


class Reembedding:
    """Fills the index that is being built, and whatever else lacks something, and lets it take over."""

    def __init__(
        self,
        database: Database,
        admission: Admission,
        indexing: Indexing,
        vectors: Vectors,
        batch_chunks: int,
    ) -> None:
        self._database = database
        self._admission = admission
        self._indexing = indexing
        self._vectors = vectors
        self._batch_chunks = batch_chunks

    async def advance(self) -> None:
        """Submit tasks for what is missing and for what is left over, let a complete index take over, drop old ones."""
        await self._submit_tasks()
        await self._take_over()
        await self._drop_retired()

    async def embed(self, work: Work) -> Outcome:
        """Bring the vectors of a document to an index.

        What was done before is done again, but a provider is not paid for it again.

        Raises:
            IndexRetiredError: when the index is gone.
        """
        task = work.task
        index = await self._vectors.get(task.arguments["index_id"])
        async with self._database.statement() as connection:
            document = await get_document_for_work(connection, task.document_id or 0)
            if document:
                await renew_edition(connection, index.id, document.id, document.edition)
        if document is None:
            raise DocumentDeletedError
        done = 0
        async for chunks in self._read(document.id):
            status = f"Embedding {document.filename} with {index.embedding.model} ({done} chunks done)"
            await work.report(Progress("embed", min(80, 80 * done // max(1, document.chunk_count or 0)), status, done))
            if not await self._bring(index, document, chunks):
                return Outcome({"document_id": document.id, "chunk_count": 0}, "The document has changed", 0)
            done += len(chunks)

        async def apply(connection: AsyncConnection) -> None:
            await complete_edition(connection, index.id, document.id, document.edition)

        result = {"document_id": document.id, "chunk_count": done}
        return Outcome(result, f"Embedded {done} chunks with {index.embedding.model}", done, apply)

    async def _read(self, document_id: int) -> AsyncIterator[list[Chunk]]:
        """The chunks that search finds of a document, some hundreds at a time."""
        after: int | None = None
        while True:
            async with self._database.statement() as connection:
                page = await list_chunks(connection, document_id, limit=self._batch_chunks, after=after)
            if page.items:
                yield [chunk.as_chunk() for chunk in page.items]
            if page.next is None:
                return
            after = int(page.next)

    async def _bring(self, index: VectorIndex, document: Document, chunks: Sequence[Chunk]) -> bool:
        """Write the vectors of some chunks; False when the document holds others by now, which are another task's."""
        account = Account(document.organization_id, document.agent_id)
        vectors = await self._indexing.embed(index, chunks, account)
        batch = VectorBatch(document.agent_id, document.id, document.edition, vectors)
        index = await self._vectors.write(index, batch)
        async with self._database.transaction() as connection:
            # Held, so that the chunks stay until their vectors are there.
            now = await get_document_for_work(connection, document.id, lock=True)
            if now is None or now.deleted_at or now.edition != document.edition:
                return False
            await self._vectors.write_within(connection, index, batch)
        return True

    async def _submit_tasks(self) -> None:
        reembed, sweep = TaskName.REEMBED_DOCUMENT, TaskName.SWEEP_DOCUMENT
        async with self._database.transaction() as connection:
            lacking = await list_lacking(connection, reembed.value, _SUBMITTED_AT_ONCE)
            unswept = await list_unswept(connection, sweep.value, _SUBMITTED_AT_ONCE)
            for edition in lacking:
                await submit(connection, _make_task(edition, reembed, Queue.LOW, {"index_id": edition.index_id}))
            for edition in unswept:
                await submit(connection, _make_task(edition, sweep, Queue.DEFAULT, {}))
        if lacking:
            self._admission.nudge(Queue.LOW)
        if unswept:
            self._admission.nudge(Queue.DEFAULT)

    async def _take_over(self) -> None:
        async with self._database.transaction() as connection:
            building = await find_index(connection, IndexState.BUILDING)
            if building is None or await count_lacking(connection, building.id):
                return
            # From here on no document is published; what was in between is counted now.
            await lock_indexes(connection)
            if await count_lacking(connection, building.id):
                return
            await activate(connection, building.id)
        log.info("index_activated", index=building.id, model=building.embedding.model, store=building.store)

    async def _drop_retired(self) -> None:
        async with self._database.statement() as connection:
            retired = await list_unread(connection)
        for index in retired:
            if not await self._vectors.drop(index):
                continue
            async with self._database.transaction() as connection:
                if await drop_editions(connection, index.id, _FORGOTTEN_AT_ONCE) < _FORGOTTEN_AT_ONCE:
                    await forget_index(connection, index.id)
                    log.info("index_dropped", index=index.id, model=index.embedding.model)


def _make_task(edition: Edition, name: TaskName, queue: Queue, arguments: Mapping[str, Any]) -> NewTask:
    return NewTask(
        id=new_task_id(),
        organization_id=edition.organization_id,
        agent_id=edition.agent_id,
        document_id=edition.document_id,
        name=name,
        queue=queue,
        arguments=arguments,
    )
