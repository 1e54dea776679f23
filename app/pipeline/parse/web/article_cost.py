"""Whether the search for the article of a page takes linear time."""

from collections import defaultdict
from collections.abc import Iterator

from lxml import etree

_MAX_ELEMENTS = 50_000
_MAX_STEPS = 1_000_000
"""The steps that an extraction may take, as estimated below. They and the elements keep it within a few seconds."""

_CELL_STEPS = 4
_ROW_PARENTS = ("tr", "table", "thead", "tbody", "tfoot")
_CELLS = {"td", "th"}
_MAX_SPAN = _PADDED_COLUMNS = 100
"""trafilatura cuts spans to 100 columns and rows, and pads rows to at most 100 cells."""


def is_costly(tree: etree._Element) -> bool:
    """Whether trafilatura would take longer than a few seconds: its time is not linear.

    It grows with the depth of each element (it walks an element again for each table or list around it), with the
    square of the width of table rows (it counts the cells of a row again for each cell), and, for very many elements,
    with the square of their number.
    """
    elements = steps = depth = 0
    for event, _ in etree.iterwalk(tree, events=("start", "end")):
        depth += 1 if event == "start" else -1
        elements += event == "start"
        steps += depth
        if elements > _MAX_ELEMENTS or steps > 2 * _MAX_STEPS:  # each element is counted at its start and its end
            return True
    return steps // 2 + _count_table_steps(tree) > _MAX_STEPS


def _count_table_steps(tree: etree._Element) -> int:
    widths = list(_measure_rows(tree))
    padded = min(max(widths, default=0), _PADDED_COLUMNS)
    return sum(_CELL_STEPS * max(width, padded) + width * width // _PADDED_COLUMNS for width in widths)


def _measure_rows(tree: etree._Element) -> Iterator[int]:
    """The columns of each table row, including those that cells of rows above extend into."""
    spanning = 0
    ends: dict[int, int] = defaultdict(int)
    for number, row in enumerate(tree.iter(*_ROW_PARENTS)):
        spanning -= ends.pop(number, 0)
        width = spanning
        for cell in row:
            if cell.tag in _CELLS:
                columns, rows = _read_span(cell, "colspan"), _read_span(cell, "rowspan")
                width += columns
                if rows > 1:
                    spanning += columns
                    ends[number + rows] += columns
        yield width


def _read_span(cell: etree._Element, name: str) -> int:
    value = cell.get(name, "1")
    return max(1, min(int(value[:9]), _MAX_SPAN)) if value.isdecimal() else 1
