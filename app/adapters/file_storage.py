"""Blobs as files below one folder."""

import asyncio
import errno
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from app.domain.errors import FileMissingError, StorageFullError

_BUFFER = 1024 * 1024
_BROKEN_SECONDS = 24 * 3600.0
_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def _full_disk_named() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError from error
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FileWriter:
    """A blob being written: bytes gather in memory and go to a temporary file a megabyte at a time, off the loop."""

    def __init__(self, temporary: Path, final: Path) -> None:
        self._temporary = temporary
        self._final = final
        self._buffer = bytearray()
        self._committed = False

    async def write(self, data: bytes) -> None:
        """Append bytes."""
        self._buffer += data
        if len(self._buffer) >= _BUFFER:
            await asyncio.to_thread(self._flush)

    async def seal(self) -> Path:
        """Write out what is left; the local file may then be read, and still be dropped."""
        await asyncio.to_thread(self._flush)
        return self._temporary

    async def commit(self) -> None:
        """Put the bytes and their name on the disk for good."""
        await asyncio.to_thread(self._publish)
        self._committed = True

    async def abort(self) -> None:
        """Drop what was written and not committed."""
        if not self._committed:
            self._buffer.clear()
            await asyncio.to_thread(self._temporary.unlink, missing_ok=True)

    def _flush(self) -> None:
        with _full_disk_named(), self._temporary.open("ab", buffering=0) as file:
            view = memoryview(self._buffer)
            while view:
                view = view[file.write(view) :]
            view.release()
        self._buffer = bytearray()

    def _publish(self) -> None:
        # Renamed first, so that where the file system keeps a journal, one write of it holds bytes and name alike.
        with _full_disk_named(), self._temporary.open("rb") as file:
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
        self._incoming = self._root / ".incoming"
        self._incoming.mkdir(parents=True, exist_ok=True)

    async def create(self, key: str) -> FileWriter:
        """Begin a new blob."""
        return FileWriter(self._incoming / uuid4().hex, self._path(key))

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
        await asyncio.to_thread(self._sweep)

    def _sweep(self) -> None:
        for temporary in self._incoming.iterdir():
            with suppress(FileNotFoundError):  # its upload was faster
                if temporary.stat().st_mtime < time.time() - _BROKEN_SECONDS:
                    temporary.unlink()

    def _path(self, key: str) -> Path:
        path = Path(os.path.normpath(self._root / key))
        if not path.is_relative_to(self._root):
            raise FileMissingError(f"The key {key!r} leads out of the store.")
        return path
