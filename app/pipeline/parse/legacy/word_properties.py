"""Properties of paragraphs and characters in a Word document before 2007 ([MS-DOC] 2.4.6, 2.6, 2.9)."""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

_PAGE = 512
_IN_TABLE, _ROW_END, _DEPTH = 0x2416, 0x2417, 0x6649
_INNER_CELL, _INNER_ROW = 0x244B, 0x244C
_TABLE, _HUGE, _TABS = 0xD608, 0x6646, 0xC615
_DELETED = 0x0800
_SIZES = {0: 1, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2, 7: 3}
"""The bytes of an operand by the three highest bits of its code; 6 has a length byte."""
_HEADINGS = range(1, 10)
_MERGED_DOWN, _CELL_BYTES = 0x20, 20
_BYTES_PER_PARAGRAPH_ENTRY = 13


class RowShape(NamedTuple):
    """The columns of a table row: the places of their edges, and which cells continue the cell above."""

    edges: tuple[int, ...]
    continued: tuple[bool, ...]


class Paragraph(NamedTuple):
    """The properties of a paragraph that decide how it is written."""

    heading: int = 0
    in_table: bool = False
    depth: int = 0
    ends_row: bool = False
    ends_inner_cell: bool = False
    ends_inner_row: bool = False
    row: RowShape | None = None


PLAIN = Paragraph()


class Ranges:
    """The properties of ranges of bytes in the stream of the text, by the pages that list them."""

    def __init__(self, found: list[tuple[int, int, bytes]]) -> None:
        found.sort(key=lambda item: item[0])
        self._starts = [start for start, _, _ in found]
        self._found = found

    def find(self, place: int) -> bytes | None:
        """The properties at a byte; None where nothing is listed."""
        index = bisect_right(self._starts, place) - 1
        return self._found[index][2] if index >= 0 and place < self._found[index][1] else None

    def overlap(self, start: int, end: int) -> Iterator[tuple[int, int, bytes]]:
        """The ranges between two bytes, in order."""
        index = max(bisect_right(self._starts, start) - 1, 0)
        while index < len(self._found) and self._found[index][0] < end:
            first, last, properties = self._found[index]
            if last > start:
                yield max(first, start), min(last, end), properties
            index += 1


def read_ranges(text: bytes, table: bytes, *, paragraphs: bool) -> Ranges:
    """The ranges that the pages named in a table list. Each page is read once, and is 512 bytes long."""
    count = max((len(table) - 4) // 8, 0)
    pages = struct.unpack_from(f"<{count}I", table, 4 * (count + 1)) if count else ()
    found = []
    for number in dict.fromkeys(pages):
        page = text[(number & 0x3FFFFF) * _PAGE : ((number & 0x3FFFFF) + 1) * _PAGE]
        if len(page) == _PAGE:
            found += list(_read_page(page, paragraphs=paragraphs))
    return Ranges(found)


def _read_page(page: bytes, *, paragraphs: bool) -> Iterator[tuple[int, int, bytes]]:
    count, step = page[-1], _BYTES_PER_PARAGRAPH_ENTRY if paragraphs else 1
    if 4 * (count + 1) + step * count > _PAGE - 1:
        return
    places = struct.unpack_from(f"<{count + 1}I", page)
    for index in range(count):
        at = 2 * page[4 * (count + 1) + step * index]
        properties = b""
        if at:
            size, first = page[at], at + 1
            if paragraphs:
                size, first = (2 * size - 1, first) if size else (2 * page[min(at + 1, _PAGE - 1)], at + 2)
            properties = page[first : min(first + size, _PAGE - 1)]
        yield places[index], places[index + 1], properties


def read_paragraph(properties: bytes | None, data: bytes) -> Paragraph:
    """The properties of a paragraph. ``data`` is the stream that holds those of wide tables."""
    if not properties:
        return PLAIN
    style = int.from_bytes(properties[:2], "little")
    flags: dict[int, int] = {}
    row = None
    for code, operand in _list_codes(properties[2:], data):
        if code == _TABLE:
            row = _read_row(operand)
        else:
            flags[code] = int.from_bytes(operand[:4], "little")
    return Paragraph(
        heading=style if style in _HEADINGS else 0,
        in_table=bool(flags.get(_IN_TABLE)),
        depth=flags.get(_DEPTH, 0),
        ends_row=bool(flags.get(_ROW_END)),
        ends_inner_cell=bool(flags.get(_INNER_CELL)),
        ends_inner_row=bool(flags.get(_INNER_ROW)),
        row=row,
    )


def is_deleted(properties: bytes) -> bool:
    """Whether characters were deleted in a tracked revision."""
    return any(code == _DELETED and operand[:1] == b"\1" for code, operand in _list_codes(properties, b""))


def _list_codes(properties: bytes, data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 2 <= len(properties):
        code = int.from_bytes(properties[at : at + 2], "little")
        at += 2
        if code == _TABLE:
            size, at = int.from_bytes(properties[at : at + 2], "little") - 1, at + 2
        elif code >> 13 in _SIZES:
            size = _SIZES[code >> 13]
        else:
            size, at = properties[at] if at < len(properties) else 0, at + 1
            if code == _TABS and size == 255:  # noqa: PLR2004, the length is unknown: no later code can be found
                return
        operand = properties[at : at + max(size, 0)]
        at += max(size, 0)
        if code == _HUGE and data:
            place = int.from_bytes(operand, "little")
            length = int.from_bytes(data[place : place + 2], "little")
            yield from _list_codes(data[place + 2 : place + 2 + length], b"")
        else:
            yield code, operand


def _read_row(operand: bytes) -> RowShape | None:
    count = operand[0] if operand else 0
    if len(operand) < 1 + 2 * (count + 1):
        return None
    edges = struct.unpack_from(f"<{count + 1}h", operand, 1)
    cells = operand[1 + 2 * (count + 1) :]
    flags = [int.from_bytes(cells[_CELL_BYTES * n : _CELL_BYTES * n + 2], "little") for n in range(count)]
    return RowShape(edges, tuple(flag & 3 * _MERGED_DOWN == _MERGED_DOWN for flag in flags))
