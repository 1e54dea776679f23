"""Finds tables in text, with rows such as ``a | b | c``, and the row that names their columns."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

_ROWS = 3
_HEADER = 400
_LINE = re.compile(r"^.*\|.*$", re.MULTILINE)
_RULE = re.compile(r"[|:\s-]+")
"""The second line of a table in Markdown: ``| --- | :-: |``."""


@dataclass(frozen=True, slots=True)
class Table:
    """The position of a table in a text: its header is ``text[start:body]``, the whole table ``text[start:end]``."""

    start: int
    body: int
    end: int
    header: str


def find_tables(text: str) -> list[Table]:
    """Every run of at least three lines with cells, in order. The first line of each is the header.

    Linear in the length of the text.
    """
    if "|" not in text:
        return []
    tables, rows = list[Table](), list[tuple[int, int]]()
    for match in _LINE.finditer(text):
        if not _is_row(match[0]):
            continue
        if rows and not _continues(text[rows[-1][1] : match.start()]):
            tables += _make(text, rows)
            rows = []
        rows.append(match.span())
    return tables + _make(text, rows)


def find_header(tables: Sequence[Table], start: int) -> str:
    """The header of the table in which a chunk begins at ``start``; empty outside tables and at the start of one."""
    place = bisect_left(tables, start, key=lambda table: table.end)
    return tables[place].header if place < len(tables) and tables[place].start < start else ""


def is_within(tables: Sequence[Table], position: int) -> bool:
    """Whether a position is in one of the tables."""
    place = bisect_left(tables, position, key=lambda table: table.end)
    return place < len(tables) and tables[place].start <= position


def _is_row(line: str) -> bool:
    return " | " in line or line.lstrip().startswith("|")


def _continues(between: str) -> bool:
    """Whether the text between two rows is a line end, or a line without cells, which is a row of one cell."""
    lines = between.split("\n", 3)
    return len(lines) == 2 or (len(lines) == 3 and bool(lines[1].strip()))  # noqa: PLR2004 (the parts around one or two line ends)


def _make(text: str, rows: Sequence[tuple[int, int]]) -> list[Table]:
    if len(rows) < _ROWS:
        return []
    ruled = _RULE.fullmatch(text, *rows[1]) is not None
    header = text[slice(*rows[0])].strip()
    if len(header) > _HEADER:
        cut = header.rfind("|", 0, _HEADER)
        header = header[: cut if cut > 0 else _HEADER].rstrip()
    return [Table(rows[0][0], rows[2 if ruled else 1][0], rows[-1][1], header)]
