"""Which rows above the data of a table are titles, and which name its columns."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

_MAX_HEADERS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it is seen.

    Attributes:
        texts: A text for each column, empty where the column has none.
        own: The number of filled cells that begin in this row.
        groups: The cells that span several columns, as ``(first column, number of columns)``.
        header: Whether all its filled cells are marked as names of columns.
        until: The number of rows below it that its cells span.
    """

    texts: list[str]
    own: int
    groups: tuple[tuple[int, int], ...] = ()
    header: bool = False
    until: int = 0


def split_head(rows: Sequence[Row]) -> tuple[int, int]:
    """The number of title rows, and of header rows after them, at the start of a table; 0 headers where none is found.

    Titles fill at most half as many cells as the rows of the table do, from the left. A marked header counts as far as
    it is marked. Otherwise the first row after the titles is the header, with the rows that its cells span, and with
    the next one where it names groups of columns.
    """
    width = _usual_width(rows)
    if width < 2:  # noqa: PLR2004, a list
        return 0, 0
    titles = 0
    while titles < len(rows) - 1 and _is_title(rows[titles], width):
        titles += 1
    headers = 0
    while titles + headers < len(rows) and rows[titles + headers].header:
        headers += 1
    return titles, headers or _guess(rows[titles:], width)


def _usual_width(rows: Sequence[Row]) -> int:
    """The most frequent number of filled columns; the larger of two that are equally frequent."""
    counts = Counter(sum(map(bool, row.texts)) for row in rows if row.own)
    return max(counts, key=lambda width: (counts[width], width), default=0)


def _is_title(row: Row, width: int) -> bool:
    filled = [column for column, text in enumerate(row.texts) if text]
    if row.header and len(filled) > 1:
        return False
    return not filled or (len(filled) <= width / 2 and filled[-1] == len(filled) - 1 and not _names_groups(row))


def _guess(rows: Sequence[Row], width: int) -> int:
    headers = 1
    while headers < min(_MAX_HEADERS, len(rows) - 1):
        above = rows[:headers]
        reached = max(row.until - (headers - 1 - place) for place, row in enumerate(above))
        if reached < 1 and not _names_groups(rows[headers - 1]) and not _has_gaps(rows[headers - 1], width):
            break
        headers += 1
    return headers


def _names_groups(row: Row) -> bool:
    """Whether a cell spans several columns beside another filled cell."""
    return bool(row.groups) and row.own > 1


def _has_gaps(row: Row, width: int) -> bool:
    """Whether the row leaves columns empty between its cells, as names of groups without merged cells do."""
    filled = [column for column, text in enumerate(row.texts) if text]
    return bool(filled) and len(filled) < width and filled[-1] - filled[0] + 1 > len(filled)
