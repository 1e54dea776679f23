"""Opens an archive of any supported format."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.domain.documents import AttachedFile, Parsed
from app.domain.errors import SluiceError, SpecialFileError, UnsafePathError
from app.domain.media import GZIP, TAR
from app.pipeline.archives.archive import clean_name, open_archive
from app.pipeline.archives.stream import open_gzip, open_tar


class ArchivedFile(Protocol):
    """A file in an archive. Read the files in their order."""

    @property
    def path(self) -> str:
        """Its name for display, which is not used as a path to write to."""

    @property
    def error(self) -> SluiceError | None:
        """Why it cannot be read, where that is known before reading."""

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file, at most 64 KB at a time."""


@dataclass(frozen=True, slots=True)
class UnpackedFile:
    """A file of an archive that the sandbox has unpacked. ``file`` is None where it was not."""

    path: str
    error: SluiceError | None
    file: AttachedFile | None

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file, at most 64 KB at a time."""
        return self.file.pieces() if self.file else iter(())


def open_files(
    path: Path, media_type: str, name: str, *, max_entries: int, max_bytes: int
) -> AbstractContextManager[Iterable[ArchivedFile]]:
    """The files of an archive that is read in this process: ZIP, tar or gzip.

    Args:
        path: The archive's local file.
        media_type: Its type.
        name: The archive's name, after which the file in a gzip file is named.
        max_entries: The number of files that it may have.
        max_bytes: The number of bytes that it may unpack to.
    """
    if media_type == TAR:
        return open_tar(path, max_entries, max_bytes)
    return open_gzip(path, name, max_bytes) if media_type == GZIP else open_archive(path, max_entries)


def list_unpacked(parsed: Parsed) -> list[UnpackedFile]:
    """The files of an archive that the sandbox has unpacked, as ``app.pipeline.archives.sevenzip`` describes them."""
    files = [UnpackedFile(clean_name(file.name), None, file) for file in parsed.attachments]
    for kind, error in (("unsafe", UnsafePathError()), ("special", SpecialFileError())):
        files += [UnpackedFile(clean_name(str(name)), error, None) for name in parsed.metadata[kind]]
    return files
