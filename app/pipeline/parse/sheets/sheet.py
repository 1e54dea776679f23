"""Streams the two kinds of large parts of an XLSX file: shared strings and sheets.

Both classes are targets of ``lxml.etree.XMLParser``. No tree is built, so memory depends on the text, not the markup.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.rendering.tables import write_row
from app.pipeline.parse.sheets.cell_formats import write_number
from app.pipeline.parse.xml import to_integer

_REFERENCE = re.compile(r"([A-Z]{1,3})\d")
_GAP = 100
"""Empty cells kept between two others: enough to keep the columns of any table that people read."""


class _Attributes(Protocol):
    def get(self, key: str, default: str = "", /) -> str: ...


class StringsTarget:
    """Collects the shared strings, without phonetic guides."""

    def __init__(self) -> None:
        self.strings: list[str] = []
        self._pieces: list[str] = []
        self._guides = 0
        self._in_text = False

    def start(self, tag: str, _attributes: _Attributes) -> None:
        """Handle the start of an element."""
        name = tag.rpartition("}")[2]
        self._guides += name == "rPh"
        self._in_text = name == "t" and not self._guides

    def data(self, text: str) -> None:
        """Handle text in the current element."""
        if self._in_text:
            self._pieces.append(text)

    def end(self, tag: str) -> None:
        """Handle the end of an element."""
        name = tag.rpartition("}")[2]
        self._in_text = False
        self._guides -= name == "rPh"
        if name == "si":
            self.strings.append("".join(self._pieces))
            self._pieces.clear()

    def close(self) -> None:
        """Handle the end of the part."""


class SheetTarget:
    """Collects the rows of a sheet as lines of text. Blank rows become one blank line.

    Args:
        strings: The shared strings.
        kinds: The kind of number format of each cell style, as ``cell_formats.classify`` returns it.
        since_1904: Whether dates count from 1904 rather than 1900.
        budget: The remaining number of characters.
    """

    def __init__(self, strings: Sequence[str], kinds: Sequence[str], budget: Budget, *, since_1904: bool) -> None:
        self.lines: list[str] = []
        self._strings = strings
        self._kinds = kinds
        self._since_1904 = since_1904
        self._budget = budget
        self._row: list[str] = []
        self._pieces: list[str] = []
        self._column = self._type = self._style = ""
        self._guides = 0
        self._in_text = False
        self._filled = 0

    def start(self, tag: str, attributes: _Attributes) -> None:
        """Handle the start of an element."""
        name = tag.rpartition("}")[2]
        if name == "c":
            self._column = attributes.get("r", "")
            self._type = attributes.get("t", "n")
            self._style = attributes.get("s", "0")
            self._pieces.clear()
        elif name == "row":
            self._row, self._filled = [], 0
        self._guides += name == "rPh"
        self._in_text = name == "v" or (name == "t" and not self._guides)

    def data(self, text: str) -> None:
        """Handle text in the current element."""
        if self._in_text:
            self._pieces.append(text)

    def end(self, tag: str) -> None:
        """Handle the end of an element."""
        name = tag.rpartition("}")[2]
        self._in_text = False
        if name == "rPh":
            self._guides -= 1
        elif name == "c":
            self._add_cell(self._show("".join(self._pieces)))
        elif name == "row":
            line = write_row(self._row)
            if line or (self.lines and self.lines[-1]):
                self.lines.append(line)

    def close(self) -> None:
        """Handle the end of the part."""

    def _add_cell(self, text: str) -> None:
        match = _REFERENCE.match(self._column)
        column = _count_column(match[1]) if match else self._filled + 1
        gap = column - self._filled - 1
        if text:
            self._row += [""] * min(max(gap, 0), _GAP)
            self._row.append(text)
            self._filled = column
            self._budget.spend(len(text) + 3 * min(max(gap, 0), _GAP))

    def _show(self, text: str) -> str:
        if self._type == "s":
            index = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1  # noqa: PLR2004, the digits of an index
            return self._strings[index] if 0 <= index < len(self._strings) else ""
        if self._type == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(text, text)
        if self._type != "n" or not text:
            return text
        style = to_integer(self._style, 0)
        kind = self._kinds[style] if style < len(self._kinds) else ""
        return write_number(text, kind, since_1904=self._since_1904)


def _count_column(letters: str) -> int:
    """The number of the column ``A``, ``Z``, ``AA``, …, from 1."""
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column
