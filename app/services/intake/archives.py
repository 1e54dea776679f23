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
    """What one archive may hold, those within it included."""

    members: int
    inflated_bytes: int
    depth: int


@dataclass(slots=True)
class _Unpacking:
    """One archive as it is unpacked: what came of each member so far, and what may still come."""

    attempt: RunningAttempt
    name: str
    limits: ArchiveLimits
    said: Mapping[str, Any]
    members: list[Entry] = field(default_factory=list)
    inflated: int = 0
    throttle: ReportThrottle = field(default_factory=ReportThrottle)

    def spend(self, size: int) -> None:
        """Count inflated bytes.

        Raises:
            ArchiveLimitError: when there are too many in all.
        """
        self.inflated += size
        if self.inflated > self.limits.inflated_bytes:
            raise ArchiveLimitError(f"It unpacks to more than {self.limits.inflated_bytes} bytes.")

    def next_key(self) -> str:
        """Where the next member is stored: the same in every attempt, so that one that is broken off leaves nothing."""
        task = self.attempt.task
        return f"{task.id.hex[-2:]}/{task.id.hex}-{len(self.members)}"

    async def report(self, total: int) -> None:
        """Tell how far it is unpacked, at most twice a second."""
        if self.throttle.due():
            count = len(self.members)
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
        """Store each member and submit a task for it. One that cannot be read is a child that has failed.

        Raises:
            DocumentDamagedError: when it is no archive that can be read.
            ArchiveLimitError: when it holds too much.
            EmptyArchiveError: when there is no file in it.
        """
        document, _ = await self._ingestion.load(attempt)
        content = read_content(attempt.task) or document.content
        if content is None:
            raise FileMissingError
        await attempt.report(Progress("load", 0, f"Opening {content.filename}"))
        unpacking = _Unpacking(attempt, content.filename, self._limits, document.metadata)
        with TemporaryDirectory(prefix="sluice-") as folder:
            path = await self._blobs.fetch(content.blob_key, Path(folder))
            async with self._drop_unless_finished(unpacking):
                await self._walk(unpacking, path, prefix="", depth=1)
                if not unpacking.members:
                    raise EmptyArchiveError
        return self._become_many(attempt.task, document, content, unpacking.members)

    async def _walk(self, unpacking: _Unpacking, path: Path, prefix: str, depth: int) -> None:
        left = unpacking.limits.members - len(unpacking.members)
        opening = open_archive(path, left)
        members = await asyncio.to_thread(opening.__enter__)
        try:
            for member in members:
                await unpacking.report(len(members))
                try:
                    await self._take(unpacking, member, prefix + member.path, depth)
                except (ArchiveLimitError, StorageFullError, StorageUnavailableError):
                    raise
                except SluiceError as error:
                    unpacking.members.append(describe_failure(prefix + member.path, error, unpacking.said))
        finally:
            opening.__exit__(None, None, None)

    async def _take(self, unpacking: _Unpacking, member: ArchiveEntry, path: str, depth: int) -> None:
        """Store one member; an archive is unpacked in its place."""
        if member.error:
            raise member.error
        incoming = await self._uploads.open(unpacking.next_key())
        try:
            pieces = member.pieces()
            while piece := await asyncio.to_thread(next, pieces, b""):
                unpacking.spend(len(piece))
                await incoming.write(piece)
            if incoming.size and await asyncio.to_thread(detect, await incoming.writer.seal(), path) == ZIP:
                if depth >= unpacking.limits.depth:
                    raise ArchiveTooDeepError(f"{unpacking.limits.depth} levels are allowed.")
                await self._walk(unpacking, await incoming.writer.seal(), prefix=path + "/", depth=depth + 1)
                return
            content = await incoming.keep(path)
            unpacking.members.append(describe_entry(content, unpacking.said))
        finally:
            await asyncio.shield(incoming.writer.abort())

    def _become_many(self, task: Task, document: Document, content: Content, members: Sequence[Entry]) -> Outcome:
        unused: list[str] = []

        async def apply(connection: AsyncConnection) -> None:
            if not await set_archive_content(connection, document.id, task.id, content):
                await raise_superseded(connection, document.id)
            await drop_children(connection, task.id)
            on_duplicate = OnDuplicate(task.arguments.get("on_duplicate", OnDuplicate.SKIP))
            children = await submit_entries(connection, task, members, on_duplicate)
            unused[:] = list_unused_blobs(members, children)

        async def drop_unused() -> None:
            if document.blob_key and document.blob_key != content.blob_key:
                unused.append(document.blob_key)
            for key in unused:
                await self._blobs.delete(key)

        return Outcome(
            None, f"{content.filename} holds {len(members)} files", apply=apply, expands=True, after=drop_unused
        )

    @asynccontextmanager
    async def _drop_unless_finished(self, unpacking: _Unpacking) -> AsyncIterator[None]:
        """Delete the members that were stored, unless another attempt may be storing them again."""
        try:
            yield
        except BaseException:
            if await unpacking.attempt.read_status() in {AttemptStatus.CONTINUE, AttemptStatus.CANCELLED}:
                for key in [member["blob_key"] for member in unpacking.members if "blob_key" in member]:
                    await asyncio.shield(self._blobs.delete(key))
            raise
