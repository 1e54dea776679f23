"""Leaves out the cells of a worksheet that have a style and no content before it is parsed: there can be millions."""

import re
from collections.abc import Iterable, Iterator

_EMPTY_CELLS = re.compile(
    rb'(?:<(?:\w{1,9}:)?c(?: s="\d+")? r="[A-Z]{1,3}\d+"[^<>]*'
    rb"(?:/>|>(?:<(?:\w{1,9}:)?v(?: ?/>|></(?:\w{1,9}:)?v>))?</(?:\w{1,9}:)?c>)\s*)+"
)
_EMPTY_ROWS = re.compile(rb'(?:<(?:\w{1,9}:)?row r="\d+"[^<>]*(?:/>|>\s*</(?:\w{1,9}:)?row>)\s*)+')
"""Only cells and rows with a position are left out. Without one, they move those after them."""
_DATA = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?sheetData(?:[\s/][^<>]*)?>")
_DATA_END = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?sheetData\s*>")
_LONGEST_TAG = 1024 * 1024
_BEFORE, _WITHIN, _AFTER = range(3)
_OVERLAP = 200
"""Longer than the tags that are searched for, which may begin in one piece and end in the next."""


def strip_blank(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a worksheet without its empty cells and rows; linear in time."""
    rest = b""
    for piece in pieces:
        text = rest + piece
        cut = text.rfind(b">") + 1
        if not cut and len(text) < _LONGEST_TAG:
            rest = text
            continue
        yield _EMPTY_ROWS.sub(b"", _EMPTY_CELLS.sub(b"", text[:cut] if cut else text))
        rest = text[cut:] if cut else b""
    yield rest


def strip_rows(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a worksheet without the content of its rows."""
    rest = b""
    state = _BEFORE
    for piece in pieces:
        text = rest + piece
        if state == _BEFORE and (start := _DATA.search(text)):
            yield text[: start.end()]
            state = _AFTER if start[0].endswith(b"/>") else _WITHIN
            text = text[start.end() :]
        if state == _WITHIN and (end := _DATA_END.search(text)):
            state, text = _AFTER, text[end.start() :]
        rest = b"" if state == _AFTER else text[-_OVERLAP:]
        if state != _WITHIN:
            yield text[: len(text) - len(rest)]
    yield b"" if state == _WITHIN else rest
