"""The rows of a worksheet as tables: blank rows separate them only where another table begins."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.rendering.tables import Cell, Table
from app.pipeline.parse.sheets.layout import Layout

_GAP = 100
"""Empty cells kept between two others: enough to keep the columns of any table that people read."""
_MAX_COLUMNS = 1000
"""Merged cells end here."""
_EXAMINED = 4
"""The rows after a blank one that show whether a table begins."""
_VALUE = re.compile(r"(?!(?:19|20)\d\d$)[^A-Za-z]*\d[^A-Za-z]*")
"""A number, a date or a time. A year may be the name of a column."""


class _Row(NamedTuple):
    number: int
    cells: Sequence[Cell | str]
    header: bool = False
    joined: bool = False
    """Whether a merged cell reaches into it from above."""

    def texts(self) -> list[str]:
        """The texts of its filled cells."""
        texts = (cell if isinstance(cell, str) else cell.text for cell in self.cells)
        return [text for text in texts if text.strip()]


class Grid:
    """Collects the filled rows of a sheet in their order, and writes them.

    Args:
        budget: The remaining number of characters.
        layout: What the sheet states about its cells.
    """

    def __init__(self, budget: Budget, layout: Layout | None = None) -> None:
        self._budget = budget
        self._layout = layout or Layout()
        self._starts = self._layout.list_starts()
        self._notes = sorted(self._layout.notes)[::-1]
        self._tables: list[Table] = []
        self._rows = self._columns = self._last = self._gap = 0
        self._waiting: list[_Row] = []
        self._open: dict[int, int] = {}
        """The columns that merged cells above reach into, and their last rows."""

    def add_cells(self, number: int, cells: Sequence[Cell | str], *, header: bool = False) -> None:
        """Add row ``number`` of a sheet without a layout. The last cell is filled.

        Raises:
            ParseLimitExceededError
        """
        self._add(_Row(number, cells, header))

    def add(self, number: int, texts: Mapping[int, str]) -> None:
        """Add row ``number``, with its texts by their columns in order; rows without any need not be added.

        Raises:
            ParseLimitExceededError
        """
        while self._notes and self._notes[-1] < number:
            self._add_notes(self._notes[-1], {})
        if self._notes and self._notes[-1] == number:
            self._add_notes(number, texts)
        elif texts:
            self._add(self._place(number, texts))

    def write(self) -> str:
        """The tables, separated by blank lines."""
        while self._notes:
            self._add_notes(self._notes[-1], {})
        self._decide()
        return "\n\n".join(filter(None, (table.write() for table in self._tables)))

    def _add_notes(self, number: int, texts: Mapping[int, str]) -> None:
        """Add a row whose comments follow its last cell."""
        self._notes.pop()
        notes = self._layout.notes[number]
        first = max(texts, default=-1) + 1
        self._add(self._place(number, {**texts, **{first + place: note for place, note in enumerate(notes)}}))

    def _add(self, row: _Row) -> None:
        gap = max(row.number - self._last - 1, 0) if self._last else 0
        self._last = row.number
        if gap or row.number in self._starts or not (self._tables or self._waiting):
            self._decide()
            self._gap = gap
            self._waiting.append(row)
        elif self._waiting:
            self._waiting.append(row)
            if len(self._waiting) == _EXAMINED:
                self._decide()
        else:
            self._write_row(row)

    def _decide(self) -> None:
        """Begin a table with the rows that wait, or continue the last one."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        if not self._tables or (not waiting[0].joined and self._begins_table(waiting)):
            self._tables.append(Table(self._budget))
            self._rows = self._columns = 0
        else:
            self._tables[-1].skip_rows(self._gap)
        for row in waiting:
            self._write_row(row)

    def _begins_table(self, rows: Sequence[_Row]) -> bool:
        """Whether rows after a blank one look like another table: other columns, or names above values."""
        if rows[0].number in self._starts or self._rows < 2 or self._columns < 2:  # noqa: PLR2004, no table is above
            return True
        head = next((place for place, row in enumerate(rows) if len(row.texts()) > 1), None)
        if head is None or len(rows[head].cells) > self._columns:
            return True
        names = rows[head].texts()
        if any(map(_VALUE.fullmatch, names)):
            return False
        return len(names) != self._columns or any(
            _VALUE.fullmatch(text) for row in rows[head + 1 :] for text in row.texts()
        )

    def _write_row(self, row: _Row) -> None:
        self._rows += 1
        self._columns = max(self._columns, len(row.cells))
        self._tables[-1].add_row(row.cells, header=row.header)

    def _place(self, number: int, texts: Mapping[int, str]) -> _Row:
        """The cells that begin in the row, with empty ones between them."""
        header = number in self._layout.headers
        last = max(texts)
        if len(texts) + _GAP <= last:
            return _Row(number, _close_gaps(texts), header)
        if not self._layout.merged:
            dense = len(texts) == last + 1
            return _Row(
                number, list(texts.values()) if dense else [texts.get(at, "") for at in range(last + 1)], header
            )
        self._open = {column: until for column, until in self._open.items() if until >= number}
        joined = bool(self._open)
        return _Row(number, self._place_merged(number, texts, last), header, joined)

    def _place_merged(self, number: int, texts: Mapping[int, str], last: int) -> list[Cell | str]:
        cells: list[Cell | str] = []
        column = 0
        while column <= last:
            if column in self._open:
                column += 1
                continue
            rows, columns = self._layout.merged.get((number, column), (1, 1)) if column < _MAX_COLUMNS else (1, 1)
            columns = min(columns, _MAX_COLUMNS - column) if columns > 1 else 1
            text = texts.get(column, "")
            cells.append(Cell(text, columns, rows) if rows > 1 or columns > 1 else text)
            if rows > 1:
                self._open |= dict.fromkeys(range(column, column + columns), number + rows - 1)
            column += columns
        return cells


def _close_gaps(texts: Mapping[int, str]) -> list[str]:
    """The texts with at most a hundred empty cells before each."""
    cells: list[str] = []
    before = -1
    for column, text in texts.items():
        cells += [""] * min(max(column - before - 1, 0), _GAP)
        cells.append(text)
        before = column
    return cells
