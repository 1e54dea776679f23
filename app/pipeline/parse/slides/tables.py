"""Tables on slides, with merged cells (ECMA-376, part 1, 21.1.3)."""

from collections.abc import Iterator, Mapping

from lxml import etree

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.office.drawing_text import write_paragraph
from app.pipeline.parse.rendering.tables import Cell, Table
from app.pipeline.parse.xml import attribute, local, to_integer

_MERGED = ("hMerge", "vMerge")
_OFF = {None, "0", "false"}


def write_table(table: etree._Element, links: Mapping[str, str], budget: Budget) -> str:
    """The rows of a table as lines.

    Raises:
        ParseLimitExceededError: when the budget is spent.
    """
    written = Table(budget)
    for row in table:
        if local(row) == "tr":
            written.add_row(_cells(row, links))
    return written.write()


def _cells(row: etree._Element, links: Mapping[str, str]) -> Iterator[Cell]:
    """The cells that begin in a row; those that others cover are left out."""
    for cell in row:
        if local(cell) == "tc" and all(attribute(cell, name) in _OFF for name in _MERGED):
            text = " ".join(write_paragraph(paragraph, links) for paragraph in cell.iter("{*}p"))
            columns, rows = (to_integer(attribute(cell, name), 1) for name in ("gridSpan", "rowSpan"))
            yield Cell(text, columns, rows)
