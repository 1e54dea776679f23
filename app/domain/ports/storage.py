"""Where uploaded files are kept."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol


class BlobWriter(Protocol):
    """A file on its way into storage. Nothing is visible under the key before ``commit``."""

    async def write(self, data: bytes) -> None:
        """Append bytes."""

    async def seal(self) -> Path:
        """End the writing. Returns a local file that holds the bytes until ``commit`` or ``abort``."""

    async def commit(self) -> None:
        """Keep the sealed blob under its key; when this returns, it is durable. If cancelled, it may yet happen."""

    async def abort(self) -> None:
        """Drop what was written. Safe to call at any time, also after ``commit`` (then it does nothing)."""


class BlobStore(Protocol):
    """Where uploaded files live.

    A key is up to eight parts with ``/`` between them, each of ASCII letters, digits and ``. _ -`` and not beginning
    with a dot; any other raises ``FileMissingError``. A blob written under a key again replaces the former whole.
    A store across a network raises ``StorageUnavailableError`` from any method while it cannot be reached.
    """

    async def create(self, key: str) -> BlobWriter:
        """Begin a new blob.

        Raises:
            StorageFullError: also from the writer's methods.
        """

    def open(self, key: str) -> AsyncIterator[bytes]:
        """The blob's bytes in pieces.

        Raises:
            FileMissingError: when there is no such blob.
        """

    async def fetch(self, key: str, folder: Path) -> Path:
        """A local path that holds the blob, in place where possible, else copied into ``folder``.

        Raises:
            FileMissingError: when there is no such blob.
            StorageFullError
        """

    async def delete(self, key: str) -> None:
        """Remove the blob; removing one that is not there succeeds."""

    async def sweep(self) -> None:
        """Remove what broken uploads left behind a day ago or earlier; committed blobs are not touched."""

    async def check(self) -> None:
        """Try the store.

        Raises:
            StartupError: when it refuses, and will until somebody mends it.
            StorageUnavailableError: when it cannot be reached now.
        """
