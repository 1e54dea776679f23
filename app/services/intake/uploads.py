"""Uploads: first the file is stored, then one statement writes the document and its task, then admission is nudged.

A failure leaves nothing behind: no row is written before the file is durable, and the file is deleted unless the rows
were committed.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app.db.documents.content_keys import lock_filenames
from app.db.documents.documents import find_by_content
from app.db.engine import Database, repeats_on_conflict
from app.db.tenants.agents import get_agent
from app.domain.documents import DocumentStatus, OnDuplicate
from app.domain.errors import (
    DatabaseFullError,
    DatabaseUnavailableError,
    DocumentBusyError,
    DuplicateDocumentError,
    EmptyFileError,
    NotFoundError,
    PayloadTooLargeError,
    TransactionConflictError,
)
from app.domain.identity import Access
from app.domain.ids import TaskId, new_task_id
from app.domain.limits import Need
from app.domain.media import ARCHIVES
from app.domain.ports import BlobStore, BlobWriter
from app.domain.records import Content, Document
from app.domain.tasks import NewTask, Queue, Task, TaskName, name_callback
from app.ledger.read import get_task
from app.ledger.submit import submit_with_documents
from app.pipeline.detection.media_type import HEAD_BYTES, detect, detect_by_head
from app.services.indexing.versions import replace_content
from app.services.intake.backpressure import Backpressure
from app.services.intake.submissions import Submissions
from app.services.queue.admission import Admission

_FILENAME_CHARACTERS = 255
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Upload:
    """The options of an upload. Without a queue, archives go to ``low_priority``, documents to ``high_priority``."""

    organization_id: int
    agent_id: int
    filename: str
    metadata: Mapping[str, Any]
    queue: Queue | None = None
    on_duplicate: OnDuplicate = OnDuplicate.SKIP
    callback_url: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer to an upload.

    ``task_id`` is None for a duplicate whose task was deleted after its retention time. ``duplicate_of`` is the
    document itself when the agent already had it; ``replaces`` says that it receives new content.
    """

    document_id: int
    task_id: TaskId | None
    filename: str
    status: DocumentStatus = DocumentStatus.QUEUED
    duplicate_of: int | None = None
    replaces: bool = False

    @property
    def message(self) -> str:
        """A sentence for the client."""
        if self.duplicate_of is not None and not self.replaces:
            return "The agent already has this document"
        return "Document uploaded successfully and queued for processing"

    @classmethod
    def of_task(cls, task: Task, *, replaces: bool = False) -> "Accepted":
        """A document that a submitted task processes."""
        id_ = task.require_document_id()
        return cls(id_, task.id, task.metadata["filename"], duplicate_of=id_ if replaces else None, replaces=replaces)

    @classmethod
    def of_new(cls, task: NewTask, document_id: int) -> "Accepted":
        """A new document, and the task that was submitted with it."""
        return cls(document_id, task.id, task.metadata["filename"])

    @classmethod
    def of_duplicate(cls, document: Document, task: Task | None) -> "Accepted":
        """A document that the agent already has, and its latest indexing task."""
        return cls(document.id, task.id if task else None, document.filename, document.status, document.id)


async def find_duplicate(
    database: Database, organization_id: int, agent_id: int, content_key: bytes
) -> Accepted | None:
    """The agent's document of the same content key; None when it was deleted in the meantime.

    Raises:
        NotFoundError: when the organization has no such agent, which is why no document was inserted.
    """
    async with database.statement() as connection:
        if await get_agent(connection, Access(organization_id), agent_id) is None:
            raise NotFoundError(f"Agent {agent_id} does not exist.")
        document = await find_by_content(connection, agent_id, content_key)
        task = await get_task(connection, TaskId(document.task_id)) if document and document.task_id else None
    return Accepted.of_duplicate(document, task) if document else None


class IncomingFile:
    """A file that is being received: it is counted and hashed while it streams to storage."""

    def __init__(self, writer: BlobWriter, key: str, limit: int, *, pictures: bool) -> None:
        self.writer = writer
        self.key = key
        self.size = 0
        self.stored = False
        """Whether the file is durable under its key."""
        self._limit = limit
        self._pictures = pictures
        self._hash = hashlib.sha256()
        self._head: bytearray | None = bytearray()

    async def write(self, data: bytes) -> None:
        """Write the next bytes.

        Raises:
            PayloadTooLargeError: as soon as the limit is exceeded.
            StorageFullError: when the disk is full.
        """
        self.size += len(data)
        if self.size > self._limit:
            raise PayloadTooLargeError(f"The limit is {self._limit / 1024**2:g} MB.")
        self._hash.update(data)
        if self._head is not None:
            self._head += data[: HEAD_BYTES - len(self._head)]
        await self.writer.write(data)

    async def seal(self) -> None:
        """Keep no bytes in memory: the file is complete, and its type is detected later, from the disk."""
        await self.writer.seal()
        self._head = None

    async def detect(self, filename: str) -> str:
        """The media type of the file, which is complete.

        Raises:
            UnsupportedTypeError: when Sluice does not read content of its type.
        """
        if self._head is not None and (found := detect_by_head(bytes(self._head), filename, pictures=self._pictures)):
            return found
        # In a thread: a ZIP's directory may be long, and so may the first block of a compressed file.
        return await asyncio.to_thread(detect, await self.writer.seal(), filename, pictures=self._pictures)

    async def store(self, filename: str) -> Content:
        """Detect the media type and make the file durable.

        Raises:
            EmptyFileError: when it has no bytes.
            UnsupportedTypeError: when Sluice does not read content of its type.
        """
        if self.size == 0:
            raise EmptyFileError
        filename = filename[-_FILENAME_CHARACTERS:]
        media_type = await self.detect(filename)
        await self.writer.commit()
        self.stored = True
        return Content(self.key, media_type, self.size, self._hash.digest(), filename)


class Uploads:
    """Receives and submits files. Pictures are accepted if ``pictures`` says that an OCR engine reads them."""

    def __init__(
        self,
        database: Database,
        blobs: BlobStore,
        admission: Admission,
        backpressure: Backpressure,
        max_bytes: int,
        *,
        pictures: bool = False,
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._admission = admission
        self._backpressure = backpressure
        self.max_bytes = max_bytes
        self._pictures = pictures
        self._submissions = Submissions(database)

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[IncomingFile]:
        """Open a file to write to; a file that ``accept`` has not stored by the end of the block is deleted."""
        incoming = await self.open()
        try:
            yield incoming
        finally:
            # Without a pause after an upload was accepted: its response is sent before the admission that it nudged.
            if not incoming.stored:
                await asyncio.shield(incoming.writer.abort())

    async def open(self, key: str | None = None) -> IncomingFile:
        """Open a file to write to, under a storage ``key`` or a new one. The caller must abort its writer when done."""
        name = new_task_id().hex
        key = key or f"{name[-2:]}/{name}"
        return IncomingFile(await self._blobs.create(key), key, self.max_bytes, pictures=self._pictures)

    async def accept(self, incoming: IncomingFile, upload: Upload) -> Accepted:
        """Write document and task for a complete file, unless the agent already has the same content.

        Raises:
            EmptyFileError, UnsupportedTypeError: as ``IncomingFile.store``.
            NotFoundError: when the organization has no such agent.
            BacklogFullError, QuotaExceededError, BudgetExceededError: as ``Backpressure.admit``.
            DuplicateDocumentError: when the agent has the same content and ``on_duplicate`` is ``reject``.
        """
        async with self._backpressure.admit(upload.organization_id, upload.agent_id, Need(1, incoming.size)):
            content = await incoming.store(upload.filename)
            async with self.delete_unless_committed([incoming.key]):
                accepted = await self._submit(upload, content)
        if accepted.duplicate_of is not None and not accepted.replaces:
            await self._blobs.delete(incoming.key)
        return accepted

    async def _submit(self, upload: Upload, content: Content) -> Accepted:
        task = _make_task(upload, content)
        submit = self._submit_replacement if upload.on_duplicate is OnDuplicate.REPLACE else self._submit_new
        for _ in range(_ATTEMPTS):
            if accepted := await submit(upload, content, task):
                self._admission.nudge(task.queue)
                return accepted
            duplicate = await find_duplicate(self._database, upload.organization_id, upload.agent_id, content.sha256)
            if duplicate and upload.on_duplicate is not OnDuplicate.REPLACE:
                if upload.on_duplicate is OnDuplicate.REJECT:
                    raise DuplicateDocumentError(f"Document {duplicate.document_id} has the same content.")
                return duplicate
        raise DocumentBusyError("The document with the same content is being changed. Try again.")

    async def _submit_new(self, upload: Upload, content: Content, task: NewTask) -> Accepted | None:
        """Add a document. None when the agent has the same content, or does not exist."""
        document_id = await self._submissions.add((task, _describe(upload, content)))
        return Accepted.of_new(task, document_id) if document_id else None

    @repeats_on_conflict
    async def _submit_replacement(self, upload: Upload, content: Content, task: NewTask) -> Accepted | None:
        """Replace a document's content, or add a document, as one transaction at a time for each agent and name."""
        async with self._database.transaction() as connection:
            await lock_filenames(connection, upload.agent_id, [content.filename])
            if replaced := await replace_content(connection, task, content, upload.metadata):
                return Accepted.of_task(replaced, replaces=True)
            added = await submit_with_documents(connection, [(task, _describe(upload, content))])
        return Accepted.of_new(task, added[task.id]) if added else None

    @asynccontextmanager
    async def delete_unless_committed(self, keys: list[str]) -> AsyncIterator[None]:
        """Delete the files of these storage keys when the block fails.

        Not when the database became unreachable or the request was cancelled: the rows may have been committed, and a
        file without a row is better than a row without a file.
        """
        try:
            yield
        except BaseException as error:
            uncertain = isinstance(error, (DatabaseUnavailableError, asyncio.CancelledError))
            if not uncertain or isinstance(error, (DatabaseFullError, TransactionConflictError)):
                for key in keys:
                    await asyncio.shield(self._blobs.delete(key))
            raise


def _make_task(upload: Upload, content: Content) -> NewTask:
    archive = content.media_type in ARCHIVES
    return NewTask(
        upload.organization_id,
        upload.agent_id,
        TaskName.PROCESS_ARCHIVE if archive else TaskName.PROCESS_DOCUMENT,
        upload.queue or (Queue.LOW if archive else Queue.HIGH),
        arguments=({"on_duplicate": upload.on_duplicate.value} if archive else {}) | name_callback(upload.callback_url),
        metadata={"filename": content.filename},
    )


def _describe(upload: Upload, content: Content) -> dict[str, Any]:
    return {
        "filename": content.filename,
        "media_type": content.media_type,
        "size_bytes": content.size_bytes,
        "sha256": content.sha256,
        "content_key": content.sha256,
        "blob_key": content.blob_key,
        "source_url": None,
        "document_metadata": dict(upload.metadata),
    }
