"""Tables of a page: data as rows and columns, layout as the blocks that it arranges."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lxml import etree

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.rendering.marks import take_marks
from app.pipeline.parse.rendering.tables import Cell, Table
from app.pipeline.parse.web.flow import Flow, Line, flatten

MAX_NESTED = 50
"""Tables nested deeper flow as blocks, so that text is not copied once for each table around it."""
_SECTIONS = {"thead": 0, "tbody": 1, "tfoot": 2}
_MAX_ROWS = 65_534
_MAX_COLUMNS = 1000
_INTEGER = re.compile(r"\s*\+?(\d{1,9})")
_BLOCK_LINES = 4
_BLOCK_CHARACTERS = 400


@dataclass(slots=True)
class _Cell:
    flow: Flow
    columns: int
    rows: int
    header: bool


@dataclass(slots=True)
class HtmlTable:
    """A table that is being read. Rows are kept by section, because a ``tfoot`` may stand before the ``tbody``."""

    element: etree._Element
    caption: Flow
    sections: list[tuple[int, list[list[_Cell]]]] = field(default_factory=list)
    _cells: list[_Cell] | None = None

    def open_section(self, name: str) -> None:
        """Begin a ``thead``, ``tbody`` or ``tfoot``. Spans end with their section."""
        self.end_row()
        self.sections.append((_SECTIONS[name], []))

    def open_row(self) -> None:
        """Begin a row; outside of a section, one of the body."""
        self.end_row()
        if not self.sections:
            self.sections.append((_SECTIONS["tbody"], []))
        self._cells = []

    def end_row(self) -> None:
        """End the row."""
        if self._cells is not None:
            self.sections[-1][1].append(self._cells)
            self._cells = None

    def end_section(self) -> None:
        """End the section; rows after it are a body of their own."""
        self.end_row()
        self.sections.append((_SECTIONS["tbody"], []))

    def open_cell(self, element: etree._Element) -> Flow:
        """Begin a cell, and a row where none is open. Returns the flow of its text."""
        if self._cells is None:
            self.open_row()
        cells = self._cells if self._cells is not None else []
        columns, rows = _read_span(element, "colspan"), _read_span(element, "rowspan")
        cell = _Cell(Flow(element), min(max(columns, 1), _MAX_COLUMNS), rows or _MAX_ROWS, element.tag == "th")
        cells.append(cell)
        return cell.flow

    def write(self, number: int, budget: Budget) -> Iterator[Line]:
        """The lines of the table: one for each row of data, or the blocks of a layout. ``number`` names the table.

        Raises:
            ParseLimitExceededError: when the budget is spent.
        """
        self.end_row()
        self.caption.end_line()
        yield from self.caption.lines
        rows = [row for _, section in self.sections for row in section]
        if _is_layout(self.element, rows):
            for row in rows:
                yield from _write_blocks(row)
            return
        linked = sum(line.linked for row in rows for cell in row for line in cell.flow.lines)
        text = self._fill(budget).write()
        for line in text.split("\n") if text else ():
            yield Line(line, self.element, table=number, linked=linked)
            linked = 0

    def _fill(self, budget: Budget) -> Table:
        table = Table(budget)
        for kind, rows in sorted(self.sections, key=lambda section: section[0]):
            for number, row in enumerate(rows):
                left = len(rows) - number
                cells = (Cell(flatten(c.flow.lines), c.columns, min(c.rows, left), c.header) for c in row)
                table.add_row(cells, header=kind == _SECTIONS["thead"])
        return table


def _write_blocks(row: Iterable[_Cell]) -> Iterator[Line]:
    """The cells of a layout, one after the other; those of one line each on lines of their own."""
    for cell in row:
        for number, line in enumerate(cell.flow.lines):
            line.blank_before = line.blank_before if number else len(cell.flow.lines) > 1
            yield line


def _is_layout(element: etree._Element, rows: list[list[_Cell]]) -> bool:
    """Whether a table arranges blocks instead of naming values by rows and columns."""
    if (element.get("role") or "").lower() in {"presentation", "none"}:
        return True
    if max((sum(1 for cell in row if cell.flow.lines) for row in rows), default=0) <= 1:
        return True
    if any(cell.header for row in rows for cell in row):
        return False
    return any(_is_block(cell.flow.lines) for row in rows for cell in row)


def _is_block(lines: list[Line]) -> bool:
    """Whether a cell holds more than a value: a heading, code, a larger table, or several long paragraphs."""
    if sum(line.is_verbatim for line in lines) > 1 or sum(bool(line.table) for line in lines) >= _BLOCK_LINES:
        return True
    if any(mark.level for line in lines for mark in take_marks(line.text)[1]):
        return True
    return len(lines) >= _BLOCK_LINES and sum(len(line.text) for line in lines) > _BLOCK_CHARACTERS


def _read_span(cell: etree._Element, name: str) -> int:
    match = _INTEGER.match(cell.get(name, "1"))
    return int(match[1]) if match else 1
