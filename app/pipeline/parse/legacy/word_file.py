"""The parts of a Word document before 2007: its text in pieces, its stories and their properties ([MS-DOC] 2.5)."""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

from app.domain.errors import DocumentDamagedError, DocumentEncryptedError
from app.pipeline.detection.compound_file import CompoundFile
from app.pipeline.parse.legacy.word_properties import Paragraph, is_deleted, read_paragraph, read_ranges
from app.pipeline.parse.limits import Budget, Limits

_WORD_97, _WORD_6 = 0xA5EC, 0xA5DC
_ENCRYPTED, _SECOND_TABLE, _IN_PIECES = 0x0100, 0x0200, 0x0004
_LENGTHS = 0x4C
_POINTERS = 0x9A
_CHARACTERS, _PARAGRAPHS, _HEADERS, _PIECES = 12, 13, 11, 33
"""Of the tables that the header points to: properties of characters and of paragraphs, headers and footers, pieces."""
_PIECE_BYTES = 8
_ONE_BYTE = 0x40000000
_OLD_LENGTHS, _OLD_PIECES, _OLD_TEXT = 0x34, 0x160, 0x18
_ENCODINGS = {
    **dict.fromkeys((0x02, 0x19, 0x22, 0x23), "cp1251"),
    **dict.fromkeys((0x05, 0x0E, 0x15, 0x18, 0x1A, 0x1B, 0x24), "cp1250"),
    0x01: "cp1256",
    0x08: "cp1253",
    0x0D: "cp1255",
    0x1E: "cp874",
    0x1F: "cp1254",
    0x2A: "cp1258",
    **dict.fromkeys((0x25, 0x26, 0x27), "cp1257"),
    0x04: "cp936",
    0x11: "cp932",
    0x12: "cp949",
}
"""The encoding of Word 6 and 95 by the primary language of the document; others use Windows-1252."""


class Piece(NamedTuple):
    """A range of the text: its first and last character, where its bytes are, and how many each character has."""

    start: int
    end: int
    place: int
    width: int


class Span(NamedTuple):
    """Characters that are together in the file, and the place of the first."""

    text: str
    place: int
    width: int


class WordFile:
    """An open Word document.

    ``lengths`` are the characters of its stories in their order: text, footnotes, headers, macros, comments, endnotes,
    text boxes, text boxes of headers. ``header_table`` holds the places of the headers and footers.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """

    def __init__(self, compound: CompoundFile, limits: Limits) -> None:
        self._limits = limits
        self._text = compound.read("WordDocument", limits.inflated_bytes)
        if len(self._text) < _OLD_PIECES + 8:
            raise DocumentDamagedError("Its text is cut off.")
        kind, _, _, language, _, flags = struct.unpack_from("<6H", self._text)
        if kind not in {_WORD_97, _WORD_6}:
            raise DocumentDamagedError("It is older than Word 6.")
        if flags & _ENCRYPTED:
            raise DocumentEncryptedError
        self._budget = Budget(limits.characters, "It contains more text than is allowed.")
        self._data = b""
        self.header_table = b""
        if kind == _WORD_6:
            self._encoding = _ENCODINGS.get(language & 0x3FF, "cp1252")
            self._read_old(flags)
            return
        self._encoding = "cp1252"
        self._tables = compound.read("1Table" if flags & _SECOND_TABLE else "0Table", limits.inflated_bytes)
        if "Data" in compound:
            self._data = compound.read("Data", limits.inflated_bytes)
        self.lengths = struct.unpack_from("<8i", self._text, _LENGTHS)
        self.header_table = self._table(_HEADERS)
        self._pieces = self._read_pieces(self._table(_PIECES))
        self._paragraphs = read_ranges(self._text, self._table(_PARAGRAPHS), paragraphs=True)
        self._characters = read_ranges(self._text, self._table(_CHARACTERS), paragraphs=False)

    @cached_property
    def _ends(self) -> list[int]:
        return [piece.end for piece in self._pieces]

    def read_spans(self, start: int, end: int) -> Iterator[Span]:
        """The text between two characters, without deleted revisions."""
        for index in range(bisect_right(self._ends, start), len(self._pieces)):
            piece = self._pieces[index]
            if piece.start >= end:
                break
            first, last = max(piece.start, start), min(piece.end, end)
            if first >= last:
                continue
            place = piece.place + (first - piece.start) * piece.width
            until = place + (last - first) * piece.width
            at = place
            for run_start, run_end, properties in self._characters.overlap(place, until):
                if is_deleted(properties):
                    yield from self._decode(at, run_start, piece.width)
                    at = max(at, run_end)
            yield from self._decode(at, until, piece.width)

    def read_paragraph(self, place: int) -> Paragraph:
        """The properties of the paragraph whose mark is at this place."""
        return read_paragraph(self._paragraphs.find(place), self._data)

    def _decode(self, start: int, end: int, width: int) -> Iterator[Span]:
        raw = self._text[start:end]
        if raw:
            self._budget.spend(len(raw) // width)
            yield Span(raw.decode(self._encoding if width == 1 else "utf-16-le", "replace"), start, width)

    def _table(self, number: int) -> bytes:
        place, length = struct.unpack_from("<II", self._text, _POINTERS + 8 * number)
        return self._tables[place : place + length]

    def _read_pieces(self, table: bytes, *, old: bool = False) -> list[Piece]:
        """The pieces. Before them, the table may hold lists of properties, each with its length."""
        at = 0
        while at < len(table) and table[at] == 1:
            at += 3 + int.from_bytes(table[at + 1 : at + 3], "little")
        table = table[at + 5 :]
        count = max((len(table) - 4) // (4 + _PIECE_BYTES), 0)
        places = struct.unpack_from(f"<{count + 1}I", table) if count else (0,)
        pieces, begin = list[Piece](), 0
        for index in range(count):
            (place,) = struct.unpack_from("<I", table, 4 * (count + 1) + _PIECE_BYTES * index + 2)
            narrow = old or bool(place & _ONE_BYTE)
            first = place if old or not narrow else (place & ~_ONE_BYTE) // 2
            begin = max(begin, places[index])
            pieces.append(Piece(begin, max(begin, places[index + 1]), first, 1 if narrow else 2))
        if not pieces:
            raise DocumentDamagedError("It has no table of its text.")
        return pieces

    def _read_old(self, flags: int) -> None:
        """Word 6 and 95: one byte for each character, without properties."""
        self.lengths = struct.unpack_from("<8i", self._text, _OLD_LENGTHS)
        self._paragraphs = self._characters = read_ranges(b"", b"", paragraphs=True)
        (first,) = struct.unpack_from("<I", self._text, _OLD_TEXT)
        self._pieces = [Piece(0, len(self._text), first, 1)]
        if flags & _IN_PIECES:
            place, length = struct.unpack_from("<II", self._text, _OLD_PIECES)
            self._pieces = self._read_pieces(self._text[place : place + length], old=True)
