"""Large documents: chunked once, embedded in batches by child tasks, and published after the last batch.

Their chunks are never in memory all at once. A finished batch stays finished: when a process dies, only its own batch
is repeated.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from itertools import islice

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.chunks import LAST_EDITION, REMOVED_AT_ONCE, count_chunks, remove_chunks
from app.db.documents.documents import get_document_for_work
from app.db.documents.staging import drop_document_staged, drop_staged, read_staged, stage_chunks
from app.db.engine import Database
from app.domain.counting import count_of
from app.domain.documents import Chunk
from app.domain.errors import DocumentBusyError, DocumentDeletedError, FileMissingError
from app.domain.ids import TaskId
from app.domain.ports import BlobStore
from app.domain.records import Document
from app.domain.states import FINAL, State
from app.domain.tasks import NewTask, Progress, Queue, Task, TaskName
from app.domain.vectors import Account, VectorBatch
from app.ledger.children import drop_children
from app.ledger.read import get_task
from app.ledger.submit import submit_all
from app.services.indexing.chunk_index import ChunkIndexer
from app.services.indexing.publication import (
    EditionWriter,
    IndexEdition,
    Version,
    delete_former_file,
    publish,
    submit_sweep,
)
from app.services.indexing.vectors import Vectors
from app.services.queue.attempts import Outcome, RunningAttempt


class LargeDocuments:
    """Processes documents that have more chunks than one task should embed."""

    def __init__(
        self, database: Database, blobs: BlobStore, indexer: ChunkIndexer, vectors: Vectors, batch_chunks: int
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._indexer = indexer
        self._vectors = vectors
        self._writer = EditionWriter(vectors)
        self._batch_chunks = batch_chunks

    async def clear(self, attempt: RunningAttempt, document: Document) -> None:
        """Remove the chunks that a former attempt staged or added and that were never published."""
        removed = REMOVED_AT_ONCE
        while removed == REMOVED_AT_ONCE:
            async with self._database.transaction() as connection:
                await attempt.report_within(connection, Progress("parse", 20, f"Preparing {document.filename}"))
                await drop_staged(connection, attempt.task.id)
                removed = await remove_chunks(connection, document.id, first=document.edition + 1)

    async def stage(
        self, attempt: RunningAttempt, document: Document, version: Version, chunks: Iterator[Chunk]
    ) -> Outcome:
        """Store the chunks in a staging table, one batch a transaction; the outcome submits a task for each batch.

        Args:
            attempt: The attempt.
            document: The document.
            version: What to publish in the end. Its number of chunks is set here, once all are counted.
            chunks: All of its chunks.
        """
        count, batches, filename = 0, list[tuple[int, int]](), version.content.filename
        while batch := await asyncio.to_thread(lambda: list(islice(chunks, self._batch_chunks))):
            count += len(batch)
            batches.append((batch[0].index, batch[-1].index))
            async with self._database.transaction() as connection:
                progress = Progress("chunk", 50, f"Chunking {filename} ({count_of(count, 'chunk')})", count)
                await attempt.report_within(connection, progress)
                await stage_chunks(connection, attempt.task.id, batch)
        index = await self._vectors.get_active()
        place = IndexEdition(index.id, await self._vectors.reserve(index, document.id))
        tokens = self._indexer.count_local_tokens(index, version.characters)
        model = self._indexer.name_model(index)
        whole = replace(version, chunk_count=count, embedding_model=model, local_tokens=tokens)

        async def apply(connection: AsyncConnection) -> None:
            await drop_children(connection, attempt.task.id)
            name = version.write_name(document)
            await submit_all(connection, [_make_batch(attempt.task, place, name, *batch) for batch in batches])

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

    async def embed(self, attempt: RunningAttempt) -> Outcome:
        """Embed one batch and add it to the index; search finds it once the document is published.

        Raises:
            FileMissingError: when its staged chunks are gone.
        """
        task, given = attempt.task, attempt.task.arguments
        first, last = given["first"], given["last"]
        parent_id = task.parent_id or task.id
        async with self._database.statement() as connection:
            chunks = await read_staged(connection, parent_id, first, last)
        if not chunks:
            raise FileMissingError("The chunks of this batch are missing. Reindex the document.")
        await attempt.report(Progress("embed", 50, f"Embedding chunks {first + 1} to {last + 1}"))
        index = await self._vectors.get_for_batch(given.get("index_id"), task.require_document_id(), given["edition"])
        account = Account(task.organization_id, task.agent_id)
        # Tasks that an earlier release submitted have no name.
        indexed = await self._indexer.index_batch(index, chunks, account, name=given.get("name", ""))
        batch = VectorBatch(task.agent_id, task.require_document_id(), given["edition"], indexed.vectors)
        edition = replace(await self._writer.write(index, batch, indexed.rows), counts=indexed.counts)

        async def apply(connection: AsyncConnection) -> None:
            await drop_staged(connection, parent_id, first, last)
            await self._writer.apply(connection, edition)

        result = {"document_id": task.document_id, "chunk_count": len(chunks)}
        return Outcome(result, f"Embedded {count_of(len(chunks), 'chunk')}", len(chunks), apply)

    async def publish(self, attempt: RunningAttempt) -> Outcome:
        """Make search find the document's new chunks in place of its old ones, once every batch is embedded.

        Raises:
            DocumentDeletedError, DocumentSupersededError
            FileMissingError: when some of the new chunks are gone.
        """
        document, given = await self._load(attempt), attempt.task.arguments
        version, place = Version.from_json(given["version"]), IndexEdition(given.get("index_id"), given["edition"])
        await attempt.report(Progress("store", 80, f"Publishing {version.content.filename}", version.chunk_count))

        async def apply(connection: AsyncConnection) -> None:
            task_id = attempt.task.parent_id or attempt.task.id
            if await count_chunks(connection, document.id, place.edition) != version.chunk_count:
                raise FileMissingError("Some chunks of this document are missing. Reindex the document.")
            await publish(connection, document.id, task_id, version, place)
            await submit_sweep(connection, document)

        return Outcome(
            version.as_result(document.id),
            version.status,
            version.chunk_count,
            apply,
            after=partial(delete_former_file, self._blobs, document, version.content),
        )

    async def sweep(self, attempt: RunningAttempt) -> Outcome:
        """Remove the chunks and vectors of a document that search no longer finds, or that will never be published."""
        total, removed = 0, 1
        while removed:
            async with self._database.transaction() as connection:
                removed = await self._remove_some(connection, attempt.task.require_document_id())
            total += removed
            await attempt.report(Progress("remove", 50, f"Removed {count_of(total, 'chunk')}"))
        await self._vectors.sweep(attempt.task.require_document_id())
        return Outcome(
            {"document_id": attempt.task.document_id, "chunks": total}, f"Removed {count_of(total, 'chunk')}"
        )

    async def _remove_some(self, connection: AsyncConnection, document_id: int) -> int:
        document, indexing_task = await self._lock(connection, document_id)
        if document is None:
            return 0
        last = LAST_EDITION if document.deleted_at else document.edition - 1
        removed = await remove_chunks(connection, document_id, last=last)
        # While both rows are locked, no task can start on the document. Once its indexing task has ended, none runs.
        if removed == 0 and (indexing_task is None or _is_over(indexing_task)):
            await drop_document_staged(connection, [document_id])
            removed = await remove_chunks(connection, document_id, first=document.edition + 1)
        return removed

    @staticmethod
    async def _lock(connection: AsyncConnection, document_id: int) -> tuple[Document | None, Task | None]:
        """Lock a document and its latest indexing task, the task first, as a task that ends does.

        Raises:
            DocumentBusyError: when another task has become the indexing task in the meantime.
        """
        seen = await get_document_for_work(connection, document_id)
        if seen is None:
            return None, None
        indexing_task = await get_task(connection, TaskId(seen.task_id), lock=True) if seen.task_id else None
        document = await get_document_for_work(connection, document_id, lock=True)
        if document and document.task_id != seen.task_id:
            raise DocumentBusyError
        return document, indexing_task

    async def _load(self, attempt: RunningAttempt) -> Document:
        async with self._database.statement() as connection:
            document = await get_document_for_work(connection, attempt.task.require_document_id())
        if document is None or document.deleted_at:
            raise DocumentDeletedError
        return document


def _is_over(task: Task) -> bool:
    """Whether an indexing task has ended and cannot be continued.

    A document whose batches failed in part can be retried, which reuses the finished batches: their chunks stay.
    """
    return task.state in FINAL and not (task.is_parent and task.state is State.FAILURE)


def _make_batch(task: Task, place: IndexEdition, name: str, first: int, last: int) -> NewTask:
    arguments = {**asdict(place), "name": name, "first": first, "last": last}
    return NewTask.child_of(task, TaskName.EMBED_CHUNKS, Queue.MEDIUM, arguments)
