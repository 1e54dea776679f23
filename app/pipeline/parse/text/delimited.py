"""CSV, TSV and similar files with any delimiter."""

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from io import StringIO
from itertools import islice
from pathlib import Path

from app.domain.documents import Page, Parsed
from app.pipeline.parse.encoding import decode
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.rendering.tables import write_row

_DELIMITERS = "\t|;,"
"""Those that are rarer within fields come first, and win where two fit equally."""
_SAMPLE = 64 * 1024
_SAMPLE_ROWS = 50
_HINT = "sep="
"""Begins a first line that states the delimiter for spreadsheet programs."""


def read(path: Path, report: Callable[[int, int], None], _limits: Limits) -> Parsed:
    """The rows of a delimited file as lines ``a | b | c``, its header row first.

    Raises:
        DocumentDamagedError: when it is not text.
    """
    text = decode(path.read_bytes()).replace("\r\n", "\n").replace("\r", "\n")
    first, _, rest = text.partition("\n")
    if first.lower().startswith(_HINT) and len(first) == len(_HINT) + 1:
        lines = _write_lines(rest, first[-1])
    else:
        lines = _write_lines(text, _find_delimiter(text[:_SAMPLE]))
    report(1, 1)
    return Parsed([Page(None, "\n".join(lines))], {"rows": len(lines)})


def _write_lines(text: str, delimiter: str) -> list[str]:
    """A line for each row. Where a quote is never closed, quotes are read as text, so that no row is lost."""
    try:
        rows = csv.reader(StringIO(text), delimiter=delimiter, strict=True)
        return [line for row in rows if (line := write_row(row))]
    except csv.Error:
        return [line for row in text.split("\n") if (line := write_row(row.split(delimiter)))]


def _find_delimiter(sample: str) -> str:
    """The delimiter that splits the most rows into the same number of fields."""
    return max(_DELIMITERS, key=lambda delimiter: _rate(sample, delimiter))


def _rate(sample: str, delimiter: str) -> int:
    """The number of the first rows that have the same number of fields, above one."""
    widths = Counter(len(row) for row in _sample_rows(sample, delimiter) if len(row) > 1)
    return max(widths.values(), default=0)


def _sample_rows(sample: str, delimiter: str) -> Iterator[list[str]]:
    try:
        yield from islice(csv.reader(StringIO(sample), delimiter=delimiter), _SAMPLE_ROWS)
    except csv.Error:
        return
