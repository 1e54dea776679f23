"""Writes Word and PowerPoint files of the formats before 2007, which no library here can write."""

import struct
from collections.abc import Mapping, Sequence

from tests.pipeline.compound_files import make_compound

_TEXT_AT = 1024
_PAGE = 512
ROW_END = struct.pack("<HBHB", 0x2416, 1, 0x2417, 1)
IN_CELL = struct.pack("<HB", 0x2416, 1)


def row_shape(*edges: int, continued: Sequence[int] = ()) -> bytes:
    """The properties of the mark that ends a table row, with the edges of its columns."""
    count = len(edges) - 1
    cells = b"".join(struct.pack("<H18x", 0x20 if index in continued else 0) for index in range(count))
    operand = struct.pack(f"<B{count + 1}h", count, *edges) + cells
    return ROW_END + struct.pack("<HH", 0xD608, len(operand) + 1) + operand


def make_doc(
    stories: Mapping[int, str],
    *,
    paragraphs: Mapping[int, tuple[int, bytes]] | None = None,
    deleted: tuple[int, int] | None = None,
    narrow: bool = False,
    headers: Sequence[int] = (),
    flags: int = 0,
) -> bytes:
    """A Word 97 document.

    Args:
        stories: The text of each story by its number, with the control characters of the format.
        paragraphs: The style and the properties of the paragraphs by the character that ends each.
        deleted: The first and the last character but one that were deleted.
        narrow: Store one byte for each character, as Windows-1252.
        headers: The places of headers and footers within their story.
        flags: Further flags of the file.
    """
    lengths = [len(stories.get(number, "")) for number in range(8)]
    text = "".join(stories.get(number, "") for number in range(8))
    width = 1 if narrow else 2
    raw = text.encode("cp1252" if narrow else "utf-16-le")
    stream = bytearray(_TEXT_AT) + raw
    stream += bytes(-len(stream) % _PAGE)
    marks = [index for index, char in enumerate(text) if char in "\r\x07\x0c"]
    starts = [0, *(mark + 1 for mark in marks)]
    ranges = [
        (
            _TEXT_AT + start * width,
            _TEXT_AT + (mark + 1) * width,
            _pack_paragraph(*(paragraphs or {}).get(mark, (0, b""))),
        )
        for start, mark in zip(starts, marks, strict=False)
    ]
    table = bytearray(b"\0" * 16)
    pointers = {13: _add_pages(stream, table, ranges, 13)}
    if deleted:
        first, last = (_TEXT_AT + place * width for place in deleted)
        pointers[12] = _add_pages(stream, table, [(first, last, b"\x03" + struct.pack("<HB", 0x0800, 1))], 1)
    place = (_TEXT_AT * 2) | 0x40000000 if narrow else _TEXT_AT
    pieces = struct.pack("<II", 0, len(text)) + struct.pack("<HIH", 0, place, 0)
    pointers[33] = _add(table, b"\x01\x02\x00ab\x02" + struct.pack("<I", len(pieces)) + pieces)
    if headers:
        pointers[11] = _add(table, struct.pack(f"<{len(headers)}I", *headers))
    struct.pack_into("<6H", stream, 0, 0xA5EC, 0xC1, 0, 0x0409, 0, 0x0200 | flags)
    struct.pack_into("<8i", stream, 0x4C, *lengths)
    for number, pointer in pointers.items():
        struct.pack_into("<II", stream, 0x9A + 8 * number, *pointer)
    return make_compound({"WordDocument": bytes(stream).ljust(4096, b"\0"), "1Table": bytes(table)})


def _pack_paragraph(style: int, properties: bytes) -> bytes:
    body = struct.pack("<H", style) + properties
    body += bytes(len(body) % 2)
    return bytes([0, len(body) // 2]) + body


def _add(table: bytearray, data: bytes) -> tuple[int, int]:
    start = len(table)
    table += data
    return start, len(data)


def _add_pages(
    stream: bytearray, table: bytearray, ranges: Sequence[tuple[int, int, bytes]], step: int
) -> tuple[int, int]:
    """Pages of properties, three ranges on each, and the table that lists them."""
    numbers, places = [], []
    for at in range(0, len(ranges), 3):
        some = ranges[at : at + 3]
        page = bytearray(_PAGE)
        free = _PAGE - 2
        struct.pack_into(f"<{len(some) + 1}I", page, 0, *(start for start, _, _ in some), some[-1][1])
        for index, (_, _, properties) in enumerate(some):
            free = (free - len(properties)) // 2 * 2
            page[free : free + len(properties)] = properties
            page[4 * (len(some) + 1) + step * index] = free // 2
        page[-1] = len(some)
        numbers.append(len(stream) // _PAGE)
        places.append(some[0][0])
        stream += page
    last = ranges[-1][1] if ranges else 0
    return _add(table, struct.pack(f"<{len(places) + 1}I", *places, last) + struct.pack(f"<{len(numbers)}I", *numbers))


def record(kind: int, *content: bytes, instance: int = 0, container: bool = True) -> bytes:
    """A record of PowerPoint."""
    data = b"".join(content)
    return struct.pack("<HHI", instance << 4 | (0xF if container else 0), kind, len(data)) + data


def atom(kind: int, data: bytes, instance: int = 0) -> bytes:
    """A record without records in it."""
    return record(kind, data, instance=instance, container=False)


def text_records(text: str, kind: int = 4, *, narrow: bool = False) -> bytes:
    """A header and a text; kind 0 is a title."""
    body = atom(0x0FA8, text.encode("latin-1")) if narrow else atom(0x0FA0, text.encode("utf-16-le"))
    return atom(0x0F9F, struct.pack("<I", kind)) + body


def link_records(number: int, start: int, end: int) -> bytes:
    """What makes some characters of the text before it a link."""
    return record(0x0FF2, atom(0x0FF3, struct.pack("<II8x", 0, number))) + atom(0x0FDF, struct.pack("<II", start, end))


def shape(content: bytes, left: int, top: int, right: int = 0, bottom: int = 0, *, child: bool = False) -> bytes:
    """A shape with text at a place; a child of a group has another form of it."""
    place = (
        atom(0xF00F, struct.pack("<4i", left, top, right, bottom))
        if child
        else atom(0xF010, struct.pack("<4h", top, left, right, bottom))
    )
    return record(0xF004, place, record(0xF00D, content))


def table_group(rows: Sequence[Sequence[str]]) -> bytes:
    """A group of shapes that is a table, each cell 10 by 10."""
    options = atom(0xF122, struct.pack("<HI", 0x039F, 1), instance=1)
    first = record(0xF004, atom(0xF010, struct.pack("<4h", 500, 0, 100, 600)), options)
    cells = [
        shape(text_records(text), 10 * x, 10 * y, 10 * x + 10, 10 * y + 10, child=True)
        for y, row in enumerate(rows)
        for x, text in enumerate(row)
    ]
    return record(0xF003, first, *cells)


def slide(*shapes: bytes, notes: int = 0, extra: bytes = b"") -> bytes:
    """A slide whose notes have that number."""
    info = atom(0x03EF, struct.pack("<IIIIIH2x", 0, 0, 0, 0, notes, 0))
    return record(0x03EE, info, record(0x040C, record(0xF002, record(0xF003, *shapes))), extra)


def make_ppt(
    slides: Sequence[bytes],
    *,
    outlines: Sequence[bytes] = (),
    notes: Sequence[bytes] = (),
    links: Mapping[int, str] | None = None,
    encrypted: bool = False,
) -> bytes:
    """A presentation. The slides lie in the file in reversed order; notes are numbered from 300."""
    stored = [*reversed(slides), *notes]
    stream = bytearray(atom(0x0FFF, b"padding"))
    places = []
    for one in stored:
        places.append(len(stream))
        stream += one
    numbers = [len(slides) - index for index in range(len(slides))]

    def place(number: int, identity: int) -> bytes:
        return atom(0x03F3, struct.pack("<IIIII", number, 0, 0, identity, 0))

    listed = b"".join(
        place(numbers[index] + 1, 256 + index) + (outlines[index] if index < len(outlines) else b"")
        for index in range(len(slides))
    )
    noted = b"".join(place(len(slides) + index + 2, 300 + index) for index in range(len(notes)))
    addresses = [
        record(0x0FD7, atom(0x0FD3, struct.pack("<I", number)), atom(0x0FBA, address.encode("utf-16-le"), instance=1))
        for number, address in (links or {}).items()
    ]
    document_at = len(stream)
    stream += record(
        0x03E8, record(0x0409, *addresses), record(0x0FF0, noted, instance=2), record(0x0FF0, listed, instance=0)
    )
    directory_at = len(stream)
    stream += atom(0x1772, struct.pack(f"<{len(places) + 2}I", 1 | (len(places) + 1) << 20, document_at, *places))
    edit_at = len(stream)
    stream += atom(0x0FF5, struct.pack("<IHBBIIIIHH", 0, 0, 0, 3, 0, directory_at, 1, 9, 0, 0) + bytes(4 * encrypted))
    user = struct.pack("<HHIIII", 0, 0x0FF6, 20, 20, 0xE391C05F, edit_at)
    return make_compound({"Current User": user, "PowerPoint Document": bytes(stream).ljust(4096, b"\0")})
