"""One sheet of an XLS file: its cells, merged cells, links, comments and text boxes."""

import struct
from collections.abc import Sequence

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.sheets.biff import Record, collect_continued, decode, iterate_sheet, read_text
from app.pipeline.parse.sheets.binary_cells import Styles, make_area, read_link, read_rk, show_boolean
from app.pipeline.parse.sheets.grid import Grid
from app.pipeline.parse.sheets.layout import Layout

_FORMULA, _NUMBER, _LABEL, _BOOLEAN, _TEXT_RESULT, _RK, _RICH = 0x06, 0x203, 0x204, 0x205, 0x207, 0x27E, 0xD6
_MANY_RK, _SHARED_TEXT, _MERGED, _LINK, _NOTE, _OBJECT, _TEXT = 0xBD, 0xFD, 0xE5, 0x1B8, 0x1C, 0x5D, 0x1B6
_PANE, _WINDOW = 0x41, 0x23E
_FROZEN = 0x08
_NOTE_OBJECT = 0x19


class SheetReader:
    """Reads the records of one sheet.

    Args:
        styles: The number formats of the workbook.
        texts: The shared texts.
        budget: The remaining number of characters.
    """

    def __init__(self, styles: Styles, texts: Sequence[str], budget: Budget) -> None:
        self._styles = styles
        self._texts = texts
        self._budget = budget
        self._layout = Layout()
        self._grid = Grid(budget, self._layout)
        self._row: dict[int, str] = {}
        self._number = 0
        self._is_frozen = False
        self._awaits: tuple[int, int, int] | None = None
        """The row, column and style of a formula whose text is in the next record."""

    def read(self, stream: bytes, start: int) -> list[str]:
        """The text of the rows, and that of text boxes, of the sheet whose records begin at ``start``.

        Raises:
            ParseLimitExceededError
        """
        boxes = self._read_objects(stream, start)
        for record in iterate_sheet(stream, start):
            self._read_layout(record)
        self._grid = Grid(self._budget, self._layout)
        for record in iterate_sheet(stream, start):
            self._read_cells(record)
        self._end_row()
        return [text for text in (self._grid.write(), *boxes) if text.strip()]

    def _read_layout(self, record: Record) -> None:
        data = record.data
        if record.kind == _MERGED:
            count = int.from_bytes(data[:2], "little")
            for area in struct.iter_unpack("<4H", data[2 : 2 + 8 * count]):
                self._layout.merge(make_area(*area))
        elif record.kind == _LINK:
            self._layout.add_link(make_area(*struct.unpack_from("<4H", data)), read_link(data[24:]))
        elif record.kind == _WINDOW:
            self._is_frozen = bool(data[0] & _FROZEN)
        elif record.kind == _PANE and self._is_frozen:
            self._layout.add_headers(1, struct.unpack_from("<HH", data)[1])

    def _read_objects(self, stream: bytes, start: int) -> list[str]:
        """Add the comments. Returns the texts of the other objects."""
        texts: dict[int, str] = {}
        notes: set[int] = set()
        current = 0
        for record in iterate_sheet(stream, start):
            if record.kind == _OBJECT and len(record.data) >= 8:  # noqa: PLR2004, the kind and the id of an object
                kind, current = struct.unpack_from("<HH", record.data, 4)
                notes |= {current} if kind == _NOTE_OBJECT else set()
            elif record.kind == _TEXT:
                length = int.from_bytes(record.data[10:12], "little")
                texts[current] = _join_text(collect_continued(stream, record)[1:], length)
        for record in iterate_sheet(stream, start):
            if record.kind == _NOTE:
                row, column, _, number = struct.unpack_from("<4H", record.data)
                author, text = read_text(record.data, 8), texts.get(number, "")
                self._layout.add_note(row + 1, column, author, text, self._budget)
        return [text for number, text in texts.items() if number not in notes]

    def _read_cells(self, record: Record) -> None:
        kind, data = record.kind, record.data
        if kind == _TEXT_RESULT and self._awaits:
            row, column, style = self._awaits
            self._add(row, column, self._styles.show_text(read_text(data, 0), style))
        elif kind == _MANY_RK:
            row, column = struct.unpack_from("<HH", data)
            for style, number in struct.iter_unpack("<HI", data[4 : len(data) - 2]):
                self._add(row, column, self._styles.show(read_rk(number), style))
                column += 1
        elif kind in _CELLS:
            row, column, style = struct.unpack_from("<HHH", data)
            self._awaits = None
            self._add(row, column, self._show(kind, data, style, (row, column, style)))

    def _show(self, kind: int, data: bytes, style: int, place: tuple[int, int, int]) -> str:
        if kind == _SHARED_TEXT:
            index = int.from_bytes(data[6:10], "little")
            return self._styles.show_text(self._texts[index], style) if index < len(self._texts) else ""
        if kind == _NUMBER:
            return self._styles.show(struct.unpack_from("<d", data, 6)[0], style)
        if kind == _RK:
            return self._styles.show(read_rk(int.from_bytes(data[6:10], "little")), style)
        if kind == _BOOLEAN:
            return show_boolean(data[6], is_error=bool(data[7]))
        if kind == _FORMULA:
            return self._show_result(data, style, place)
        return self._styles.show_text(read_text(data, 6), style)

    def _show_result(self, data: bytes, style: int, place: tuple[int, int, int]) -> str:
        """The last value of a formula; a text is in a record of its own ([MS-XLS], 2.5.133)."""
        if data[12:14] != b"\xff\xff":
            return self._styles.show(struct.unpack_from("<d", data, 6)[0], style)
        kind = data[6]
        self._awaits = place if kind == 0 else None
        return show_boolean(data[8], is_error=kind == 2) if kind in {1, 2} else ""  # noqa: PLR2004, a truth value or an error

    def _add(self, row: int, column: int, text: str) -> None:
        if row + 1 != self._number:
            self._end_row()
            self._number = row + 1
        text = write_link(text, self._layout.links.get((row + 1, column)))
        if text:
            self._row[column] = text

    def _end_row(self) -> None:
        if self._number:
            self._grid.add(self._number, dict(sorted(self._row.items())))
        self._row = {}


_CELLS = {_FORMULA, _NUMBER, _LABEL, _BOOLEAN, _RK, _RICH, _SHARED_TEXT}


def _join_text(pieces: Sequence[bytes], length: int) -> str:
    """The text of an object, whose pieces each state whether its characters have two bytes."""
    text = ""
    for piece in pieces:
        if len(text) >= length:
            break
        text += decode(piece[1:], wide=piece[:1] == b"\1")
    return text[:length]
