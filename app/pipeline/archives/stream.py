"""The entries of a tar archive, compressed or not, and the one file in a gzip file.

The headers of a tar archive are read here: ``tarfile`` reads extended headers of any length into memory.
"""

import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from app.domain.errors import (
    ArchiveLimitError,
    DocumentDamagedError,
    SluiceError,
    SpecialFileError,
    UnsafePathError,
)
from app.pipeline.archives.archive import clean_name, escapes, is_junk
from app.pipeline.archives.byte_stream import ByteStream

_BLOCK = tarfile.BLOCKSIZE
_HEADER_BYTES = 64 * 1024
_OVERHEAD = 16 * 1024 * 1024
"""Bytes that the headers of an archive may have, in addition to its files."""
_SIZE_DIGITS = 20
_WITHOUT_DATA = {tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE}
_EXTENDED = {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE}


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """A file in an archive that is read from start to end. Read it before the next one.

    ``error`` says why it cannot be read, where that is known before reading.
    """

    path: str
    error: SluiceError | None
    _stream: "_Content"

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file, at most 64 KB at a time.

        Raises:
            DocumentDamagedError: when the archive is damaged or cut off.
        """
        return self._stream.pieces()


@dataclass(slots=True)
class _Content:
    """The bytes of an entry that are not read yet; ``left`` is None for all bytes of the stream."""

    stream: ByteStream
    left: int | None

    def pieces(self) -> Iterator[bytes]:
        for piece in self.stream.pieces(self.left):
            if self.left is not None:
                self.left -= len(piece)
            yield piece
        if self.left:
            raise DocumentDamagedError("The archive is cut off.")


@dataclass(frozen=True, slots=True)
class _Extension:
    """The fields of extended headers, which apply to the next entry."""

    path: str | None = None
    size: int | None = None
    is_sparse: bool = False


@contextmanager
def open_gzip(path: Path, name: str, max_bytes: int) -> Iterator[Iterator[StreamEntry]]:
    """The one file in a gzip file, named like the gzip file without its ending."""
    inner = name[:-3] if name.lower().endswith(".gz") and len(name) > len(".gz") else name
    with closing(ByteStream(path, max_bytes)) as stream:
        yield iter([StreamEntry(clean_name(inner.rpartition("/")[2]), None, _Content(stream, None))])


@contextmanager
def open_tar(path: Path, max_entries: int, max_bytes: int) -> Iterator[Iterator[StreamEntry]]:
    """The files of a tar archive in their order, without folders and the hidden files of file managers.

    Raises, while they are read:
        DocumentDamagedError: when it is not a readable archive.
        ArchiveLimitError: when it has more files or bytes than is allowed.
    """
    with closing(ByteStream(path, max_bytes + _OVERHEAD)) as stream:
        yield _list_files(stream, max_entries)


def is_tar(block: bytes) -> bool:
    """Whether a file that begins with these bytes is a tar archive: its first header has the right checksum."""
    try:
        return bool(tarfile.TarInfo.frombuf(block[:_BLOCK], "utf-8", "surrogateescape").name)
    except tarfile.HeaderError:
        return False


def _list_files(stream: ByteStream, max_entries: int) -> Iterator[StreamEntry]:
    count, extension = 0, _Extension()
    while header := _read_header(stream):
        if extended := _read_extension(stream, header, extension):
            extension = extended
            continue
        name, size = extension.path or header.name, header.size if extension.size is None else extension.size
        content = _Content(stream, 0 if header.type in _WITHOUT_DATA else size)
        is_file = not header.isdir() and not name.endswith("/") and not is_junk(name)
        if is_file:
            count += 1
            if count > max_entries:
                raise ArchiveLimitError(f"It contains more than {max_entries} files.")
            yield StreamEntry(clean_name(name), _find_error(name, header, extension), content)
        for _ in content.pieces():
            pass  # what the caller has not read
        stream.read(-(0 if header.type in _WITHOUT_DATA else size) % _BLOCK)
        extension = _Extension()


def _read_header(stream: ByteStream) -> tarfile.TarInfo | None:
    """The next header. None at the end: two blocks of zeros, or nothing."""
    block = stream.read(_BLOCK)
    if not block.strip(b"\x00"):
        return None
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError as error:
        raise DocumentDamagedError(str(error)) from error
    if header.size < 0:  # the form for large numbers has a sign
        raise DocumentDamagedError("One of its headers states a negative size.")
    return header


def _read_extension(stream: ByteStream, header: tarfile.TarInfo, known: _Extension) -> _Extension | None:
    """The extension of the next entry, if this header is one; otherwise None."""
    if header.type not in {*_EXTENDED, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}:
        return None
    if header.size > _HEADER_BYTES:
        raise DocumentDamagedError("One of its headers is too long.")
    data = stream.read(header.size + -header.size % _BLOCK)[: header.size]
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return replace(known, path=_decode(data.rstrip(b"\x00")))
    return _parse_records(data, known) if header.type in _EXTENDED else known


def _parse_records(data: bytes, known: _Extension) -> _Extension:
    """The records of a pax header, each ``length keyword=value`` and a line break (POSIX.1-2017, pax, 'pax Header')."""
    position = 0
    while position < len(data):
        digits, _, _ = data[position : position + 20].partition(b" ")
        length = int(digits) if digits.isdigit() else 0
        if length <= len(digits) + 1:
            raise DocumentDamagedError("One of its headers is damaged.")
        keyword, _, value = data[position + len(digits) + 1 : position + length - 1].partition(b"=")
        if keyword == b"path":
            known = replace(known, path=_decode(value))
        elif keyword == b"size" and value.isdigit() and len(value) <= _SIZE_DIGITS:
            known = replace(known, size=int(value))
        elif keyword.startswith(b"GNU.sparse."):
            known = replace(known, is_sparse=True)
        position += length
    return known


def _decode(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _find_error(name: str, header: tarfile.TarInfo, extension: _Extension) -> SluiceError | None:
    if escapes(name):
        return UnsafePathError()
    if header.type == tarfile.GNUTYPE_SPARSE or extension.is_sparse:
        return DocumentDamagedError("Sparse files are not supported.")
    return None if header.isreg() else SpecialFileError()
