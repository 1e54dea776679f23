"""A ZIP archive told member by member. Names are names: nothing is ever written where one of them says.

Each member is inflated as it is read and bounded by whoever reads it; only kinds of packing whose memory is small are
read at all.
"""

import bz2
import copy
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from app.domain.errors import (
    ArchiveLimitError,
    DocumentDamagedError,
    DocumentEncryptedError,
    SluiceError,
    UnsafePathError,
)
from app.pipeline.parse.zip_package import BROKEN, open_zip

_PIECE = 64 * 1024
_NAME_CHARACTERS = 1000
_WAYS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
_JUNK_FOLDERS = {"__MACOSX", ".git", ".svn"}
_JUNK_NAMES = {".DS_Store", "Thumbs.db", "desktop.ini"}


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """A file in an archive. ``error`` tells why it cannot be read, if that is known before reading."""

    path: str
    error: SluiceError | None
    _archive: zipfile.ZipFile
    _info: zipfile.ZipInfo

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, at most 64 KB at a time.

        Raises:
            DocumentDamagedError: when they are not what the archive says they are.
        """
        try:
            yield from (
                self._inflate_bzip2() if self._info.compress_type == zipfile.ZIP_BZIP2 else self._read(self._info)
            )
        except BROKEN as error:
            raise DocumentDamagedError(str(error)) from error

    def _read(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        with self._archive.open(info) as file:
            while piece := file.read(_PIECE):
                yield piece

    def _inflate_bzip2(self) -> Iterator[bytes]:
        """Inflated here, since ``zipfile`` unpacks all that it has read: of 64 KB, many gigabytes."""
        inflater, size, checksum = bz2.BZ2Decompressor(), 0, 0
        for packed in self._read(_as_stored(self._info)):
            data = packed
            while not inflater.eof and (data or not inflater.needs_input):
                piece = inflater.decompress(data, _PIECE)
                data, size, checksum = b"", size + len(piece), zlib.crc32(piece, checksum)
                if piece:
                    yield piece
        if (inflater.eof, size, checksum) != (True, self._info.file_size, self._info.CRC):
            raise zipfile.BadZipFile("Its content is not what the archive says.")


@contextmanager
def open_archive(path: Path, max_members: int) -> Iterator[list[ArchiveEntry]]:
    """The files of the archive at ``path`` in their order, without folders and what file managers leave behind.

    Raises:
        DocumentDamagedError: when it is no archive that can be read.
        ArchiveLimitError: when it has too many members.
    """
    try:
        opening = open_zip(path)
        archive = opening.__enter__()
    except BROKEN as error:
        raise DocumentDamagedError(str(error)) from error
    try:
        infos = [info for info in archive.infolist() if not info.filename.endswith("/") and not _is_junk(info.filename)]
        if len(infos) > max_members:
            raise ArchiveLimitError(f"It has {len(infos)} members; {max_members} are allowed.")
        yield [ArchiveEntry(_clean(info.filename), _judge(info), archive, info) for info in infos]
    finally:
        opening.__exit__(None, None, None)


def _as_stored(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The same member, as if its packed bytes were what it holds."""
    stored = copy.copy(info)
    stored.compress_type, stored.file_size = zipfile.ZIP_STORED, info.compress_size
    del stored.CRC
    return stored


def _judge(info: zipfile.ZipInfo) -> SluiceError | None:
    if _leads_out(info.filename):
        return UnsafePathError()
    if info.flag_bits & 1:
        return DocumentEncryptedError()
    if info.compress_type not in _WAYS:
        return DocumentDamagedError("It is packed in a way that is not supported.")
    return None


def _leads_out(name: str) -> bool:
    """Whether a name, taken for a path by somebody careless, would lead out of the folder it is unpacked in."""
    windows = PureWindowsPath(name)
    return bool(windows.drive or windows.root or name.startswith("/") or ".." in windows.parts)


def _is_junk(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return bool(parts) and (not _JUNK_FOLDERS.isdisjoint(parts[:-1]) or parts[-1] in _JUNK_NAMES)


def _clean(name: str) -> str:
    """The name as it is shown: without control characters and lone surrogates, the end of one that is too long."""
    shown = "".join(sign for sign in name.replace("\\", "/") if sign.isprintable())
    return shown.encode("utf-8", "ignore").decode()[-_NAME_CHARACTERS:] or "unnamed"
