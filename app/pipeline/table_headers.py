"""Tables as lines of text, ``a | b | c``: where they are, and which row names their columns."""

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
    """Where a table lies in a text: its header is ``text[start:body]``, all of it ``text[start:end]``."""

    start: int
    body: int
    end: int
    header: str


def find_tables(text: str) -> list[Table]:
    """Every run of at least three lines with cells, in order; the first line of each is its header.

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
    """The header of the table within which a piece begins at ``start``; empty where it begins in none, or with it."""
    place = bisect_left(tables, start, key=lambda table: table.end)
    return tables[place].header if place < len(tables) and tables[place].start < start else ""


def is_within(tables: Sequence[Table], position: int) -> bool:
    """Whether a place lies in one of the tables."""
    place = bisect_left(tables, position, key=lambda table: table.end)
    return place < len(tables) and tables[place].start <= position


def _is_row(line: str) -> bool:
    return " | " in line or line.lstrip().startswith("|")


def _continues(between: str) -> bool:
    """Whether what is between two rows is one line's end, or a line without cells: a row of a single one."""
    lines = between.split("\n", 3)
    return len(lines) == 2 or (len(lines) == 3 and bool(lines[1].strip()))  # noqa: PLR2004 (parts around one or two ends)


def _make(text: str, rows: Sequence[tuple[int, int]]) -> list[Table]:
    if len(rows) < _ROWS:
        return []
    ruled = _RULE.fullmatch(text, *rows[1]) is not None
    header = text[slice(*rows[0])].strip()
    if len(header) > _HEADER:
        cut = header.rfind("|", 0, _HEADER)
        header = header[: cut if cut > 0 else _HEADER].rstrip()
    return [Table(rows[0][0], rows[2 if ruled else 1][0], rows[-1][1], header)]
