"""Temporary local files for blobs while they are written."""

import asyncio
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from app.domain.errors import FileMissingError, translated_disk_errors
from app.private_files import append_private, make_private_folder

_BUFFER = 1024 * 1024
_ABANDONED_SECONDS = 24 * 3600.0
# Characters with the same meaning in every file system and object store. Parts that begin with a dot are reserved.
_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}){0,7}", re.ASCII)


def check_key(key: str) -> None:
    """Check that a key is unambiguous and stays below the root of a store.

    Raises:
        FileMissingError: it may not be.
    """
    if not _KEY.fullmatch(key):
        raise FileMissingError(f"{key!r} is not a valid key.")


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
            self._buffer = bytearray()  # the failed write may still refer to the former one
            await asyncio.to_thread(self._temporary.unlink, missing_ok=True)

    def _flush(self) -> None:
        with translated_disk_errors(), append_private(self._temporary) as file:
            self._write_buffer(file)

    def _write_buffer(self, file: BinaryIO) -> None:
        view = memoryview(self._buffer)
        while view:
            view = view[file.write(view) :]
        view.release()
        self._buffer = bytearray()


class Spool:
    """The folder of the temporary files, made if it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        make_private_folder(folder)

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
        append_private(probe).close()
        probe.unlink(missing_ok=True)
