"""The files of a 7-Zip archive. Runs in a child of the sandbox: py7zr allocates what the archive asks for."""

import lzma
import stat
import zlib
from pathlib import Path

from py7zr import SevenZipFile
from py7zr.exceptions import ArchiveError, PasswordRequired, UnsupportedCompressionMethodError
from py7zr.io import Py7zIO, WriterFactory

from app.domain.documents import Parsed
from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.archives.archive import escapes, is_junk
from app.pipeline.sandbox.file_spool import FileSpool

_MAX_BYTES = 480 * 1024 * 1024
"""A little less than the sandbox lets a child return."""
_BROKEN = (ArchiveError, lzma.LZMAError, zlib.error, EOFError, OSError, LookupError, ValueError, TypeError)


class _Writer(Py7zIO):
    """The file of the spool that began last. py7zr writes the files one after the other."""

    def __init__(self, spool: FileSpool, name: str) -> None:
        self._spool = spool
        self._size = 0
        spool.begin(name)

    def write(self, s: bytes | bytearray) -> int:
        self._size += len(s)
        self._spool.write(bytes(s))
        if self._spool.size > _MAX_BYTES:
            raise ParseLimitExceededError(f"It unpacks to more than {_MAX_BYTES} bytes.")
        return len(s)

    def read(self, size: int | None = None) -> bytes:  # noqa: ARG002 - of py7zr, for checksums of files on disk
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:  # noqa: ARG002
        return 0

    def flush(self) -> None:
        """The spool keeps all bytes."""

    def size(self) -> int:
        return self._size


class _Factory(WriterFactory):
    def __init__(self, spool: FileSpool) -> None:
        self._spool = spool

    def create(self, filename: str) -> Py7zIO:
        return _Writer(self._spool, filename)


def read_sevenzip(path: Path) -> Parsed:
    """The files of the archive, as the attachments of a document without pages.

    The metadata lists the names of other entries: ``unsafe`` paths, and ``special`` files, such as links.

    Raises:
        DocumentEncryptedError: when it has a password.
        DocumentDamagedError: when it cannot be read.
        ParseLimitExceededError: when it unpacks to too much.
    """
    spool = FileSpool()
    try:
        with path.open("rb") as file, SevenZipFile(file) as archive:
            if archive.password_protected:
                raise DocumentEncryptedError
            kinds: dict[str, list[str]] = {"unsafe": [], "special": [], "readable": []}
            for entry in archive.files:
                if not entry.is_directory and not is_junk(entry.filename):
                    kinds[_classify(entry.filename, entry.st_fmt, links=entry.is_symlink)].append(entry.filename)
            readable = kinds.pop("readable")
            if readable:
                archive.extract(targets=readable, factory=_Factory(spool))
    except PasswordRequired as error:
        raise DocumentEncryptedError from error
    except UnsupportedCompressionMethodError as error:
        raise DocumentDamagedError("Its compression method is not supported.") from error
    except _BROKEN as error:
        raise DocumentDamagedError(f"{type(error).__name__}: {error}"[:300]) from error
    return Parsed([], kinds, spool)


def _classify(name: str, kind: int | None, *, links: bool) -> str:
    if escapes(name):
        return "unsafe"
    return "special" if links or kind not in {None, stat.S_IFREG} else "readable"
