"""Uploads: blob first, then one transaction, then admission.

Whatever fails on the way leaves nothing behind: the blob is dropped unless the document's
row was committed, and no row is written before the blob is on the disk.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app.db.engine import Database
from app.domain.errors import DatabaseAwayError, EmptyFileError, NotFoundError, PayloadTooLargeError
from app.domain.ids import new_task_id
from app.domain.ports import BlobStore, BlobWriter
from app.domain.tasks import NewTask, Queue, Task, TaskName
from app.ledger.submit import submit_with_document
from app.pipeline.media_type import detect
from app.services.admission import Admission
from app.services.backpressure import Backpressure

_FILENAME_CHARACTERS = 255


@dataclass(frozen=True, slots=True)
class Upload:
    """What the uploader says of a file."""

    organization_id: int
    agent_id: int
    filename: str
    metadata: Mapping[str, Any]
    queue: Queue = Queue.HIGH


class Receipt:
    """A file on its way in: counted and hashed while it streams to storage."""

    def __init__(self, writer: BlobWriter, key: str, limit: int) -> None:
        self.writer = writer
        self.key = key
        self.size = 0
        self._limit = limit
        self._hash = hashlib.sha256()

    async def write(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            PayloadTooLargeError: as soon as the limit is passed.
            StorageFullError: when the disk is full.
        """
        self.size += len(data)
        if self.size > self._limit:
            raise PayloadTooLargeError(f"The limit is {self._limit} bytes.")
        self._hash.update(data)
        await self.writer.write(data)

    @property
    def sha256(self) -> bytes:
        """The digest of what has been written."""
        return self._hash.digest()


class Uploads:
    """Takes files in."""

    def __init__(
        self, database: Database, blobs: BlobStore, admission: Admission, backpressure: Backpressure, max_bytes: int
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._admission = admission
        self._backpressure = backpressure
        self.max_bytes = max_bytes

    @asynccontextmanager
    async def receive(self) -> AsyncIterator[Receipt]:
        """A receipt to write a file to; whatever ``accept`` has not taken by the end of the block is dropped."""
        key = new_task_id().hex
        receipt = Receipt(await self._blobs.create(f"{key[-2:]}/{key}"), f"{key[-2:]}/{key}", self.max_bytes)
        try:
            yield receipt
        finally:
            await asyncio.shield(receipt.writer.abort())

    async def accept(self, receipt: Receipt, upload: Upload) -> Task:
        """Write document and task for a file that has arrived whole; returns the task.

        Raises:
            EmptyFileError: when it has no bytes.
            UnsupportedTypeError: when its content is of a type Sluice does not read.
            NotFoundError: when the organization has no such agent.
            BacklogFullError: when the agent has too many tasks waiting.
        """
        await self._backpressure.check(upload.agent_id)
        if receipt.size == 0:
            raise EmptyFileError
        filename = upload.filename[-_FILENAME_CHARACTERS:]
        media_type = detect(await receipt.writer.seal(), filename)
        await receipt.writer.commit()
        new_task = NewTask(
            id=new_task_id(),
            organization_id=upload.organization_id,
            agent_id=upload.agent_id,
            name=TaskName.PROCESS_DOCUMENT,
            queue=upload.queue,
            metadata={"filename": filename},
        )
        document = {
            "filename": filename,
            "media_type": media_type,
            "size_bytes": receipt.size,
            "sha256": receipt.sha256,
            "blob_key": receipt.key,
            "document_metadata": dict(upload.metadata),
        }
        async with self._drop_unless_written(receipt), self._database.statement() as connection:
            task = await submit_with_document(connection, new_task, document)
            if task is None:
                raise NotFoundError(f"Agent {upload.agent_id} does not exist.")
        self._admission.nudge(task.queue)
        return task

    @asynccontextmanager
    async def _drop_unless_written(self, receipt: Receipt) -> AsyncIterator[None]:
        """Delete the blob when its row was refused.

        When the database or the caller went away, the row may have been written all the same:
        then a blob without a row is the lesser evil.
        """
        try:
            yield
        except (DatabaseAwayError, asyncio.CancelledError):
            raise
        except BaseException:
            await asyncio.shield(self._blobs.delete(receipt.key))
            raise
