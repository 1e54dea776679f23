"""The records of an old Excel workbook, and the texts in them ([MS-XLS], 2.5.293 to 2.5.296)."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from app.domain.errors import DocumentDamagedError

BOF, EOF, CONTINUE = 0x809, 0x0A, 0x3C
_HEADER = struct.Struct("<HH")
_WIDE, _EXTENDED, _RICH = 1, 4, 8


class Record(NamedTuple):
    """One record: its kind, its content and the position of the next one."""

    kind: int
    data: bytes
    end: int


def iterate(stream: bytes, at: int = 0) -> Iterator[Record]:
    """The records from a position on, up to one that is cut off."""
    while at + _HEADER.size <= len(stream):
        kind, length = _HEADER.unpack_from(stream, at)
        at += _HEADER.size
        if at + length > len(stream):
            return
        yield Record(kind, stream[at : at + length], at + length)
        at += length


def iterate_sheet(stream: bytes, start: int) -> Iterator[Record]:
    """The records of a sheet without those of its charts, which begin and end as a sheet does."""
    depth = 0
    for record in iterate(stream, start):
        if record.kind == BOF:
            depth += 1
        elif record.kind == EOF:
            depth -= 1
            if depth <= 0:
                return
        elif depth == 1:
            yield record


def collect_continued(stream: bytes, record: Record) -> list[bytes]:
    """The content of a record, and of the records that continue it."""
    pieces = [record.data]
    for following in iterate(stream, record.end):
        if following.kind != CONTINUE:
            break
        pieces.append(following.data)
    return pieces


def read_text(data: bytes, at: int, *, short: bool = False) -> str:
    """The text at a position of a record; ``short`` ones have a length of one byte."""
    size = 1 if short else 2
    length = int.from_bytes(data[at : at + size], "little")
    wide = data[at + size : at + size + 1] == b"\1"
    return decode(data[at + size + 1 : at + size + 1 + length * (1 + wide)], wide=wide)


def decode(data: bytes, *, wide: bool) -> str:
    """Characters of two bytes, or of one where all are below U+0100."""
    return data.decode("utf-16-le", "replace") if wide else data.decode("latin-1")


class _Pieces:
    """Reads across the pieces of a continued record."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self._piece = 0
        self._at = 0

    def take(self, count: int) -> bytes:
        """The next bytes, from as many pieces as they reach into."""
        found: list[bytes] = []
        while count > 0:
            if not self._left():
                self._turn()
            part = self._pieces[self._piece][self._at : self._at + count]
            self._at += len(part)
            count -= len(part)
            found.append(part)
        return b"".join(found)

    def take_characters(self, count: int, *, wide: bool) -> str:
        """The next characters. Each further piece states anew whether they have two bytes."""
        found: list[str] = []
        while count > 0:
            if not self._left():
                self._turn()
                wide = bool(self.take(1)[0] & _WIDE)
            width = 1 + wide
            usable = min(count, self._left() // width)
            if not usable:
                raise DocumentDamagedError("A text is cut within a character.")
            found.append(decode(self.take(usable * width), wide=wide))
            count -= usable
        return "".join(found)

    def _left(self) -> int:
        return len(self._pieces[self._piece]) - self._at

    def _turn(self) -> None:
        while not self._left():
            if self._piece + 1 >= len(self._pieces):
                raise DocumentDamagedError("The table of its texts is cut off.")
            self._piece, self._at = self._piece + 1, 0


def read_shared_texts(pieces: list[bytes]) -> list[str]:
    """The texts of the shared table, from its record and those that continue it, as far as they reach."""
    reader = _Pieces(pieces)
    texts: list[str] = []
    try:
        _add_texts(reader, texts)
    except DocumentDamagedError:
        return texts  # programs write a wrong number of texts
    return texts


def _add_texts(reader: _Pieces, texts: list[str]) -> None:
    _, count = struct.unpack("<II", reader.take(8))
    for _ in range(count):
        length, flags = struct.unpack("<HB", reader.take(3))
        runs = int.from_bytes(reader.take(2), "little") if flags & _RICH else 0
        extension = int.from_bytes(reader.take(4), "little") if flags & _EXTENDED else 0
        texts.append(reader.take_characters(length, wide=bool(flags & _WIDE)))
        reader.take(4 * runs + extension)
