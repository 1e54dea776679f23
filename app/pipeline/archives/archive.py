"""The entries of a ZIP archive. Their names are never used as paths to write to.

Each entry is inflated as it is read, and the caller limits how much. Only compression methods that need little memory
are supported.
"""

import bz2
import copy
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from app.domain.counting import count_of
from app.domain.errors import (
    ArchiveLimitError,
    DocumentDamagedError,
    DocumentEncryptedError,
    SluiceError,
    SpecialFileError,
    UnsafePathError,
)
from app.pipeline.archives.names import read_names
from app.pipeline.parse.zip_package import BROKEN, open_zip

_PIECE = 64 * 1024
_NAME_CHARACTERS = 1000
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
_WINDOWS = {0, 10, 11}  # FAT, NTFS and VFAT
_JUNK_FOLDERS = {"__MACOSX", ".git", ".svn"}
_JUNK_PREFIX = "._"  # macOS keeps attributes of a file in one of this name
_JUNK_NAMES = {".DS_Store", "Thumbs.db", "desktop.ini"}


@dataclass(frozen=True, slots=True)
class ArchiveEntry:
    """A file in an archive. ``error`` says why it cannot be read, where that is known before reading."""

    path: str
    error: SluiceError | None
    _archive: zipfile.ZipFile
    _info: zipfile.ZipInfo

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file, at most 64 KB at a time.

        Raises:
            DocumentDamagedError: when size or checksum differ from those in the archive.
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
        """Inflated here, because ``zipfile`` inflates all it has read at once: 64 KB can become gigabytes."""
        inflater, size, checksum = bz2.BZ2Decompressor(), 0, 0
        for packed in self._read(_as_stored(self._info)):
            data = packed
            while not inflater.eof and (data or not inflater.needs_input):
                piece = inflater.decompress(data, _PIECE)
                data, size, checksum = b"", size + len(piece), zlib.crc32(piece, checksum)
                if piece:
                    yield piece
        if (inflater.eof, size, checksum) != (True, self._info.file_size, self._info.CRC):
            raise zipfile.BadZipFile("The content differs from the archive's directory.")


@contextmanager
def open_archive(path: Path, max_entries: int) -> Iterator[list[ArchiveEntry]]:
    """The files of the archive at ``path`` in their order, without folders and the hidden files of file managers.

    Raises:
        DocumentDamagedError: when it is not a readable archive.
        ArchiveLimitError: when it has more than ``max_entries`` files.
    """
    try:
        opening = open_zip(path)
        archive = opening.__enter__()
    except BROKEN as error:
        raise DocumentDamagedError(str(error)) from error
    try:
        infos = archive.infolist()
        named = [
            (name, info)
            for name, info in zip(read_names(infos), infos, strict=True)
            if not name.endswith("/") and not is_junk(name)
        ]
        if len(named) > max_entries:
            raise ArchiveLimitError(f"It contains {count_of(len(named), 'file')}; the limit is {max_entries}.")
        yield [ArchiveEntry(clean_name(name), _find_error(name, info), archive, info) for name, info in named]
    finally:
        opening.__exit__(None, None, None)


def _as_stored(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    """The same entry, marked as stored, so that its compressed bytes are read as they are."""
    stored = copy.copy(info)
    stored.compress_type, stored.file_size = zipfile.ZIP_STORED, info.compress_size
    del stored.CRC
    return stored


def _find_error(name: str, info: zipfile.ZipInfo) -> SluiceError | None:
    if escapes(name):
        return UnsafePathError()
    if _is_special(info):
        return SpecialFileError()
    if info.flag_bits & 1:
        return DocumentEncryptedError()
    if info.compress_type not in _METHODS:
        return DocumentDamagedError("Its compression method is not supported.")
    return None


def _is_special(info: zipfile.ZipInfo) -> bool:
    """Whether the entry is a symbolic link, a device, a pipe or a socket, as Unix or Windows packed it.

    The bytes of a link are its target's path, not the text of a file.
    """
    kind = stat.S_IFMT(info.external_attr >> 16)
    is_reparse_point = info.create_system in _WINDOWS and info.external_attr & stat.FILE_ATTRIBUTE_REPARSE_POINT
    return kind not in {0, stat.S_IFREG, stat.S_IFDIR} or bool(is_reparse_point)


def escapes(name: str) -> bool:
    """Whether a name, used as a path, would lead outside the folder in which the archive is unpacked."""
    windows = PureWindowsPath(name)
    return bool(windows.drive or windows.root or name.startswith("/") or ".." in windows.parts)


def is_junk(name: str) -> bool:
    """Whether a file manager or a version control system adds such a file."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or not _JUNK_FOLDERS.isdisjoint(parts[:-1]):
        return bool(parts)
    return parts[-1] in _JUNK_NAMES or parts[-1].startswith(_JUNK_PREFIX)


def clean_name(name: str) -> str:
    """The name for display: without control characters and lone surrogates, and cut to its last 1,000 characters."""
    shown = "".join(sign for sign in name.replace("\\", "/") if sign.isprintable())
    return shown.encode("utf-8", "ignore").decode()[-_NAME_CHARACTERS:] or "unnamed"
