"""Marks that readers put into their text: they are taken out of it and become ``Page.marks``.

A mark is one noncharacter of Unicode, which no text contains. Cleaning keeps it where it stands.
"""

import re

from app.domain.documents import Mark

_FIRST = 0xFDD0
_LEVELS = 6
_ANY = re.compile("[\ufdd0-\ufdef]")
MARK_BODY = chr(_FIRST)
"""Stands before the first data row of a table, after the rows of its header."""


def write_heading(level: int, text: str) -> str:
    """A heading as one line, with its mark. Levels beyond 1 to 6 count as the nearest of these."""
    line = " ".join(text.split())
    return f"{chr(_FIRST + min(max(level, 1), _LEVELS))}{line}" if line else ""


def take_marks(text: str) -> tuple[str, list[Mark]]:
    """``text`` without marks, and the marks with their positions in it."""
    if text.isascii() or not _ANY.search(text):
        return text, []
    pieces, marks = list[str](), list[Mark]()
    done = length = 0
    for match in _ANY.finditer(text):
        pieces.append(text[done : match.start()])
        length += match.start() - done
        done = match.end()
        level = ord(match[0]) - _FIRST
        if level <= _LEVELS:
            marks.append(Mark(length, level))
    return "".join([*pieces, text[done:]]), marks
