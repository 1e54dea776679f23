"""One sheet of an XLSB file: its cells, merged cells, links, comments and header rows."""

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.office.package import OoxmlPackage
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.sheets.binary_cells import Styles, make_area, read_rk, show_boolean
from app.pipeline.parse.sheets.grid import Grid
from app.pipeline.parse.sheets.layout import Layout
from app.pipeline.parse.sheets.xlsb_records import iterate, read_text

_ROW = 0
_MERGED, _LINK, _PANE, _FILTER, _TABLE = 176, 494, 151, 161, 343
_AUTHOR, _COMMENT, _COMMENT_TEXT = 632, 635, 637
_STYLE_BITS = 0xFFFFFF
_LAST_ROW = 1_048_576
_AREA = struct.Struct("<4I")


class Book(NamedTuple):
    """The parts of a workbook to which the cells of its sheets refer: the shared texts and the number formats."""

    texts: Sequence[str]
    styles: Styles


def read_sheet(package: OoxmlPackage, part: str, book: Book, budget: Budget) -> str:
    """The rows of the sheet in ``part`` as text.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
        struct.error, IndexError: when a record is cut off.
    """
    data = package.read_bytes(part) or b""
    layout = _read_layout(data, package.links(part))
    for relation, name in package.targets(part):
        if relation == "comments":
            _add_notes(layout, package.read_bytes(name) or b"", budget)
        elif relation == "table":
            _add_tables(layout, package.read_bytes(name) or b"")
    grid = Grid(budget, layout)
    number = 0
    row: dict[int, str] = {}
    for kind, record in iterate(data):
        if kind == _ROW:
            grid.add(number, dict(sorted(row.items())))
            number, row = int.from_bytes(record[:4], "little") + 1, {}
        elif reader := _CELLS.get(kind):
            column, style = struct.unpack_from("<II", record)
            text = reader(record, style & _STYLE_BITS, book)
            text = write_link(text, layout.links.get((number, column)))
            if text:
                row[column] = text
    grid.add(number, dict(sorted(row.items())))
    return grid.write()


def _read_layout(data: bytes, addresses: dict[str, str]) -> Layout:
    layout = Layout()
    for kind, record in iterate(data):
        if kind == _MERGED:
            layout.merge(make_area(*_AREA.unpack_from(record)))
        elif kind == _LINK:
            layout.add_link(make_area(*_AREA.unpack_from(record)), addresses.get(read_text(record, 16)[0]))
        elif kind == _FILTER:
            row = _AREA.unpack_from(record)[0] + 1
            layout.add_headers(row, row)
        elif kind == _PANE and record[28] & 1:
            (rows,) = struct.unpack_from("<d", record, 8)
            layout.add_headers(1, int(rows) if 0 < rows <= _LAST_ROW else 0)
    return layout


def _add_tables(layout: Layout, data: bytes) -> None:
    for kind, record in iterate(data):
        if kind == _TABLE:
            layout.add_table(make_area(*_AREA.unpack_from(record)), int.from_bytes(record[24:28], "little"))


def _add_notes(layout: Layout, data: bytes, budget: Budget) -> None:
    authors, author, place = list[str](), "", (0, 0)
    for kind, record in iterate(data):
        if kind == _AUTHOR:
            authors.append(read_text(record, 0)[0])
        elif kind == _COMMENT:
            number, row, _, column = struct.unpack_from("<4I", record)
            author = authors[number] if number < len(authors) else ""
            place = row + 1, column
        elif kind == _COMMENT_TEXT:
            layout.add_note(*place, author, read_text(record, 1)[0], budget)


def _read_shared(record: bytes, style: int, book: Book) -> str:
    index = int.from_bytes(record[8:12], "little")
    return book.styles.show_text(book.texts[index], style) if index < len(book.texts) else ""


_Reader = Callable[[bytes, int, Book], str]


def _read_double(record: bytes, style: int, book: Book) -> str:
    return book.styles.show(struct.unpack_from("<d", record, 8)[0], style)


def _read_own(at: int) -> _Reader:
    return lambda record, style, book: book.styles.show_text(read_text(record, at)[0], style)


def _read_boolean(*, is_error: bool) -> _Reader:
    return lambda record, _style, _book: show_boolean(record[8], is_error=is_error)


_CELLS: dict[int, _Reader] = {
    2: lambda record, style, book: book.styles.show(read_rk(int.from_bytes(record[8:12], "little")), style),
    3: _read_boolean(is_error=True),
    4: _read_boolean(is_error=False),
    5: _read_double,
    6: _read_own(8),
    7: _read_shared,
    8: _read_own(8),
    9: _read_double,
    10: _read_boolean(is_error=False),
    11: _read_boolean(is_error=True),
    62: _read_own(9),
}
"""The readers of cells, and of the last results of formulas, by the kinds of their records."""
