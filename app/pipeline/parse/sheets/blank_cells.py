"""Leaves out the cells of a worksheet that have a style and no content before it is parsed: there can be millions."""

import re
from collections.abc import Iterable, Iterator

_EMPTY_CELLS = re.compile(
    rb'(?:<(?:\w{1,9}:)?c(?: s="\d+")? r="[A-Z]{1,3}\d+"[^<>]*'
    rb"(?:/>|>(?:<(?:\w{1,9}:)?v(?: ?/>|></(?:\w{1,9}:)?v>))?</(?:\w{1,9}:)?c>)\s*)+"
)
_EMPTY_ROWS = re.compile(rb'(?:<(?:\w{1,9}:)?row r="\d+"[^<>]*(?:/>|>\s*</(?:\w{1,9}:)?row>)\s*)+')
"""Only cells and rows with a position are left out. Without one, they move those after them."""
_DATA = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?sheetData[\s/>]")
_DATA_END = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?sheetData\s*>")
_LONGEST_TAG = 1024 * 1024
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
    inside: bool | None = False
    for piece in pieces:
        text = rest + piece
        rest = b""
        if inside is False and (start := _DATA.search(text)):
            yield text[: start.end()]
            if text[start.end() - 1 : start.end()] == b"/":
                inside, text = None, text[start.end() :]
            else:
                # The tag may end with "/>" further on, after attributes that no known program writes.
                inside, text = True, text[start.end() - 1 :]
                yield b"" if text.startswith(b">") else b">"
        if inside and (end := _DATA_END.search(text)):
            inside, text = None, text[end.start() :]
        if inside is None:
            yield text
        elif inside:
            rest = text[-_OVERLAP:]
        else:
            yield text[:-_OVERLAP]
            rest = text[-_OVERLAP:]
    yield b"" if inside else rest
