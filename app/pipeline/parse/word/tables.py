"""The rows of tables in Word documents, with merged cells (ECMA-376, part 1, 17.4)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lxml import etree

from app.pipeline.parse.office.merged_cells import Placed, join_rows
from app.pipeline.parse.rendering.tables import Cell
from app.pipeline.parse.word.fields import is_on
from app.pipeline.parse.word.inline import DROPPED
from app.pipeline.parse.xml import attribute, child, local, to_integer

_DELETED = {"del", "hidden", "cellDel", "moveFrom"}


_Cell = Placed["etree._Element | None"]
"""A cell's element; None for columns that a row leaves out."""


@dataclass(frozen=True, slots=True)
class WordRow:
    """The cells that begin in a row."""

    cells: list[Cell]
    header: bool


def read_table(table: etree._Element, write: Callable[[etree._Element], str]) -> Iterator[WordRow]:
    """The rows of a table; ``write`` returns the text of a cell."""
    rows = [(row, list(_place_cells(row))) for row in _rows(table)]
    join_rows(cells for _, cells in rows)
    for row, cells in rows:
        shown = [
            Cell("" if cell.content is None else write(cell.content), cell.columns, cell.rows)
            for cell in cells
            if not cell.continues
        ]
        yield WordRow(shown, is_on(child(row, "trPr", "tblHeader")))


def single_column(table: etree._Element) -> list[etree._Element]:
    """The cells of a table of one column, or of one row that holds other tables: a frame around text, not data.

    Empty for other tables.
    """
    rows = [list(_find(row, "tc")) for row in _rows(table)]
    if all(len(cells) <= 1 for cells in rows):
        return [cell for cells in rows for cell in cells]
    holds_tables = len(rows) == 1 and any(_holds_table(cell) for cell in rows[0])
    return rows[0] if holds_tables else []


def _holds_table(cell: etree._Element) -> bool:
    return any(local(item) == "tbl" for item in cell)


def _place_cells(row: etree._Element) -> Iterator[_Cell]:
    properties = child(row, "trPr")
    column = to_integer(attribute(child(properties, "gridBefore"), "val"), 0)
    if column:
        yield Placed(None, 0, column)
    before: _Cell | None = None
    for item in _find(row, "tc"):
        cell_properties = child(item, "tcPr")
        if child(cell_properties, "cellDel") is not None:
            continue
        columns = max(to_integer(attribute(child(cell_properties, "gridSpan"), "val"), 1), 1)
        if before is not None and _merge(cell_properties, "hMerge") == "continue":
            before.columns += columns
        else:
            before = Placed(item, column, columns, continues=_merge(cell_properties, "vMerge") == "continue")
            yield before
        column += columns


def _merge(properties: etree._Element | None, name: str) -> str:
    """``restart``, ``continue`` or, for a cell that is not merged, empty."""
    mark = child(properties, name)
    return "" if mark is None else attribute(mark, "val") or "continue"


def _rows(table: etree._Element) -> Iterator[etree._Element]:
    """The rows that are shown, also those in content controls and revisions."""
    for row in _find(table, "tr"):
        properties = child(row, "trPr")
        if not any(is_on(child(properties, name)) for name in _DELETED):
            yield row


def _find(element: etree._Element, name: str) -> Iterator[etree._Element]:
    for item in element:
        if local(item) == name:
            yield item
        elif local(item) not in DROPPED:
            yield from _find(item, name)
