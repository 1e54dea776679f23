"""Stores blobs as files below one folder."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from app.adapters.storage.spool import Spool, SpoolWriter, check_key
from app.domain.errors import FileMissingError, StartupError, translated_disk_errors
from app.domain.ports import StoredFile
from app.private_files import append_private, make_private_folder

_BUFFER = 1024 * 1024
_FOLDER_SYNCS = 8
"""Syncs of folders at the same time."""


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FileWriter(SpoolWriter):
    """Writes a blob to a temporary file on the file system of the store."""

    def __init__(self, temporary: Path, final: Path, threads: ThreadPoolExecutor) -> None:
        super().__init__(temporary)
        self._final = final
        self._threads = threads

    async def commit(self) -> None:
        """Write the remaining bytes and publish the blob under its key; on return it is durable.

        All of it happens in one call in a thread, because each call costs more than writing a small file.
        """
        await asyncio.to_thread(self._publish)
        self._committed = True

    def _publish(self) -> None:
        # Renamed before the sync, so that a journaling file system can write the bytes and the name in one commit.
        with translated_disk_errors(), append_private(self._temporary) as file:
            self._write_buffer(file)
            try:
                self._temporary.rename(self._final)
            except FileNotFoundError:
                make_private_folder(self._final.parent)
                self._temporary.rename(self._final)
                _sync_folder(self._final.parent.parent)
            try:
                self._sync(file)
            except OSError:
                self._final.unlink(missing_ok=True)
                raise

    def _sync(self, file: BinaryIO) -> None:
        """Sync the file and its folder at the same time: the disk then flushes its cache once for both."""
        folder = self._threads.submit(_sync_folder, self._final.parent)
        try:
            os.fsync(file.fileno())
        finally:
            folder.result()


def _walk(folder: Path, prefix: str, after: Sequence[str]) -> Iterator[StoredFile]:
    """The files below a folder, after the one whose path has the parts ``after``."""
    with suppress(FileNotFoundError), os.scandir(folder) as scan:
        for entry in sorted(scan, key=lambda entry: entry.name):
            if entry.name.startswith(".") or (after and entry.name < after[0]):
                continue
            seen = after if after and entry.name == after[0] else ()
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry), f"{prefix}{entry.name}/", seen[1:])
            elif not seen:
                with suppress(FileNotFoundError):
                    written_at = datetime.fromtimestamp(entry.stat().st_mtime, UTC)
                    yield StoredFile(prefix + entry.name, written_at)


class FileStore:
    """A blob store on a local or shared file system.

    A key is a relative path. Sluice makes it, and publishes it only after the blob is committed: then the bytes and the
    folder entry are on the disk.
    """

    is_local = True

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._spool = Spool(self._root / ".incoming")
        self._threads = ThreadPoolExecutor(_FOLDER_SYNCS, thread_name_prefix="folder-sync")

    async def create(self, key: str) -> FileWriter:
        """Begin a new blob."""
        return FileWriter(self._spool.name_file(), self._path(key), self._threads)

    async def open(self, key: str) -> AsyncIterator[bytes]:
        """Read the blob, a megabyte at a time."""
        try:
            file = await asyncio.to_thread(self._path(key).open, "rb")
        except FileNotFoundError:
            raise FileMissingError from None
        with file:
            while piece := await asyncio.to_thread(file.read, _BUFFER):
                yield piece

    async def fetch(self, key: str, folder: Path) -> Path:  # noqa: ARG002 - remote stores copy into the folder
        """The path of the blob, which is a local file already."""
        path = self._path(key)
        if not await asyncio.to_thread(path.is_file):
            raise FileMissingError
        return path

    async def delete(self, key: str) -> None:
        """Remove the blob. Does nothing if there is none."""
        await asyncio.to_thread(self._path(key).unlink, missing_ok=True)

    async def list(self, after: str | None, limit: int) -> Sequence[StoredFile]:
        """List blobs, the names in each folder in order."""
        parts = after.split("/") if after else []
        return await asyncio.to_thread(lambda: list(islice(_walk(self._root, "", parts), limit)))

    async def sweep(self) -> None:
        """Remove temporary files of interrupted uploads that are more than a day old."""
        await asyncio.to_thread(self._spool.sweep)

    async def check(self) -> None:
        """Check that files can be written in the folder.

        Raises:
            StartupError: they cannot.
        """
        try:
            await asyncio.to_thread(self._spool.check)
        except OSError as error:
            raise StartupError(f"Cannot write files in {self._root}: {error.strerror}.") from error

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._root / key
