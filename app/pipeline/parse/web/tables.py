"""Tables of a page: data as rows and columns, layout as the blocks that it arranges."""

import re
from collections.abc import Iterator, Sequence
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
    columns: int
    rows: int
    header: bool
    lines: list[Line]


_Row = list["_Cell | str"]
"""The cells of a row. Most hold one plain line and span nothing: those are strings, because tables have very many."""


@dataclass(slots=True)
class HtmlTable:
    """A table that is being read. Rows are kept by section, because a ``tfoot`` may stand before the ``tbody``."""

    element: etree._Element
    caption: Flow
    sections: list[tuple[int, list[_Row]]] = field(default_factory=list)
    _cells: _Row | None = None
    _unused: list[Flow] = field(default_factory=list)
    """Flows of cells that have ended, for the next ones: tables have very many cells."""

    def open_section(self, name: str) -> None:
        """Begin a ``thead``, ``tbody`` or ``tfoot``. Spans end with their section."""
        self.end_row()
        self.sections.append((_SECTIONS[name], []))

    def open_row(self) -> _Row:
        """Begin a row, and return it; outside of a section, one of the body."""
        self.end_row()
        if not self.sections:
            self.sections.append((_SECTIONS["tbody"], []))
        self._cells = []
        return self._cells

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
        flow = self._unused.pop() if self._unused else Flow(element)
        flow.owner = element
        return flow

    def end_cell(self, element: etree._Element, flow: Flow) -> None:
        """End a cell, whose text is in ``flow``."""
        flow.end_line()
        columns, rows = _read_spans(element) if element.attrib else (1, 1)
        is_header = element.tag == "th"
        if self._cells is None and not flow.lines:
            return
        # A section that begins within an open cell has ended the row of that cell.
        row = self.open_row() if self._cells is None else self._cells
        if columns == rows == 1 and not is_header and all(map(_is_plain, flow.lines)) and len(flow.lines) <= 1:
            row.append(flow.lines[0].text if flow.lines else "")
        else:
            row.append(_Cell(columns, rows, is_header, flow.lines))
        flow.clear()
        self._unused.append(flow)

    def write(self, number: int, budget: Budget) -> Iterator[Line]:
        """The lines of the table: one for each row of data, or the blocks of a layout. ``number`` names the table.

        Raises:
            ParseLimitExceededError: when the budget is spent.
        """
        self.end_row()
        self.caption.end_line()
        yield from self.caption.lines
        rows = [row for _, section in self.sections for row in section]
        cells = [cell for row in rows for cell in row if isinstance(cell, _Cell)]
        if _is_layout(self.element, rows, cells):
            for cell in (cell for row in rows for cell in row):
                yield from _write_block(cell.lines if isinstance(cell, _Cell) else self._make_line(cell))
            return
        linked = sum(line.linked for cell in cells for line in cell.lines)
        text = self._fill(budget).write()
        for line in text.split("\n") if text else ():
            yield Line(line, self.element, table=number, linked=linked)
            linked = 0

    def _make_line(self, text: str) -> list[Line]:
        return [Line(text, self.element)] if text else []

    def _fill(self, budget: Budget) -> Table:
        table = Table(budget)
        for kind, rows in sorted(self.sections, key=lambda section: section[0]):
            for number, row in enumerate(rows):
                left = len(rows) - number
                cells = (cell if isinstance(cell, str) else _write_cell(cell, left) for cell in row)
                table.add_row(cells, header=kind == _SECTIONS["thead"])
        return table


def _write_cell(cell: _Cell, rows_left: int) -> Cell:
    return Cell(flatten(cell.lines), cell.columns, min(cell.rows, rows_left), cell.header)


def _write_block(lines: Sequence[Line]) -> Iterator[Line]:
    """A cell of a layout; one of several lines begins after a blank line."""
    for number, line in enumerate(lines):
        line.blank_before = line.blank_before if number else len(lines) > 1
        yield line


def _is_plain(line: Line) -> bool:
    """Whether nothing but its text is needed of a line."""
    return not (line.marker or line.table or line.linked or line.is_verbatim or line.is_heading)


def _is_layout(element: etree._Element, rows: Sequence[_Row], cells: Sequence[_Cell]) -> bool:
    """Whether a table arranges blocks instead of naming values by rows and columns."""
    if (element.get("role") or "").lower() in {"presentation", "none"}:
        return True
    if all(sum(bool(cell if isinstance(cell, str) else cell.lines) for cell in row) <= 1 for row in rows):
        return True
    return not any(cell.header for cell in cells) and any(_is_block(cell.lines) for cell in cells)


def _is_block(lines: Sequence[Line]) -> bool:
    """Whether a cell holds more than a value: a heading over text, code, a larger table, several long paragraphs."""
    if sum(line.is_verbatim for line in lines) > 1 or sum(bool(line.table) for line in lines) >= _BLOCK_LINES:
        return True
    if len(lines) > 1 and any(mark.level for line in lines for mark in take_marks(line.text)[1]):
        return True
    return len(lines) >= _BLOCK_LINES and sum(len(line.text) for line in lines) > _BLOCK_CHARACTERS


def _read_spans(cell: etree._Element) -> tuple[int, int]:
    """The columns and rows of a cell; a ``rowspan`` of 0 reaches to the end of the section."""
    return min(max(_read_span(cell, "colspan"), 1), _MAX_COLUMNS), _read_span(cell, "rowspan") or _MAX_ROWS


def _read_span(cell: etree._Element, name: str) -> int:
    match = _INTEGER.match(cell.get(name, "1"))
    return int(match[1]) if match else 1
