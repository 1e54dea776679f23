"""The port for the storage of uploaded files."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol


class BlobWriter(Protocol):
    """Writes one blob. Nothing is visible under its key before ``commit``."""

    async def write(self, data: bytes) -> None:
        """Append bytes."""

    async def seal(self) -> Path:
        """Write all bytes so far. Returns a local file that contains them until ``commit`` or ``abort``."""

    async def commit(self) -> None:
        """Store the blob durably under its key, sealed or not. A cancelled call may still take effect."""

    async def abort(self) -> None:
        """Discard what was written. It may be called at any time; after ``commit`` it does nothing."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A stored blob: its key, and when it was written."""

    key: str
    written_at: datetime


class BlobStore(Protocol):
    """Stores files by key.

    A key has up to eight parts separated by ``/``. Each consists of ASCII letters, digits and ``. _ -`` and does not
    begin with a dot; any other key raises ``FileMissingError``. Writing to an existing key replaces the whole blob. A
    remote store raises ``StorageUnavailableError`` from any method while it is unreachable.

    ``is_local`` is whether ``fetch`` returns the stored file itself, and so writes nothing to its folder.
    """

    is_local: bool

    async def create(self, key: str) -> BlobWriter:
        """Start a new blob.

        Raises:
            StorageFullError: also raised by the writer's methods.
        """

    def open(self, key: str) -> AsyncIterator[bytes]:
        """Read the blob in pieces.

        Raises:
            FileMissingError: there is no such blob.
        """

    async def fetch(self, key: str, folder: Path) -> Path:
        """A local path that contains the blob: the stored file itself where possible, else a copy in ``folder``.

        Raises:
            FileMissingError: there is no such blob.
            StorageFullError
        """

    async def delete(self, key: str) -> None:
        """Remove the blob. It is no error if there is none."""

    async def list(self, after: str | None, limit: int) -> Sequence[StoredFile]:
        """List blobs in an order of the store, after the key ``after``; fewer than ``limit`` at the end."""

    async def sweep(self) -> None:
        """Remove files of interrupted uploads that are at least a day old. Committed blobs stay."""

    async def check(self) -> None:
        """Check that the store works.

        Raises:
            StartupError: it refuses access, and will until the configuration is corrected.
            StorageUnavailableError: it is unreachable.
        """
