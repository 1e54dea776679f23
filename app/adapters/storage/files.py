"""Blobs as files below one folder."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from app.adapters.storage.spool import Spool, SpoolWriter, check_key, full_disk_named
from app.domain.errors import FileMissingError, StartupError

_BUFFER = 1024 * 1024


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FileWriter(SpoolWriter):
    """A blob being written, on the file system where it stays."""

    def __init__(self, temporary: Path, final: Path) -> None:
        super().__init__(temporary)
        self._final = final

    async def commit(self) -> None:
        """Put the bytes and their name on the disk for good."""
        await asyncio.to_thread(self._publish)
        self._committed = True

    def _publish(self) -> None:
        # Renamed first, so that where the file system keeps a journal, one write of it holds bytes and name alike.
        with full_disk_named(), self._temporary.open("rb") as file:
            try:
                self._temporary.rename(self._final)
            except FileNotFoundError:
                self._final.parent.mkdir(parents=True, exist_ok=True)
                self._temporary.rename(self._final)
                _sync_folder(self._final.parent.parent)
            os.fsync(file.fileno())
            _sync_folder(self._final.parent)


class FileStore:
    """A blob store on a local or shared file system.

    Keys are relative paths made by Sluice and told to nobody before the blob is committed:
    then its bytes and its folder entry are on the disk.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._spool = Spool(self._root / ".incoming")

    async def create(self, key: str) -> FileWriter:
        """Begin a new blob."""
        return FileWriter(self._spool.name_file(), self._path(key))

    async def open(self, key: str) -> AsyncIterator[bytes]:
        """The blob's bytes, a megabyte at a time."""
        try:
            file = await asyncio.to_thread(self._path(key).open, "rb")
        except FileNotFoundError:
            raise FileMissingError from None
        with file:
            while piece := await asyncio.to_thread(file.read, _BUFFER):
                yield piece

    async def fetch(self, key: str, folder: Path) -> Path:  # noqa: ARG002 - stores elsewhere copy into the folder
        """The blob's own path: it is local already."""
        path = self._path(key)
        if not await asyncio.to_thread(path.is_file):
            raise FileMissingError
        return path

    async def delete(self, key: str) -> None:
        """Remove the blob; removing one that is not there succeeds."""
        await asyncio.to_thread(self._path(key).unlink, missing_ok=True)

    async def sweep(self) -> None:
        """Remove what broken uploads left behind a day ago or earlier; committed blobs are not touched."""
        await asyncio.to_thread(self._spool.sweep)

    async def check(self) -> None:
        """Write in the folder."""
        try:
            await asyncio.to_thread(self._spool.check)
        except OSError as error:
            raise StartupError(f"Files cannot be written in {self._root}: {error.strerror}.") from error

    def _path(self, key: str) -> Path:
        check_key(key)
        return self._root / key
