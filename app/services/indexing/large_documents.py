"""Large documents: cut once, embedded in batches by tasks of their own, and published when the last of them is done.

Neither their text nor their chunks are ever in memory as a whole, and what a batch has done is done: a process that
dies repeats its own batch only.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.chunks import LAST_EDITION, REMOVED_AT_ONCE, add_chunks, count_chunks, count_words, remove_chunks
from app.db.documents import get_document_for_work
from app.db.engine import Database
from app.db.staging import drop_staged, read_staged, stage_chunks
from app.domain.documents import Chunk
from app.domain.errors import DocumentBusyError, DocumentDeletedError, FileMissingError
from app.domain.ids import TaskId, new_task_id
from app.domain.ports import BlobStore
from app.domain.records import Document
from app.domain.states import FINAL, State
from app.domain.tasks import NewTask, Progress, Queue, Task, TaskName
from app.domain.vectors import Account, VectorBatch
from app.ledger.children import drop_children
from app.ledger.read import get_task, list_document_tasks
from app.ledger.submit import submit_all
from app.services.indexing.chunk_index import ChunkIndexer
from app.services.indexing.publication import Place, Version, publish, submit_sweep
from app.services.indexing.vectors import Vectors
from app.services.queue.attempts import Outcome, Work


class LargeDocuments:
    """Works on documents of more chunks than one task should embed."""

    def __init__(
        self, database: Database, blobs: BlobStore, indexing: ChunkIndexer, vectors: Vectors, batch_chunks: int
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._indexing = indexing
        self._vectors = vectors
        self._batch_chunks = batch_chunks

    async def clear(self, work: Work, document: Document) -> None:
        """Take out of the index what a former attempt left that was never published."""
        removed = REMOVED_AT_ONCE
        while removed == REMOVED_AT_ONCE:
            async with self._database.transaction() as connection:
                await work.report_within(connection, Progress("parse", 20, f"Preparing {document.filename}"))
                await drop_staged(connection, work.task.id)
                removed = await remove_chunks(connection, document.id, first=document.edition + 1)

    async def stage(self, work: Work, document: Document, version: Version, chunks: Iterator[Chunk]) -> Outcome:
        """Put the chunks aside, some hundreds a transaction; the outcome submits a task for each of these batches.

        ``version`` lacks the number of chunks, which is not known before.
        """
        count, batches, filename = 0, list[tuple[int, int]](), version.content.filename
        while batch := await asyncio.to_thread(lambda: list(islice(chunks, self._batch_chunks))):
            count += len(batch)
            batches.append((batch[0].index, batch[-1].index))
            async with self._database.transaction() as connection:
                progress = Progress("chunk", 50, f"Chunking {filename} ({count} chunks)", count)
                await work.report_within(connection, progress)
                await stage_chunks(connection, work.task.id, batch)
        index = await self._vectors.get_active()
        place = Place(index.id, await self._vectors.reserve(index, document.id))
        whole = replace(version, chunk_count=count, embedding_model=self._indexing.name_model(index))

        async def apply(connection: AsyncConnection) -> None:
            await drop_children(connection, work.task.id)
            await submit_all(connection, [_make_batch(work.task, place, *batch) for batch in batches])

        return Outcome(
            None,
            f"Embedding {filename} ({len(batches)} batches)",
            count,
            apply,
            expands=True,
            last_step={
                "name": TaskName.PUBLISH_DOCUMENT.value,
                "queue": Queue.MEDIUM.value,
                "arguments": {"version": whole.as_json(), **asdict(place)},
            },
        )

    async def embed(self, work: Work) -> Outcome:
        """Embed one batch and add it to the index, where search does not find it yet.

        Raises:
            FileMissingError: when its chunks are gone.
        """
        task, given = work.task, work.task.arguments
        first, last = given["first"], given["last"]
        parent_id = task.parent_id or task.id
        async with self._database.statement() as connection:
            chunks = await read_staged(connection, parent_id, first, last)
        if not chunks:
            raise FileMissingError("The chunks of this batch are gone.")
        await work.report(Progress("embed", 50, f"Embedding chunks {first + 1} to {last + 1}"))
        index = await self._vectors.get_for_batch(given.get("index_id"), task.document_id or 0, given["edition"])
        indexed = await self._indexing.index(index, chunks, Account(task.organization_id, task.agent_id))
        place = {"agent_id": task.agent_id, "document_id": task.document_id or 0, "edition": given["edition"]}
        batch = VectorBatch(**place, vectors=indexed.vectors)
        index = await self._vectors.write(index, batch)

        async def apply(connection: AsyncConnection) -> None:
            await drop_staged(connection, parent_id, first, last)
            written = await add_chunks(connection, **place, rows=indexed.rows)
            await self._vectors.write_within(connection, index, batch)
            await count_words(connection, written.words)

        result = {"document_id": task.document_id, "chunk_count": len(chunks)}
        return Outcome(result, f"Embedded {len(chunks)} chunks", len(chunks), apply)

    async def publish(self, work: Work) -> Outcome:
        """Let search find the document's new chunks, all of which are there, in place of its old ones.

        Raises:
            DocumentDeletedError, DocumentSupersededError
            FileMissingError: when some of its chunks are gone.
        """
        document, given = await self._load(work), work.task.arguments
        version, place = Version.from_json(given["version"]), Place(given.get("index_id"), given["edition"])
        await work.report(Progress("store", 80, f"Publishing {version.content.filename}", version.chunk_count))

        async def apply(connection: AsyncConnection) -> None:
            task_id = work.task.parent_id or work.task.id
            if await count_chunks(connection, document.id, place.edition) != version.chunk_count:
                raise FileMissingError("Some chunks of this document are gone: have it indexed again.")
            await publish(connection, document.id, task_id, version, place)
            await submit_sweep(connection, document)

        async def drop_former() -> None:
            if document.blob_key and document.blob_key != version.content.blob_key:
                await self._blobs.delete(document.blob_key)

        return Outcome(version.as_result(document.id), version.status, version.chunk_count, apply, after=drop_former)

    async def sweep(self, work: Work) -> Outcome:
        """Take out of the index what search no longer finds, and what never was published and will not be."""
        total, removed = 0, 1
        while removed:
            async with self._database.transaction() as connection:
                removed = await self._remove_some(connection, work.task.document_id or 0)
            total += removed
            await work.report(Progress("remove", 50, f"Removed {total} chunks"))
        await self._vectors.sweep(work.task.document_id or 0)
        return Outcome({"document_id": work.task.document_id, "chunks": total}, f"Removed {total} chunks")

    async def _remove_some(self, connection: AsyncConnection, document_id: int) -> int:
        document, deciding = await self._hold(connection, document_id)
        if document is None:
            return 0
        past = LAST_EDITION if document.deleted_at else document.edition - 1
        removed = await remove_chunks(connection, document_id, last=past)
        # While both rows are held nobody can begin anew; and once the task that decides has ended, nobody is at work.
        if removed == 0 and (deciding is None or (deciding.state in FINAL and not _may_go_on(deciding))):
            for task in await list_document_tasks(connection, document_id):
                await drop_staged(connection, task.id)
            removed = await remove_chunks(connection, document_id, first=document.edition + 1)
        return removed

    @staticmethod
    async def _hold(connection: AsyncConnection, document_id: int) -> tuple[Document | None, Task | None]:
        """A document and the task that decides about it, that task held first, as those do that end.

        Raises:
            DocumentBusyError: when another task has begun to decide in between.
        """
        seen = await get_document_for_work(connection, document_id)
        if seen is None:
            return None, None
        deciding = await get_task(connection, TaskId(seen.task_id), lock=True) if seen.task_id else None
        document = await get_document_for_work(connection, document_id, lock=True)
        if document and document.task_id != seen.task_id:
            raise DocumentBusyError
        return document, deciding

    async def _load(self, work: Work) -> Document:
        async with self._database.statement() as connection:
            document = await get_document_for_work(connection, work.task.document_id or 0)
        if document is None or document.deleted_at:
            raise DocumentDeletedError
        return document


def _may_go_on(task: Task) -> bool:
    """Whether a document in batches failed in some: these may be run again, and the others' work is kept for that."""
    return task.is_parent and task.state is State.FAILURE


def _make_batch(task: Task, place: Place, first: int, last: int) -> NewTask:
    return NewTask(
        id=new_task_id(),
        organization_id=task.organization_id,
        agent_id=task.agent_id,
        document_id=task.document_id,
        parent_id=task.id,
        name=TaskName.EMBED_CHUNKS,
        queue=Queue.MEDIUM,
        arguments={**asdict(place), "first": first, "last": last},
        metadata=task.metadata,
    )
