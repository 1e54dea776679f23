"""Finds tables in text, with rows such as ``a | b | c``, and the rows that name their columns."""

import re
from bisect import bisect_left
from collections.abc import Container, Sequence
from dataclasses import dataclass

from app.domain.documents import Mark

_ROWS, _MARKED_ROWS = 3, 2
_HEADER_ROWS = 5
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


def find_tables(text: str, marks: Sequence[Mark] = (), above: str = "") -> list[Table]:
    """Every run of at least three lines with cells, in order. Linear in the length of the text.

    The header of each is the lines before the first data row that ``marks`` names, else its first line. ``above`` is
    the header of the table that the text continues; its first table keeps it, unless that has a header of its own.
    """
    if "|" not in text:
        return []
    bodies = {mark.start for mark in marks if not mark.level}
    tables, rows = list[Table](), list[tuple[int, int]]()
    for match in _LINE.finditer(text):
        if not _is_row(match[0]):
            continue
        if rows and not _continues(text[rows[-1][1] : match.start()]):
            tables += _make(text, rows, bodies)
            rows = []
        rows.append(match.span())
    tables += _make(text, rows, bodies)
    if above and tables and tables[0].start == 0 and tables[0].body not in bodies:
        tables[0] = Table(-1, 0, tables[0].end, above)
    return tables


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


def _make(text: str, rows: Sequence[tuple[int, int]], bodies: Container[int]) -> list[Table]:
    marked = next((number for number, (start, _) in enumerate(rows) if start in bodies), 0)
    if len(rows) < (_MARKED_ROWS if marked else _ROWS):
        return []
    ruled = _RULE.fullmatch(text, *rows[1]) is not None
    body = marked or (2 if ruled else 1)
    names = rows[max(0, marked - _HEADER_ROWS) : marked] or rows[:1]
    header = "\n".join(_shorten(text[start:end].strip()) for start, end in names)
    return [Table(rows[0][0], rows[min(body, len(rows) - 1)][0], rows[-1][1], header)]


def _shorten(row: str) -> str:
    """A row of the header with as many whole cells as fit."""
    if len(row) <= _HEADER:
        return row
    cut = row.rfind("|", 0, _HEADER)
    return row[: cut if cut > 0 else _HEADER].rstrip()
