"""Documents: read, reindex and delete."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.content_keys import lock_document, refuse_duplicate
from app.db.documents.documents import (
    get_document,
    get_document_for_work,
    hide_document,
    list_chunks,
    list_documents,
    merge_metadata,
    set_indexing_task,
)
from app.db.documents.erasure import DeletedDocument
from app.db.engine import Database, repeats_on_conflict
from app.domain.documents import DocumentStatus
from app.domain.errors import DocumentBusyError, DocumentDeletedError, NotFoundError
from app.domain.identity import Access
from app.domain.ids import TaskId
from app.domain.media import ARCHIVES
from app.domain.ports import BlobStore
from app.domain.records import Document, Listing, StoredChunk
from app.domain.states import RUNNING
from app.domain.tasks import NewTask, Progress, Queue, Task, TaskName, name_callback
from app.ledger.read import find_existing, get_task, list_active_tasks, lock_document_tasks
from app.ledger.submit import submit
from app.services.indexing.erasure import Erasure
from app.services.indexing.versions import cancel_document_tasks
from app.services.queue.admission import Admission
from app.services.queue.after_commit import AfterCommit
from app.services.queue.attempts import Outcome, RunningAttempt
from app.services.queue.visible_tasks import limit_to_visible

# These may run on a document at the same time as another task.
_INDEPENDENT = (TaskName.SWEEP_DOCUMENT, TaskName.REEMBED_DOCUMENT)
_TASK_BY_MEDIA_TYPE = dict.fromkeys(ARCHIVES, (TaskName.PROCESS_ARCHIVE, Queue.LOW))


@dataclass(frozen=True, slots=True)
class ReindexRequest:
    """New metadata and the queue for a document that is processed again."""

    metadata: Mapping[str, Any]
    queue: Queue
    callback_url: str | None = None


class Documents:
    """The documents of an organization."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        admission: Admission,
        after_commit: AfterCommit,
        erasure: Erasure,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._erasure = erasure
        self._admission = admission
        self._after_commit = after_commit

    async def get(self, access: Access, document_id: int) -> Document:
        """One document.

        Raises:
            NotFoundError: when the caller sees no such document, or it was deleted.
        """
        async with self._database.statement() as connection:
            document = await get_document(connection, access, document_id)
            if document is None:
                raise NotFoundError(f"Document {document_id} does not exist.")
            return (await _without_forgotten_tasks(connection, [document]))[0]

    async def get_with_task(self, access: Access, document_id: int) -> tuple[Document, Task | None]:
        """One document and the task that decides its status."""
        document = await self.get(access, document_id)
        if document.task_id is None:
            return document, None
        async with self._database.statement() as connection:
            task = await get_task(connection, TaskId(document.task_id))
        return document, (await limit_to_visible(self._database, access, [task]))[0] if task else None

    async def list(
        self,
        access: Access,
        *,
        agent_id: int | None,
        status: DocumentStatus | None,
        limit: int,
        after: int | None,
    ) -> Listing[Document]:
        """Documents, newest first.

        A filter that is None matches every document. ``after`` is the id of the last document on the page before.
        """
        async with self._database.statement() as connection:
            listing = await list_documents(
                connection, access, agent_id=agent_id, status=status, limit=limit, after=after
            )
            return replace(listing, items=await _without_forgotten_tasks(connection, listing.items))

    async def list_chunks(
        self, access: Access, document_id: int, *, limit: int, after: int | None
    ) -> Listing[StoredChunk]:
        """A document's chunks in order. ``after`` is the number of the last chunk on the page before."""
        document = await self.get(access, document_id)
        async with self._database.statement() as connection:
            return await list_chunks(connection, document.id, limit=limit, after=after)

    async def open(self, document: Document) -> AsyncIterator[bytes]:
        """Stream the uploaded bytes. The first are read before this returns, so that a missing file is an error here.

        Raises:
            NotFoundError: when the document is a web page that was not read yet.
            FileMissingError: when the storage has no such file.
        """
        if document.blob_key is None:
            raise NotFoundError(f"Document {document.id} has no file yet: its page was not read.")
        pieces = self._blobs.open(document.blob_key)
        first = await anext(pieces, b"")

        async def replay() -> AsyncIterator[bytes]:
            yield first
            async for piece in pieces:
                yield piece

        return replay()

    @repeats_on_conflict
    async def reindex(self, access: Access, document_id: int, request: ReindexRequest | None = None) -> Task:
        """Submit the document to be processed again; until then, search finds its present content.

        A web page is fetched again. An archive is unpacked again; only its new or failed files are processed. With a
        ``request``, the tasks that are processing the document are cancelled.

        Raises:
            NotFoundError: when the caller sees no such document.
            DocumentBusyError: when a task is processing the document and there is no ``request``.
            DuplicateDocumentError: when it failed or was cancelled, and another document has the same content.
        """
        async with self._database.transaction() as connection:
            await lock_document(connection, document_id)
            await lock_document_tasks(connection, [document_id])
            document = await get_document(connection, access, document_id, lock=True)
            if document is None:
                raise NotFoundError(f"Document {document_id} does not exist.")
            if request:
                await cancel_document_tasks(connection, access.organization_id, [document_id])
                await merge_metadata(connection, document_id, request.metadata)
            elif await _is_busy(connection, document_id):
                raise DocumentBusyError
            name, queue = _TASK_BY_MEDIA_TYPE.get(document.media_type, (TaskName.PROCESS_DOCUMENT, Queue.HIGH))
            queue = request.queue if request else queue
            if document.source_url is not None:
                name = TaskName.PROCESS_WEBPAGE
            new_task = NewTask.for_document(document, name, queue)
            callback = name_callback(request.callback_url if request else None)
            task = await submit(connection, replace(new_task, arguments={**new_task.arguments, **callback}))
            await refuse_duplicate(connection, task.id)
            await set_indexing_task(connection, document_id, task.id)
        self._admission.nudge(task.queue)
        return task

    async def delete(self, access: Access, document_id: int) -> Task:
        """Hide the document from search at once, cancel its tasks, and submit the task that removes it.

        Raises:
            NotFoundError: when the caller sees no such document.
        """
        task, cancelled = await self._hide(access, document_id)
        self._admission.nudge(task.queue)
        # Not the running ones: their workers publish how they end, which may have happened already.
        await self._after_commit.run([other for other in cancelled if other.state not in RUNNING])
        return task

    @repeats_on_conflict
    async def _hide(self, access: Access, document_id: int) -> tuple[Task, Sequence[Task]]:
        async with self._database.transaction() as connection:
            await lock_document(connection, document_id)
            await lock_document_tasks(connection, [document_id])
            document = await get_document(connection, access, document_id, lock=True)
            if document is None:
                raise NotFoundError(f"Document {document_id} does not exist.")
            await hide_document(connection, document_id)
            cancelled = await cancel_document_tasks(connection, access.organization_id, [document_id])
            # Without the document's name: this task's row outlives the document.
            deletion = NewTask.for_document(document, TaskName.DELETE_DOCUMENT, Queue.DEFAULT)
            task = await submit(connection, replace(deletion, metadata={}))
        return task, cancelled

    async def remove(self, attempt: RunningAttempt) -> Outcome:
        """Erase a deleted document. Each step can be repeated.

        Raises:
            RetryLaterError: while another task of the document has not ended, or to let other tasks use the slot.
        """
        async with self._database.statement() as connection:
            document = await get_document_for_work(connection, attempt.task.require_document_id())
        if document is None:
            raise DocumentDeletedError
        await attempt.report(Progress("remove", 0, f"Removing document {document.id}"))
        deleted = DeletedDocument(
            document.id, document.agent_id, document.organization_id, document.blob_key, document.source_url
        )
        chunks, files = await self._erasure.erase(attempt, deleted)
        result = {"document_id": document.id, "chunks": chunks, "files": files}
        return Outcome(result, f"Document {document.id} is deleted")


async def _is_busy(connection: AsyncConnection, document_id: int) -> bool:
    """Whether a task that reindexing must not interrupt is active on the document."""
    active = await list_active_tasks(connection, [document_id])
    return any(task.name not in _INDEPENDENT for task in active)


async def _without_forgotten_tasks(connection: AsyncConnection, documents: Sequence[Document]) -> list[Document]:
    """The documents, each with a task that exists or none."""
    existing = await find_existing(connection, {document.task_id for document in documents if document.task_id})
    return [document if document.task_id in existing else replace(document, task_id=None) for document in documents]
