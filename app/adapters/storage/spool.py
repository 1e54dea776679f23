"""Temporary local files for blobs while they are written."""

import asyncio
import errno
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from app.domain.errors import FileMissingError, StorageFullError

_BUFFER = 1024 * 1024
_ABANDONED_SECONDS = 24 * 3600.0
_FULL = {errno.ENOSPC, errno.EDQUOT}
# Characters with the same meaning in every file system and object store. Parts that begin with a dot are reserved.
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}){0,7}", re.ASCII)


def check_key(key: str) -> None:
    """Check that a key is unambiguous and stays below the root of a store.

    Raises:
        FileMissingError: it may not be.
    """
    if not _KEY.fullmatch(key):
        raise FileMissingError(f"{key!r} is not a valid key.")


@contextmanager
def translated_disk_errors() -> Iterator[None]:
    """Within the block, a full disk raises ``StorageFullError``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError from error
        raise


class SpoolWriter:
    """Writes a blob to a temporary file, a megabyte at a time and off the event loop.

    A store's subclass adds ``commit``, which sets ``_committed``.
    """

    def __init__(self, temporary: Path) -> None:
        self._temporary = temporary
        self._buffer = bytearray()
        self._committed = False

    async def write(self, data: bytes) -> None:
        """Append bytes."""
        self._buffer += data
        if len(self._buffer) >= _BUFFER:
            await asyncio.to_thread(self._flush)

    async def seal(self) -> Path:
        """Write the remaining bytes; returns the file, which may then be read. ``abort`` still removes it."""
        await asyncio.to_thread(self._flush)
        return self._temporary

    async def abort(self) -> None:
        """Remove what was written, unless it was committed."""
        if not self._committed:
            self._buffer.clear()
            await asyncio.to_thread(self._temporary.unlink, missing_ok=True)

    def _flush(self) -> None:
        with translated_disk_errors(), self._temporary.open("ab", buffering=0) as file:
            view = memoryview(self._buffer)
            while view:
                view = view[file.write(view) :]
            view.release()
        self._buffer = bytearray()


class Spool:
    """The folder of the temporary files, made if it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)

    def name_file(self) -> Path:
        """Choose an unused path."""
        return self._folder / uuid4().hex

    def sweep(self) -> None:
        """Remove files of interrupted writers that are more than a day old."""
        for temporary in self._folder.iterdir():
            with suppress(FileNotFoundError):  # its writer has removed it
                if temporary.stat().st_mtime < time.time() - _ABANDONED_SECONDS:
                    temporary.unlink()

    def check(self) -> None:
        """Write and remove a file.

        Raises:
            OSError: the folder cannot be written to.
        """
        probe = self.name_file()
        probe.touch()
        probe.unlink(missing_ok=True)
