"""The statements of a sheet in any format about its cells: merged cells, links, notes, tables and names of columns."""

from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.sheets.formulas import name_column

_MAX_LINKED = 1000
"""Cells of one link; a longer column of cells with one address is no information."""
_MAX_LINKS = 200_000
"""Linked cells of a sheet; Excel allows 65,530 links."""
_MAX_HEADERS = 5
"""Rows that stay in view or are printed on each page. More are no names of columns."""
_MAX_TABLES = 500


class Area(NamedTuple):
    """A rectangle of cells: rows count from 1, columns from 0, both ends included."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(slots=True)
class Layout:
    """The statements of one sheet. Rows count from 1, columns from 0.

    Attributes:
        merged: The numbers of rows and columns of merged cells, by their first cell.
        links: The addresses of cells.
        headers: The rows that name columns.
        notes: The comments by the row of their cell.
    """

    merged: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    links: dict[tuple[int, int], str] = field(default_factory=dict)
    headers: set[int] = field(default_factory=set)
    notes: dict[int, list[str]] = field(default_factory=dict)
    _tables: list[tuple[int, int]] = field(default_factory=list)

    def merge(self, area: Area) -> None:
        """Add merged cells."""
        if area.top <= area.bottom and area.left <= area.right:
            self.merged[area.top, area.left] = area.bottom - area.top + 1, area.right - area.left + 1

    def add_link(self, area: Area, address: str | None) -> None:
        """Add a link that cells share."""
        if address and len(self.links) < _MAX_LINKS:
            cells = ((row, at) for row in range(area.top, area.bottom + 1) for at in range(area.left, area.right + 1))
            self.links |= dict.fromkeys(islice(cells, _MAX_LINKED), address)

    def add_headers(self, first: int, last: int) -> None:
        """Add rows that name columns, unless there are too many."""
        if last - first < _MAX_HEADERS:
            self.headers.update(range(first, last + 1))

    def add_table(self, area: Area, headers: int) -> None:
        """Add a defined table with this number of header rows."""
        if headers and len(self._tables) < _MAX_TABLES:
            self.add_headers(area.top, area.top + headers - 1)
            self._tables.append((area.top, area.bottom))

    def add_note(self, row: int, column: int, author: str, text: str, budget: Budget) -> None:
        """Add a comment on a cell; many begin with the name of their author.

        Raises:
            ParseLimitExceededError
        """
        words = " ".join(text.removeprefix(f"{author}:").split())
        if words:
            place = f"{name_column(column + 1)}{row}"
            note = f"Comment on {place} by {author}: {words}" if author else f"Comment on {place}: {words}"
            budget.spend(len(note))
            self.notes.setdefault(row, []).append(note)

    def list_starts(self) -> set[int]:
        """The rows at which a table begins, and the rows after one; without those within a table beside it."""
        rows = {row for top, bottom in self._tables for row in (top, bottom + 1)}
        return {row for row in rows if not any(top < row <= bottom for top, bottom in self._tables)}
