"""Archives: a ZIP becomes a parent with a child for each file in it."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

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
from app.pipeline.archive import ArchiveEntry, open_archive
from app.pipeline.media_type import detect
from app.services.indexing.ingestion import Ingestion, ReportThrottle
from app.services.indexing.publication import delete_former_file, raise_superseded, read_content
from app.services.intake.stored_entries import ArchiveLimits, StoredEntries, read_nesting
from app.services.intake.uploads import Uploads
from app.services.queue.attempts import Outcome, RunningAttempt


@dataclass(slots=True)
class _Unpacking:
    """The state of one archive while it is unpacked."""

    name: str
    stored: StoredEntries
    throttle: ReportThrottle = field(default_factory=ReportThrottle)

    async def report(self, total: int) -> None:
        """Report the progress, at most twice a second."""
        if self.throttle.due():
            count = len(self.stored.entries)
            await self.stored.attempt.report(
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
        stored = StoredEntries(attempt, self._blobs, self._uploads, self._limits, document.metadata)
        with TemporaryDirectory(prefix="sluice-") as folder:
            path = await self._blobs.fetch(content.blob_key, Path(folder))
            async with stored.delete_on_failure():
                level = read_nesting(attempt.task) + 1
                await self._unpack_level(_Unpacking(content.filename, stored), path, prefix="", level=level)
                if not stored.entries:
                    raise EmptyArchiveError
        return self._make_outcome(attempt.task, document, content, stored)

    async def _unpack_level(self, unpacking: _Unpacking, path: Path, prefix: str, level: int) -> None:
        """Store the files of one archive.

        Args:
            unpacking: The state of the outermost archive.
            path: The archive's local file.
            prefix: The archive's own path in the archive that contains it, with a final slash.
            level: The number of archives and documents that contain its files.

        Raises:
            ArchiveTooDeepError: when that exceeds the limit.
        """
        stored = unpacking.stored
        if level > stored.limits.depth:
            raise ArchiveTooDeepError(f"The limit is {count_of(stored.limits.depth, 'level')}.")
        opening = open_archive(path, stored.limits.entries - len(stored.entries))
        files = await asyncio.to_thread(opening.__enter__)
        try:
            for file in files:
                await unpacking.report(len(files))
                try:
                    await self._unpack_file(unpacking, file, prefix + file.path, level)
                except (ArchiveLimitError, StorageFullError, StorageUnavailableError):
                    raise
                except SluiceError as error:
                    stored.add_failure(prefix + file.path, error)
        finally:
            opening.__exit__(None, None, None)

    async def _unpack_file(self, unpacking: _Unpacking, file: ArchiveEntry, path: str, level: int) -> None:
        """Store one file; an archive is unpacked in its place."""
        if file.error:
            raise file.error
        async with unpacking.stored.receive(file.pieces()) as incoming:
            if incoming.size and await asyncio.to_thread(detect, await incoming.writer.seal(), path) == ZIP:
                inner = await incoming.writer.seal()
                await self._unpack_level(unpacking, inner, prefix=path + "/", level=level + 1)
            else:
                await unpacking.stored.add(incoming, path, level)

    def _make_outcome(self, task: Task, document: Document, content: Content, stored: StoredEntries) -> Outcome:
        async def apply(connection: AsyncConnection) -> None:
            if not await set_archive_content(connection, document.id, task.id, content):
                await raise_superseded(connection, document.id)
            await drop_children(connection, task.id)
            await stored.submit(connection, task, OnDuplicate(task.arguments.get("on_duplicate", OnDuplicate.SKIP)))

        async def delete_unused() -> None:
            await delete_former_file(self._blobs, document, content)
            await stored.delete_unused()

        return Outcome(
            None,
            f"{content.filename} contains {count_of(len(stored.entries), 'file')}",
            apply=apply,
            expands=True,
            after=delete_unused,
            discard=stored.delete,
        )
