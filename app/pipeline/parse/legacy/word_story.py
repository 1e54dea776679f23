"""Writes a story of a Word document before 2007: paragraphs, headings, fields and tables."""

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from itertools import pairwise

from app.pipeline.parse.legacy.word_file import WordFile
from app.pipeline.parse.legacy.word_properties import PLAIN, Paragraph
from app.pipeline.parse.limits import Budget
from app.pipeline.parse.office.field_codes import read_link, write_code
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.rendering.marks import write_heading
from app.pipeline.parse.rendering.tables import Cell, Table

_CONTROLS = re.compile("([\x00-\x08\x0b-\x1f])")
_BEGIN, _SEPARATE, _END = "\x13", "\x14", "\x15"
_PARAGRAPH, _CELL, _BREAK = "\r", "\x07", "\x0c"
_WRITTEN = {"\x0b": "\n", "\x0e": "\n", "\x1e": "-"}
"""Line break, column break and unbreakable hyphen; the other controls stand for pictures, notes and drawings."""
_EDGE_TOLERANCE = 30
"""Edges of columns that are nearer to each other, in twentieths of a point, are the same edge."""
_NESTED_FIELDS = 32
"""Fields that are open at the same time; of more, the outer ones are read as text. Word nests about twenty."""


class _Field:
    def __init__(self) -> None:
        self.code: list[str] = []
        self.shown_from: int | None = None


class StoryWriter:
    """Writes the characters of one story.

    Args:
        file: The open document.
        budget: Limits the characters of tables.
    """

    def __init__(self, file: WordFile, budget: Budget) -> None:
        self._file = file
        self._budget = budget
        self._blocks: list[str] = []
        self._line: list[str] = []
        self._fields: deque[_Field] = deque(maxlen=_NESTED_FIELDS)
        self._cells: list[str] = []
        self._cell: list[str] = []
        self._rows: list[tuple[list[str], Paragraph]] = []

    def write(self, start: int, end: int) -> str:
        """The text between two characters of the document."""
        for span in self._file.read_spans(start, end):
            place = span.place
            for part in _CONTROLS.split(span.text):
                if part in {_PARAGRAPH, _CELL, _BREAK}:
                    self._end_paragraph(part, self._file.read_paragraph(place))
                elif part:
                    self._add(part)
                place += len(part) * span.width
        self._end_paragraph(_PARAGRAPH, PLAIN)
        self._end_table()
        return "\n".join(self._blocks)

    def _add(self, part: str) -> None:
        if part == _BEGIN:
            self._fields.append(_Field())
        elif part == _SEPARATE and self._fields:
            self._fields[-1].shown_from = len(self._line)
        elif part == _END and self._fields:
            self._end_field(self._fields.pop())
        elif self._fields and any(field.shown_from is None for field in self._fields):
            self._fields[-1].code.append(part)
        else:
            self._line.append(_WRITTEN.get(part, "" if _CONTROLS.fullmatch(part) else part))

    def _end_field(self, field: _Field) -> None:
        if any(outer.shown_from is None for outer in self._fields):
            return
        code = "".join(field.code)
        if field.shown_from is None:
            self._line.append(write_code(code))
        elif address := read_link(code):
            words = "".join(self._line[field.shown_from :])
            self._line[field.shown_from :] = [write_link(words, address)]

    def _end_paragraph(self, mark: str, properties: Paragraph) -> None:
        text = "".join(self._line).strip()
        self._line = []
        for field in self._fields:  # the result of a field goes on in the next paragraph
            field.shown_from = 0 if field.shown_from is not None else None
        if not properties.in_table and mark != _CELL:
            self._end_table()
            self._blocks.append(write_heading(properties.heading, text) if properties.heading and text else text)
        elif mark == _CELL and (properties.ends_row or self._ends_old_row(text, properties)):
            self._rows.append((self._cells, properties))
            self._cells, self._cell = [], []
        elif mark == _CELL:
            self._cells.append("\n".join([*self._cell, text]).strip())
            self._cell = []
        elif not properties.ends_inner_row:
            self._cell.append(f"{text}," if properties.ends_inner_cell else text)

    def _ends_old_row(self, text: str, properties: Paragraph) -> bool:
        """Whether a mark ends a row in a document without properties: it follows that of a cell at once."""
        return properties == PLAIN and not text and not self._cell and bool(self._cells)

    def _end_table(self) -> None:
        if self._cells:  # the table has no mark of its last row
            self._rows.append((self._cells, PLAIN))
            self._cells = []
        if self._cell:
            self._blocks += self._cell
            self._cell = []
        if self._rows:
            table = Table(self._budget)
            for row in _place(self._rows):
                table.add_row(row)
            self._blocks += ["", table.write(), ""]
            self._rows = []


def _place(rows: list[tuple[list[str], Paragraph]]) -> Iterator[list[Cell | str]]:
    """The rows with the columns that each cell spans, by the places of the edges in all rows."""
    found = sorted({edge for _, properties in rows if properties.row for edge in properties.row.edges})
    edges = [edge for before, edge in pairwise([float("-inf"), *found]) if edge - before > _EDGE_TOLERANCE]
    above: dict[int, str] = {}
    for texts, properties in rows:
        if properties.row is None or len(properties.row.edges) != len(texts) + 1:
            yield list(texts)
            continue
        columns = [bisect_right(edges, place + _EDGE_TOLERANCE) for place in properties.row.edges]
        cells: list[Cell | str] = []
        for index, text in enumerate(texts):
            if index < len(properties.row.continued) and properties.row.continued[index] and not text:
                text = above.get(columns[index], "")  # noqa: PLW2901, a merged cell is repeated in each row
            above[columns[index]] = text
            cells.append(Cell(text, columns=max(columns[index + 1] - columns[index], 1)))
        yield cells
