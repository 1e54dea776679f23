"""The files that an attempt takes out of an archive or a document and stores; each becomes a child of its task."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.documents import OnDuplicate
from app.domain.errors import ArchiveLimitError, SluiceError
from app.domain.ports import BlobStore
from app.domain.tasks import Task
from app.ledger.report import AttemptStatus
from app.services.intake.archive_entries import (
    Entry,
    describe_entry,
    describe_failure,
    list_unused_blobs,
    submit_changed_entries,
    submit_entries,
)
from app.services.intake.uploads import IncomingFile, Uploads
from app.services.queue.attempts import RunningAttempt


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """The limits of one archive, including the archives in it; the same for the files within a document.

    ``entries`` counts files, ``depth`` the levels of archives within archives.
    """

    entries: int
    inflated_bytes: int
    depth: int


def read_nesting(task: Task) -> int:
    """The number of archives and documents that contain the document of a task."""
    return int(task.arguments.get("nesting", 0))


@dataclass(slots=True)
class StoredEntries:
    """An entry for each file so far, and how many bytes they have. ``metadata`` is that of their documents."""

    attempt: RunningAttempt
    blobs: BlobStore
    uploads: Uploads
    limits: ArchiveLimits
    metadata: Mapping[str, Any]
    entries: list[Entry] = field(default_factory=list)
    inflated: int = 0
    unused: list[str] = field(default_factory=list)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Further arguments of the children."""

    @asynccontextmanager
    async def receive(self, pieces: Iterator[bytes]) -> AsyncIterator[IncomingFile]:
        """Write a file to storage. It is deleted at the end of the block unless the block stores it.

        Raises:
            ArchiveLimitError: when the files have too many bytes in all.
            PayloadTooLargeError: when this one has.
        """
        # The same key in every attempt, so that an interrupted one leaves no orphans.
        task = self.attempt.task
        incoming = await self.uploads.open(f"{task.id.hex[-2:]}/{task.id.hex}-{len(self.entries)}")
        try:
            while piece := await asyncio.to_thread(next, pieces, b""):
                self._count_bytes(len(piece))
                await incoming.write(piece)
            yield incoming
        finally:
            await asyncio.shield(incoming.writer.abort())

    def _count_bytes(self, size: int) -> None:
        self.inflated += size
        if self.inflated > self.limits.inflated_bytes:
            raise ArchiveLimitError(f"Its files have more than {self.limits.inflated_bytes} bytes in all.")

    async def add(self, incoming: IncomingFile, path: str, nesting: int) -> None:
        """Store a file that was received. ``nesting`` counts the archives and documents that contain it.

        Raises:
            EmptyFileError, UnsupportedTypeError
        """
        content = await incoming.store(path)
        self.entries.append(describe_entry(content, self.metadata, {**self.arguments, "nesting": nesting}))

    def add_failure(self, path: str, error: SluiceError) -> None:
        """Add a file that cannot be read."""
        self.entries.append(describe_failure(path, error, self.metadata))

    async def submit(self, connection: AsyncConnection, parent: Task, on_duplicate: OnDuplicate) -> None:
        """Insert a child for each entry, within the transaction that ends the attempt."""
        children = await submit_entries(connection, parent, self.entries, on_duplicate)
        self.unused = list_unused_blobs(self.entries, children)

    async def submit_changed(self, connection: AsyncConnection, parent: Task) -> None:
        """As ``submit``: a file replaces the document of its name, unless the agent has its bytes already."""
        children = await submit_changed_entries(connection, parent, self.entries)
        self.unused = list_unused_blobs(self.entries, children)

    async def delete_unused(self) -> None:
        """Delete the files that no child reads, once the children are committed."""
        for key in self.unused:
            await self.blobs.delete(key)

    async def delete(self) -> None:
        """Delete all stored files."""
        for key in [entry["blob_key"] for entry in self.entries if "blob_key" in entry]:
            await asyncio.shield(self.blobs.delete(key))

    @asynccontextmanager
    async def delete_on_failure(self) -> AsyncIterator[None]:
        """Delete the stored files when the block fails, unless another attempt may be storing them again."""
        try:
            yield
        except BaseException:
            if await self.attempt.read_status() in {AttemptStatus.CONTINUE, AttemptStatus.CANCELLED}:
                await self.delete()
            raise
