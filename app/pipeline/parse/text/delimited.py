"""CSV, TSV and similar files with any delimiter."""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import StringIO
from itertools import islice
from pathlib import Path

from app.domain.documents import Page, Parsed
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.sheets.grid import Grid

_DELIMITERS = "\t;,|"
"""In the order of preference where two fit equally."""
_SAMPLE = 64 * 1024
_SAMPLE_ROWS = 50
_LEAST = 0.9
"""A delimiter is examined further when it splits this share of the rows that the best one splits."""
_COMMAS_IN_VALUES = re.compile(r"(?<=\d),(?=\d)|, ")
_NEVER_CLOSED = "unexpected end of data"
"""In the message of the csv module."""
_HINT = "sep="
"""Begins a first line that states the delimiter for spreadsheet programs."""


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The rows of a delimited file as lines ``a | b | c``.

    Raises:
        DocumentDamagedError: when it is not text.
        ParseLimitExceededError
    """
    text = decode(path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
    csv.field_size_limit(limits.characters)  # the module's own limit is 128 KB
    first, _, rest = text.partition("\n")
    if first.lower().startswith(_HINT) and len(first) == len(_HINT) + 1:
        text, delimiter = rest, first[-1]
    else:
        delimiter = _find_delimiter(text[:_SAMPLE])
    lines, count = _write(text, delimiter, limits)
    report(1, 1)
    return Parsed([Page(None, lines)], {"rows": count})


def _write(text: str, delimiter: str, limits: Limits) -> tuple[str, int]:
    """The text of the table and the number of rows.

    Where text follows a closing quote, the field goes on, as in spreadsheet programs. Where a quote is never closed,
    quotes are read as text.
    """
    try:
        return _fill_grid(csv.reader(StringIO(text), delimiter=delimiter, strict=True), limits)
    except csv.Error as error:
        if _NEVER_CLOSED not in str(error):
            return _fill_grid(csv.reader(StringIO(text), delimiter=delimiter), limits)
        return _fill_grid((row.split(delimiter) for row in text.split("\n")), limits)


def _fill_grid(rows: Iterable[Sequence[str]], limits: Limits) -> tuple[str, int]:
    grid = Grid(Budget(limits.characters, "It contains more text than is allowed."))
    count = 0
    for number, row in enumerate(rows, 1):
        filled = len(row)
        while filled and not row[filled - 1].strip():
            filled -= 1
        if filled:
            grid.add_cells(number, row if filled == len(row) else row[:filled])
            count += 1
    return grid.write(), count


def _find_delimiter(sample: str) -> str:
    """The delimiter that splits most rows into the same number of fields; of several, the one that gives most fields.

    One that splits the first row too, which names the columns, comes before one that only values contain.
    """
    return max(_DELIMITERS, key=_rate_all(sample).__getitem__)


def _rate_all(sample: str) -> dict[str, tuple[bool, bool, bool, int, int]]:
    found = {delimiter: _rate(list(_sample_rows(sample, delimiter))) for delimiter in _DELIMITERS}
    enough = max(rows for rows, _, _ in found.values()) * _LEAST
    return {
        delimiter: (rows >= enough, in_header, delimiter != "," or not _is_in_values(sample), width, rows)
        for delimiter, (rows, width, in_header) in found.items()
    }


def _rate(rows: Sequence[Sequence[str]]) -> tuple[int, int, bool]:
    """The number of rows with the most frequent number of fields above one, that number, and if the first has it."""
    widths = Counter(len(row) for row in rows if len(row) > 1)
    count, width = max(((rows, width) for width, rows in widths.items()), default=(0, 0))
    return count, width, bool(count) and len(rows[0]) == width


def _is_in_values(sample: str) -> bool:
    """Whether all commas are within decimal numbers or before spaces, as in prose."""
    return sample.count(",") == len(_COMMAS_IN_VALUES.findall(sample))


def _sample_rows(sample: str, delimiter: str) -> Iterator[list[str]]:
    try:
        yield from islice(csv.reader(StringIO(sample), delimiter=delimiter), _SAMPLE_ROWS)
    except csv.Error:
        return
