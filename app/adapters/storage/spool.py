"""Blobs on their way in: a local file each, until a store takes them."""

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
_BROKEN_SECONDS = 24 * 3600.0
_FULL = {errno.ENOSPC, errno.EDQUOT}
# What means the same to every file system and object store. A part that begins with a dot is the store's own.
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}){0,7}", re.ASCII)


def check_key(key: str) -> None:
    """Refuse a key that a store could take for another, or for a way out of it.

    Raises:
        FileMissingError
    """
    if not _KEY.fullmatch(key):
        raise FileMissingError(f"The key {key!r} cannot be one of the store.")


@contextmanager
def full_disk_named() -> Iterator[None]:
    """Within the block, a full disk raises ``StorageFullError``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFullError from error
        raise


class SpoolWriter:
    """A blob being written: bytes gather in memory and go to a temporary file a megabyte at a time, off the loop.

    A store's writer adds ``commit``, which sets ``_committed``.
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
        """Write out what is left; the local file may then be read, and still be dropped."""
        await asyncio.to_thread(self._flush)
        return self._temporary

    async def abort(self) -> None:
        """Drop what was written and not committed."""
        if not self._committed:
            self._buffer.clear()
            await asyncio.to_thread(self._temporary.unlink, missing_ok=True)

    def _flush(self) -> None:
        with full_disk_named(), self._temporary.open("ab", buffering=0) as file:
            view = memoryview(self._buffer)
            while view:
                view = view[file.write(view) :]
            view.release()
        self._buffer = bytearray()


class Spool:
    """The folder of the temporary files, made where it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folder.mkdir(parents=True, exist_ok=True)

    def name_file(self) -> Path:
        """A path that nothing else uses."""
        return self._folder / uuid4().hex

    def sweep(self) -> None:
        """Remove what broken writers left behind a day ago or earlier."""
        for temporary in self._folder.iterdir():
            with suppress(FileNotFoundError):  # its writer was faster
                if temporary.stat().st_mtime < time.time() - _BROKEN_SECONDS:
                    temporary.unlink()

    def check(self) -> None:
        """Write a file.

        Raises:
            OSError: when that cannot be done.
        """
        probe = self.name_file()
        probe.touch()
        probe.unlink(missing_ok=True)
