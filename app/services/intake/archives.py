"""Archives: a ZIP, tar, gzip or 7-Zip file becomes a parent with a child for each file in it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.publishing import set_archive_content
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
from app.domain.limits import Need
from app.domain.media import ARCHIVES, SEVENZIP
from app.domain.ports import BlobStore, Parser
from app.domain.records import Content, Document
from app.domain.tasks import Progress, Task
from app.ledger.children import drop_children
from app.pipeline.archives.formats import ArchivedFile, open_files
from app.services.indexing.ingestion import Ingestion, ReportThrottle
from app.services.indexing.publication import delete_former_file, raise_superseded, read_content
from app.services.intake.backpressure import Backpressure
from app.services.intake.sevenzip import unpack_sevenzip
from app.services.intake.stored_entries import ArchiveLimits, StoredEntries, read_nesting
from app.services.intake.uploads import Uploads
from app.services.queue.attempts import Outcome, RunningAttempt
from app.temporary_folders import TemporaryFolder


@dataclass(slots=True)
class _Unpacking:
    """The state of one archive while it is unpacked."""

    name: str
    stored: StoredEntries
    throttle: ReportThrottle = field(default_factory=ReportThrottle)

    async def report(self, total: int | None) -> None:
        """Report the progress, at most twice a second. ``total`` is None where the number of files is not known."""
        if self.throttle.due():
            count = len(self.stored.entries)
            current = min(19, 20 * count // max(1, total)) if total else 0
            of_total = f" of {total}" if total else ""
            await self.stored.attempt.report(Progress("unpack", current, f"Unpacking {self.name} ({count}{of_total})"))


@dataclass(frozen=True, slots=True)
class _Archive:
    """An archive's local file. ``prefix`` is its own path, with a final slash, in the archive that contains it."""

    path: Path
    media_type: str
    name: str
    prefix: str = ""


class Archives:
    """Unpacks archives."""

    def __init__(
        self,
        blobs: BlobStore,
        uploads: Uploads,
        ingestion: Ingestion,
        parser: Parser,
        limits: ArchiveLimits,
        backpressure: Backpressure,
    ) -> None:
        self._blobs = blobs
        self._uploads = uploads
        self._ingestion = ingestion
        self._parser = parser
        self._limits = limits
        self._backpressure = backpressure

    async def unpack(self, attempt: RunningAttempt) -> Outcome:
        """Store each file of the archive; the outcome submits a child for each. An unreadable file is a failed child.

        Raises:
            DocumentDamagedError: when the archive cannot be read.
            ArchiveLimitError: when it contains too much.
            EmptyArchiveError: when it contains no file.
            QuotaExceededError: when its files together exceed a limit.
        """
        document = (await self._ingestion.load(attempt)).document
        content = read_content(attempt.task) or document.content
        if content is None:
            raise FileMissingError
        await attempt.report(Progress("load", 0, f"Opening {content.filename}"))
        stored = StoredEntries(attempt, self._blobs, self._uploads, self._limits, document.metadata)
        with TemporaryFolder() as folder:
            path = await self._blobs.fetch(content.blob_key, folder)
            async with stored.delete_on_failure():
                level = read_nesting(attempt.task) + 1
                archive = _Archive(path, content.media_type, content.filename)
                await self._unpack_level(_Unpacking(content.filename, stored), archive, level)
                if not stored.entries:
                    raise EmptyArchiveError
                need = Need(len(stored.entries), stored.inflated)
                async with self._backpressure.hold(attempt.task.organization_id, attempt.task.agent_id, need):
                    return self._make_outcome(attempt.task, document, content, stored)

    async def _unpack_level(self, unpacking: _Unpacking, archive: _Archive, level: int) -> None:
        """Store the files of one archive. ``level`` is the number of archives and documents that contain its files.

        Raises:
            ArchiveTooDeepError: when that exceeds the limit.
        """
        stored = unpacking.stored
        if level > stored.limits.depth:
            raise ArchiveTooDeepError(f"The limit is {count_of(stored.limits.depth, 'level')}.")
        async with self._open(archive, stored) as files:
            total, remaining = len(files) if isinstance(files, Sequence) else None, iter(files)
            while file := await asyncio.to_thread(next, remaining, None):
                await unpacking.report(total)
                try:
                    await self._unpack_file(unpacking, file, archive.prefix + file.path, level)
                except (ArchiveLimitError, StorageFullError, StorageUnavailableError):
                    raise
                except SluiceError as error:
                    stored.add_failure(archive.prefix + file.path, error)

    @asynccontextmanager
    async def _open(self, archive: _Archive, stored: StoredEntries) -> AsyncIterator[Iterable[ArchivedFile]]:
        """The files of an archive."""
        remaining = stored.limits.entries - len(stored.entries)
        if archive.media_type == SEVENZIP:
            yield await unpack_sevenzip(self._parser, archive.path, max_entries=remaining)
            return
        left = stored.limits.inflated_bytes - stored.inflated
        opening = open_files(archive.path, archive.media_type, archive.name, max_entries=remaining, max_bytes=left)
        entered = await asyncio.to_thread(opening.__enter__)
        try:
            yield entered
        finally:
            opening.__exit__(None, None, None)

    async def _unpack_file(self, unpacking: _Unpacking, file: ArchivedFile, path: str, level: int) -> None:
        """Store one file; an archive is unpacked in its place."""
        if file.error:
            raise file.error
        async with unpacking.stored.receive(file.pieces()) as incoming:
            media_type = await incoming.detect(path) if incoming.size else ""
            if media_type in ARCHIVES:
                inner = _Archive(await incoming.writer.seal(), media_type, path, prefix=path + "/")
                await self._unpack_level(unpacking, inner, level + 1)
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
