"""The tables of RTF: cells by their right edges, merged cells and tables within cells (RTF 1.9.1)."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.office.merged_cells import Placed, join_rows
from app.pipeline.parse.rendering.tables import Cell, Table, join_inline

_MAX_COLUMNS = 63
"""The columns of a table in Word. A table with more edges than that is read without its widths."""
_SAME_EDGE = 20
"""Edges that are a point or less apart are the same, in twentieths of a point."""


@dataclass(slots=True)
class _Definition:
    """The definition of one cell in that of its row."""

    right: int
    continues_left: bool
    continues_above: bool


@dataclass(slots=True)
class RowDefinition:
    """The cells of the next rows, as the control words after ``trowd`` define them."""

    left: int = 0
    is_header: bool = False
    cells: list[_Definition] = field(default_factory=list)
    _merges: set[str] = field(default_factory=set)

    def set(self, word: str, parameter: int | None) -> None:
        """Process a control word."""
        if word == "trleft":
            self.left = parameter or 0
        elif word == "trhdr":
            self.is_header = True
        elif word == "cellx" and len(self.cells) < _MAX_COLUMNS:
            self.cells.append(_Definition(parameter or 0, "clmrg" in self._merges, "clvmrg" in self._merges))
            self._merges = set()
        else:
            self._merges.add(word)


DEFINING = {"trleft", "trhdr", "cellx", "clmgf", "clmrg", "clvmgf", "clvmrg"}
"""The control words of a row definition that are read."""

_Row = tuple[list[str], RowDefinition]


class RtfTable:
    """The rows of a table that is being read."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._cells: list[str] = []

    def add_cell(self, text: str) -> None:
        """Add a cell to the row that is being read."""
        self._cells.append(text)

    def end_row(self, definition: RowDefinition) -> None:
        """End the row."""
        self._rows.append((self._cells, definition))
        self._cells = []

    def write(self, budget: Budget) -> str:
        """The table as lines.

        Raises:
            ParseLimitExceededError: when the budget is spent.
        """
        if self._cells:
            self.end_row(RowDefinition())
        edges = _list_edges(self._rows)
        rows = [_place(row, edges) for row in self._rows]
        join_rows(rows)
        table = Table(budget)
        for (_, definition), cells in zip(self._rows, rows, strict=True):
            shown = [Cell(cell.content, cell.columns, cell.rows) for cell in cells if not cell.continues]
            table.add_row(shown, header=definition.is_header)
        return table.write()

    def write_inline(self) -> str:
        """The table on one line, for a table within a cell."""
        return join_inline(cells for cells, _ in self._rows)


def _list_edges(rows: Sequence[_Row]) -> list[int]:
    """The edges of the columns from the left, without those of rows that define other cells than they have."""
    found = sorted(
        {
            edge
            for cells, definition in rows
            if len(definition.cells) == len(cells)
            for edge in (definition.left, *(cell.right for cell in definition.cells))
        }
    )
    edges = found[:1] + [edge for before, edge in pairwise(found) if edge - before > _SAME_EDGE]
    return edges if len(edges) <= _MAX_COLUMNS + 1 else []


def _place(row: _Row, edges: Sequence[int]) -> list[Placed[str]]:
    """The cells of a row with the columns that they span."""
    texts, definition = row
    if not edges or len(definition.cells) != len(texts):
        return [Placed(text, column, 1) for column, text in enumerate(texts)]
    placed: list[Placed[str]] = []
    column = _find(edges, definition.left)
    if column:
        placed.append(Placed("", 0, column))
    for text, cell in zip(texts, definition.cells, strict=True):
        columns = max(_find(edges, cell.right) - column, 1)
        if cell.continues_left and placed:
            placed[-1].columns += columns
        else:
            placed.append(Placed(text, column, columns, continues=cell.continues_above))
        column += columns
    return placed


def _find(edges: Sequence[int], edge: int) -> int:
    """The number of the edge that is nearest below."""
    return max(bisect_right(edges, edge) - 1, 0)
