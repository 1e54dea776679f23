"""The archives of repositories: read from their addresses, and unpacked into bundles of source files."""

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from app.domain.errors import FileMissingError, NoSourceFilesError, PageNotAvailableError
from app.domain.media import SEVENZIP
from app.domain.ports import BlobStore, PageReader, Parser
from app.domain.records import Content
from app.domain.tasks import Task
from app.domain.web import FetchedPage
from app.pipeline.archives.formats import ArchivedFile, open_files
from app.pipeline.specs.bundle import Bundles, pack
from app.services.intake.sevenzip import unpack_sevenzip
from app.services.intake.stored_entries import ArchiveLimits
from app.services.intake.uploads import IncomingFile, Uploads
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt
from app.services.specs.specs import check_archive
from app.temporary_folders import TemporaryFolder

_PIECE = 1024 * 1024


class SourceArchives:
    """Reads the archives of repositories."""

    def __init__(
        self,
        blobs: BlobStore,
        uploads: Uploads,
        admission: Admission,
        reader: PageReader,
        parser: Parser,
        limits: ArchiveLimits,
    ) -> None:
        self._blobs = blobs
        self._uploads = uploads
        self._admission = admission
        self._reader = reader
        self._parser = parser
        self._limits = limits

    async def fetch(self, attempt: RunningAttempt) -> Outcome:
        """Read the archive from its address and store it; the outcome returns the task to its queue with it.

        Raises:
            FileMissingError: when the task has no address.
            UnsupportedTypeError: when what the address has is no archive.
            PageNotAvailableError, …: as ``PageReader``.
        """
        url = attempt.task.arguments.get("url")
        if url is None:
            raise FileMissingError
        attempt.release_slot()
        self._admission.nudge(attempt.task.queue)
        with TemporaryFolder() as folder:
            urls = [url, *attempt.task.arguments.get("shorter_urls", [])]
            url, page = await read_first(self._reader, urls, folder)
            incoming = await self._uploads.open()
            try:
                with page.path.open("rb") as file:
                    await copy(file, incoming)
                async with self._uploads.delete_unless_committed([incoming.key]):
                    content = await incoming.store(page.filename)
                    check_archive(content)
            finally:
                await asyncio.shield(incoming.writer.abort())
        # As ``app.services.specs.specs`` names the content of an uploaded archive.
        expected = {"sha256": attempt.task.arguments["key"], "filename": attempt.task.metadata["filename"]}
        stored = {**content.as_json(), **expected}
        discard = partial(self._blobs.delete, content.blob_key)
        return Outcome(None, f"Read {url}", continues={"content": stored}, discard=discard)

    async def unpack(self, task: Task, content: Content, folder: Path) -> Bundles:
        """Write the source files of a task's archive into bundles in ``folder``.

        Raises:
            NoSourceFilesError: when the archive has no file that is analysed.
            DocumentDamagedError, ArchiveLimitError: when it cannot be read or contains too much.
        """
        path = await self._blobs.fetch(content.blob_key, folder)
        if content.media_type == SEVENZIP:
            files = await unpack_sevenzip(self._parser, path, max_entries=self._limits.entries)
            bundles = await asyncio.to_thread(self._pack, files, folder, task)
        else:
            bundles = await asyncio.to_thread(self._pack_archive, path, content, folder, task)
        if not bundles.files:
            raise NoSourceFilesError
        return bundles

    def _pack_archive(self, path: Path, content: Content, folder: Path, task: Task) -> Bundles:
        limits = self._limits
        opened = open_files(
            path, content.media_type, content.filename, max_entries=limits.entries, max_bytes=limits.inflated_bytes
        )
        with opened as files:
            return self._pack(files, folder, task)

    def _pack(self, files: Iterable[ArchivedFile], folder: Path, task: Task) -> Bundles:
        return pack(files, folder, batch_size=task.arguments["batch_size"], max_bytes=self._limits.inflated_bytes)


async def read_first(reader: PageReader, urls: Sequence[str], folder: Path) -> tuple[str, FetchedPage]:
    """Read the first of these addresses that has an archive; returns the address too.

    Raises:
        PageNotAvailableError: when none of them has.
        …: as ``PageReader``.
    """
    for url in urls[:-1]:
        with suppress(PageNotAvailableError):
            return url, await reader.read(url, folder)
    return urls[-1], await reader.read(urls[-1], folder)


async def copy(file: Any, incoming: IncomingFile) -> None:
    """Write all bytes of an open file to storage."""
    while piece := await asyncio.to_thread(file.read, _PIECE):
        await incoming.write(piece)
