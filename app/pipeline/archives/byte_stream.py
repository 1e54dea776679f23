"""Compressed files as streams of bytes: each piece is inflated when it is read, and the bytes in all are limited."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from app.domain.errors import ArchiveLimitError, DocumentDamagedError

PIECE = 64 * 1024
GZIP_MARK, BZIP2_MARK, XZ_MARK = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"
_BROKEN = (EOFError, OSError, lzma.LZMAError, zlib.error)
_XZ_MEMORY = 128 * 1024 * 1024
"""``xz -9`` needs half of that to unpack. Without a limit, a file of some bytes can ask for gigabytes."""


class ByteStream:
    """The bytes of a file, unpacked if it is compressed with gzip, bzip2 or xz; read once, from the start.

    Args:
        path: The file.
        limit: The number of bytes that may be read, skipped ones too.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self._pieces = _inflate(path)
        self._buffer = b""
        self._left = limit

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes, or fewer at the end.

        Raises:
            DocumentDamagedError: when the file is damaged or cut off.
            ArchiveLimitError: when more bytes are read than is allowed.
        """
        pieces = [self._buffer]
        length = len(self._buffer)
        while length < size and (piece := self._next()):
            pieces.append(piece)
            length += len(piece)
        joined = b"".join(pieces)
        self._buffer = joined[size:]
        self._left -= min(size, length)
        if self._left < 0:
            raise ArchiveLimitError("It unpacks to more bytes than is allowed.")
        return joined[:size]

    def pieces(self, size: int | None = None) -> Iterator[bytes]:
        """The next ``size`` bytes, or all that are left, at most 64 KB at a time."""
        while size is None or size > 0:
            piece = self.read(PIECE if size is None else min(PIECE, size))
            if not piece:
                return
            size = None if size is None else size - len(piece)
            yield piece

    def close(self) -> None:
        """Close the file."""
        self._pieces.close()  # type: ignore[attr-defined]

    def _next(self) -> bytes:
        try:
            return next(self._pieces, b"")
        except _BROKEN as error:
            raise DocumentDamagedError(str(error)) from error


def _inflate(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        head = file.read(len(XZ_MARK))
    if head.startswith(XZ_MARK):
        yield from _inflate_xz(path)
        return
    opener = gzip.open if head.startswith(GZIP_MARK) else bz2.open if head.startswith(BZIP2_MARK) else open
    with closing(opener(path, "rb")) as stream:
        while piece := stream.read(PIECE):
            yield piece


def _inflate_xz(path: Path) -> Iterator[bytes]:
    """Inflated here, because ``lzma.open`` has no limit on memory. A file may consist of several streams."""
    with path.open("rb") as file:
        data = file.read(PIECE)
        while data:
            inflater = lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY)
            while not inflater.eof:
                if inflater.needs_input and not data:
                    raise EOFError("The file is cut off.")
                if piece := inflater.decompress(data, PIECE):
                    yield piece
                data = file.read(PIECE) if inflater.needs_input and not inflater.eof else b""
            data = (inflater.unused_data or file.read(PIECE)).lstrip(b"\x00")
