"""The rows of tables in OpenDocument files, with merged, covered and repeated cells (OpenDocument 1.3, part 3, 9.1)."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lxml import etree

from app.pipeline.parse.office.number_formats import find_format
from app.pipeline.parse.rendering.tables import Cell
from app.pipeline.parse.xml import attribute, local, to_integer

_EMPTY_REPEATS = 100
"""Repetitions of an empty cell at most; files fill the rest of a row or sheet with one repeated cell."""
_COLUMNS = 16_384
"""The columns of the largest sheets."""
_REFERENCE = re.compile(r"\[([^\].]*)\.([^\]:]+)(:[^\]]*)?\]")
_GROUPS = {"table-rows", "table-row-group", "table-header-rows"}


@dataclass(frozen=True, slots=True)
class OdfRow:
    """A row and how often it is repeated."""

    cells: list[Cell]
    times: int
    header: bool


def read_rows(table: etree._Element, write: Callable[[etree._Element], str]) -> Iterator[OdfRow]:
    """The rows of a table; ``write`` returns the text of a cell."""
    for row, header in _list_rows(table, header=False):
        cells = list(_read_cells(row, write))
        filled = any(cell.text for cell in cells)
        yield OdfRow(cells, _repeats(row, "number-rows-repeated") if filled else 1, header)


def read_value(cell: etree._Element) -> str:
    """The value of a cell without text, else its formula: some programs do not write what the cell shows."""
    names = ("value", "date-value", "time-value", "string-value")
    value = next((found for name in names if (found := attribute(cell, name))), "")
    if truth := attribute(cell, "boolean-value"):
        return truth.upper()
    if attribute(cell, "value-type") == "percentage":
        return find_format(0, "0.00%").show(value)
    formula = (attribute(cell, "formula") or "").partition("=")[2]
    return value or (f"={_REFERENCE.sub(_write_reference, formula)}" if formula else "")


def _write_reference(match: re.Match[str]) -> str:
    """A reference such as ``[.B2:.B3]`` or ``[Costs.B2]`` as Excel writes it."""
    sheet, first, last = match[1], match[2], match[3]
    return f"{sheet}!{first}{last or ''}".removeprefix("!").replace(":.", ":")


def frame_cells(table: etree._Element) -> list[etree._Element]:
    """The cells of a table of one column: a frame around text, not data. Empty for other tables."""
    rows = [[cell for cell in row if local(cell) == "table-cell"] for row, _ in _list_rows(table, header=False)]
    return [cell for cells in rows for cell in cells] if all(_count_columns(cells) <= 1 for cells in rows) else []


def _list_rows(table: etree._Element, *, header: bool) -> Iterator[tuple[etree._Element, bool]]:
    for item in table:
        if local(item) == "table-row":
            yield item, header
        elif local(item) in _GROUPS:
            yield from _list_rows(item, header=header or local(item) == "table-header-rows")


def _count_columns(cells: list[etree._Element]) -> int:
    return sum(_repeats(cell, "number-columns-repeated") * _repeats(cell, "number-columns-spanned") for cell in cells)


def _read_cells(row: etree._Element, write: Callable[[etree._Element], str]) -> Iterator[Cell]:
    """The cells that begin in a row; those that others cover are left out."""
    for item in row:
        if local(item) == "table-cell":
            text = write(item)
            cell = Cell(text, _repeats(item, "number-columns-spanned"), _repeats(item, "number-rows-spanned"))
            times = _repeats(item, "number-columns-repeated")
            for _ in range(min(times, _COLUMNS if text else _EMPTY_REPEATS)):
                yield cell


def _repeats(item: etree._Element, name: str) -> int:
    return max(to_integer(attribute(item, name), 1), 1)
