"""Archives: a ZIP becomes a parent with a child for each file in it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents import set_archive_content
from app.domain.counting import count_of
from app.domain.documents import OnDuplicate
from app.domain.errors import (
    ArchiveLimitError,
    ArchiveTooDeepError,
    EmptyArchiveError,
    FileMissingError,
    SluiceError,
    StorageFullError,
    StorageUnavailableError,
)
from app.domain.media import ZIP
from app.domain.ports import BlobStore
from app.domain.records import Content, Document
from app.domain.tasks import Progress, Task
from app.ledger.children import drop_children
from app.ledger.report import AttemptStatus
from app.pipeline.archive import ArchiveEntry, open_archive
from app.pipeline.media_type import detect
from app.services.indexing.ingestion import Ingestion, ReportThrottle
from app.services.indexing.publication import raise_superseded, read_content
from app.services.intake.archive_entries import (
    Entry,
    describe_entry,
    describe_failure,
    list_unused_blobs,
    submit_entries,
)
from app.services.intake.uploads import Uploads
from app.services.queue.attempts import Outcome, RunningAttempt


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """What one archive may contain, including the archives in it.

    ``entries`` counts files, ``depth`` the levels of archives within archives.
    """

    entries: int
    inflated_bytes: int
    depth: int


@dataclass(slots=True)
class _Unpacking:
    """The state of one archive while it is unpacked: an entry for each file so far, and how many bytes they have."""

    attempt: RunningAttempt
    name: str
    limits: ArchiveLimits
    metadata: Mapping[str, Any]
    entries: list[Entry] = field(default_factory=list)
    inflated: int = 0
    throttle: ReportThrottle = field(default_factory=ReportThrottle)

    def count_bytes(self, size: int) -> None:
        """Add to the number of inflated bytes.

        Raises:
            ArchiveLimitError: when there are too many in all.
        """
        self.inflated += size
        if self.inflated > self.limits.inflated_bytes:
            raise ArchiveLimitError(f"The archive unpacks to more than {self.limits.inflated_bytes} bytes.")

    def next_key(self) -> str:
        """The storage key of the next file: the same in every attempt, so that an interrupted one leaves no orphans."""
        task = self.attempt.task
        return f"{task.id.hex[-2:]}/{task.id.hex}-{len(self.entries)}"

    async def report(self, total: int) -> None:
        """Report the progress, at most twice a second."""
        if self.throttle.due():
            count = len(self.entries)
            await self.attempt.report(
                Progress("unpack", min(19, 20 * count // max(1, total)), f"Unpacking {self.name} ({count} of {total})")
            )


class Archives:
    """Unpacks archives."""

    def __init__(self, blobs: BlobStore, uploads: Uploads, ingestion: Ingestion, limits: ArchiveLimits) -> None:
        self._blobs = blobs
        self._uploads = uploads
        self._ingestion = ingestion
        self._limits = limits

    async def unpack(self, attempt: RunningAttempt) -> Outcome:
        """Store each file of the archive; the outcome submits a child for each. An unreadable file is a failed child.

        Raises:
            DocumentDamagedError: when the archive cannot be read.
            ArchiveLimitError: when it contains too much.
            EmptyArchiveError: when it contains no file.
        """
        document, _ = await self._ingestion.load(attempt)
        content = read_content(attempt.task) or document.content
        if content is None:
            raise FileMissingError
        await attempt.report(Progress("load", 0, f"Opening {content.filename}"))
        unpacking = _Unpacking(attempt, content.filename, self._limits, document.metadata)
        with TemporaryDirectory(prefix="sluice-") as folder:
            path = await self._blobs.fetch(content.blob_key, Path(folder))
            async with self._delete_on_failure(unpacking):
                await self._unpack_level(unpacking, path, prefix="", depth=1)
                if not unpacking.entries:
                    raise EmptyArchiveError
        return self._make_outcome(attempt.task, document, content, unpacking.entries)

    async def _unpack_level(self, unpacking: _Unpacking, path: Path, prefix: str, depth: int) -> None:
        """Store the files of one archive.

        Args:
            unpacking: The state of the outermost archive.
            path: The archive's local file.
            prefix: The archive's own path in the archive that contains it, with a final slash.
            depth: 1 for the outermost archive.
        """
        opening = open_archive(path, unpacking.limits.entries - len(unpacking.entries))
        files = await asyncio.to_thread(opening.__enter__)
        try:
            for file in files:
                await unpacking.report(len(files))
                try:
                    await self._unpack_file(unpacking, file, prefix + file.path, depth)
                except (ArchiveLimitError, StorageFullError, StorageUnavailableError):
                    raise
                except SluiceError as error:
                    unpacking.entries.append(describe_failure(prefix + file.path, error, unpacking.metadata))
        finally:
            opening.__exit__(None, None, None)

    async def _unpack_file(self, unpacking: _Unpacking, file: ArchiveEntry, path: str, depth: int) -> None:
        """Store one file; an archive is unpacked in its place."""
        if file.error:
            raise file.error
        incoming = await self._uploads.open(unpacking.next_key())
        try:
            pieces = file.pieces()
            while piece := await asyncio.to_thread(next, pieces, b""):
                unpacking.count_bytes(len(piece))
                await incoming.write(piece)
            if incoming.size and await asyncio.to_thread(detect, await incoming.writer.seal(), path) == ZIP:
                if depth >= unpacking.limits.depth:
                    raise ArchiveTooDeepError(f"The limit is {count_of(unpacking.limits.depth, 'level')}.")
                await self._unpack_level(unpacking, await incoming.writer.seal(), prefix=path + "/", depth=depth + 1)
                return
            content = await incoming.store(path)
            unpacking.entries.append(describe_entry(content, unpacking.metadata))
        finally:
            await asyncio.shield(incoming.writer.abort())

    def _make_outcome(self, task: Task, document: Document, content: Content, entries: Sequence[Entry]) -> Outcome:
        unused: list[str] = []

        async def apply(connection: AsyncConnection) -> None:
            if not await set_archive_content(connection, document.id, task.id, content):
                await raise_superseded(connection, document.id)
            await drop_children(connection, task.id)
            on_duplicate = OnDuplicate(task.arguments.get("on_duplicate", OnDuplicate.SKIP))
            children = await submit_entries(connection, task, entries, on_duplicate)
            unused[:] = list_unused_blobs(entries, children)

        async def delete_unused() -> None:
            if document.blob_key and document.blob_key != content.blob_key:
                unused.append(document.blob_key)
            for key in unused:
                await self._blobs.delete(key)

        return Outcome(
            None,
            f"{content.filename} contains {count_of(len(entries), 'file')}",
            apply=apply,
            expands=True,
            after=delete_unused,
            discard=lambda: self._delete_entries(entries),
        )

    async def _delete_entries(self, entries: Sequence[Entry]) -> None:
        for key in [entry["blob_key"] for entry in entries if "blob_key" in entry]:
            await asyncio.shield(self._blobs.delete(key))

    @asynccontextmanager
    async def _delete_on_failure(self, unpacking: _Unpacking) -> AsyncIterator[None]:
        """Delete the stored files when the block fails, unless another attempt may be storing them again."""
        try:
            yield
        except BaseException:
            if await unpacking.attempt.read_status() in {AttemptStatus.CONTINUE, AttemptStatus.CANCELLED}:
                await self._delete_entries(unpacking.entries)
            raise
