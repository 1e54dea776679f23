"""Writes the binary workbooks of the tests: XLS ([MS-XLS]) and XLSB ([MS-XLSB]), which no library here can write."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.pipeline.compound_files import make_compound
from tests.pipeline.packages import make_zip, relate


def record(kind: int, data: bytes = b"") -> bytes:
    """A record of an XLS file."""
    return struct.pack("<HH", kind, len(data)) + data


def text(words: str, *, short: bool = False) -> bytes:
    """A text of an XLS file; with characters of one byte where they suffice."""
    size = "<B" if short else "<H"
    if all(ord(character) < 256 for character in words):
        return struct.pack(size, len(words)) + b"\0" + words.encode("latin-1")
    return struct.pack(size, len(words)) + b"\1" + words.encode("utf-16-le")


def cell(kind: int, row: int, column: int, content: bytes, style: int = 0) -> bytes:
    """The record of a cell."""
    return record(kind, struct.pack("<HHH", row, column, style) + content)


def number(row: int, column: int, value: float, style: int = 0) -> bytes:
    """A cell with a number."""
    return cell(0x203, row, column, struct.pack("<d", value), style)


def label(row: int, column: int, words: str, style: int = 0) -> bytes:
    """A cell with a text of its own."""
    return cell(0x204, row, column, text(words), style)


def make_xls(
    path: Path,
    sheets: Mapping[str, bytes],
    *,
    formats: Sequence[str] = (),
    before: bytes = b"",
    states: Sequence[int] = (),
    version: int = 0x600,
    stream: str = "Workbook",
) -> Path:
    """An XLS file of these sheets, each given as its records.

    Args:
        path: Where it is written.
        sheets: The records by the names of the sheets.
        formats: The codes of the styles from 1 on; style 0 is General.
        before: Records of the workbook.
        states: Whether a sheet is hidden (1 or 2) or not (0).
        version: The version of the format.
        stream: The name of the stream.
    """
    bof = struct.pack("<HHHHII", version, 5, 0, 0, 0, 0)
    start = record(0x809, bof) + before
    for place, code in enumerate(formats):
        start += record(0x41E, struct.pack("<H", 164 + place) + text(code))
    for place in range(-1, len(formats)):
        start += record(0xE0, struct.pack("<HH", 0, 164 + place if place >= 0 else 0).ljust(20, b"\0"))
    listed = [(name, states[place] if place < len(states) else 0) for place, name in enumerate(sheets)]
    size = len(start) + sum(4 + 6 + len(text(name, short=True)) for name, _ in listed) + 4
    contents = [
        record(0x809, struct.pack("<HHHHII", version, 16, 0, 0, 0, 0)) + rows + record(0x0A) for rows in sheets.values()
    ]
    for (name, state), content in zip(listed, contents, strict=True):
        start += record(0x85, struct.pack("<IBB", size, state, 0) + text(name, short=True))
        size += len(content)
    path.write_bytes(make_compound({stream: start + record(0x0A) + b"".join(contents)}))
    return path


def part(kind: int, data: bytes = b"") -> bytes:
    """A record of an XLSB file."""
    number = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    size = b""
    left = len(data)
    while left >= 0x80:
        size += bytes([left & 0x7F | 0x80])
        left >>= 7
    return number + size + bytes([left]) + data


def words(content: str) -> bytes:
    """A text of an XLSB file."""
    return struct.pack("<I", len(content)) + content.encode("utf-16-le")


def row(at: int, *cells: tuple[int, int, bytes] | tuple[int, int, bytes, int]) -> bytes:
    """A row of cells, each its kind, column, content and style."""
    found = part(0, struct.pack("<I", at).ljust(25, b"\0"))
    for kind, column, content, *style in cells:
        found += part(kind, struct.pack("<II", column, style[0] if style else 0) + content)
    return found


def make_xlsb(
    path: Path,
    sheets: Mapping[str, bytes],
    *,
    formats: Sequence[str] = (),
    strings: Sequence[str] = (),
    parts: Mapping[str, str | bytes] | None = None,
    properties: int = 0,
) -> Path:
    """An XLSB file of these sheets, each given as its records; style 0 is General, and ``formats`` are the others."""
    styles = part(615) + b"".join(
        part(44, struct.pack("<H", 164 + at) + words(code)) for at, code in enumerate(formats)
    )
    styles += part(616) + part(626) + part(47, bytes(16)) + part(627) + part(617) + part(47, bytes(16))
    styles += b"".join(part(47, struct.pack("<HH", 0, 164 + at).ljust(16, b"\0")) for at in range(len(formats)))
    listed = b"".join(
        part(156, struct.pack("<II", 0, at) + words(f"r{at}") + words(name)) for at, name in enumerate(sheets)
    )
    return make_zip(
        path,
        {
            "_rels/.rels": relate(("r", "officeDocument", "xl/workbook.bin")),
            "xl/workbook.bin": part(131) + part(153, struct.pack("<I", properties)) + part(143) + listed + part(144),
            "xl/_rels/workbook.bin.rels": relate(
                *((f"r{at}", "worksheet", f"worksheets/sheet{at}.bin") for at in range(len(sheets))),
                ("s", "sharedStrings", "sharedStrings.bin"),
                ("t", "styles", "styles.bin"),
            ),
            "xl/sharedStrings.bin": part(159, bytes(8)) + b"".join(part(19, b"\0" + words(item)) for item in strings),
            "xl/styles.bin": styles + part(618),
            **{f"xl/worksheets/sheet{at}.bin": rows for at, rows in enumerate(sheets.values())},
            **(parts or {}),
        },
    )
