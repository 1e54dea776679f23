"""Streams the two kinds of large parts of an XLSX file: shared strings and the rows of sheets.

Both classes are targets of ``lxml.etree.XMLParser``. No tree is built, so memory depends on the text, not the markup.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.pipeline.parse.office.number_formats import NumberFormat
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.sheets.formulas import count_column, find_address, shift_formula, show_formula
from app.pipeline.parse.sheets.grid import Grid
from app.pipeline.parse.sheets.rich_text import RichText
from app.pipeline.parse.xml import to_integer

_REFERENCE = re.compile(r"([A-Z]{1,3})\d")
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_LONGEST_INDEX = 9
_ROW_DIGITS = 7
_LONGEST_FORMULA = 8192
"""The characters of a formula in Excel. A longer one would be searched again for each cell that shares it."""


class Attributes(Protocol):
    """The attributes of an element, as a target receives them."""

    def get(self, key: str, default: str, /) -> str:
        """The value of an attribute."""
        ...


@dataclass(frozen=True, slots=True)
class Workbook:
    """The parts of a workbook that the cells of its sheets refer to.

    Attributes:
        strings: The shared strings.
        formats: The number format of each cell style.
        since_1904: Whether dates count from 1904 rather than 1900.
        recalculates: Whether Excel calculates all formulas when it opens the file. Programs that cannot calculate
            request it, and write 0 for every result.
    """

    strings: Sequence[str]
    formats: Sequence[NumberFormat]
    since_1904: bool
    recalculates: bool


class StringsTarget:
    """Collects the shared strings, without phonetic guides."""

    def __init__(self) -> None:
        self.strings: list[str] = []
        self._text = RichText()
        self._guides = 0
        self._in_text = False

    def start(self, tag: str, attributes: Attributes) -> None:
        """Handle the start of an element."""
        name = tag.rpartition("}")[2]
        self._guides += name == "rPh"
        self._in_text = name == "t" and not self._guides
        if name == "vertAlign":
            self._text.raise_run(attributes.get("val", ""))

    def data(self, text: str) -> None:
        """Handle text in the current element."""
        if self._in_text:
            self._text.pieces.append(text)

    def end(self, tag: str) -> None:
        """Handle the end of an element."""
        name = tag.rpartition("}")[2]
        self._in_text = False
        self._guides -= name == "rPh"
        if name == "si":
            self.strings.append(unescape("".join(self._text.pieces)))
            self._text.clear()
        elif name == "r":
            self._text.end_run()

    def close(self) -> None:
        """Handle the end of the part."""


class SheetTarget:
    """Adds the filled rows of a sheet to a grid, each cell as Excel shows it.

    Args:
        workbook: The parts that cells refer to.
        links: The addresses of cells by row and column; rows count from 1, columns from 0.
        grid: Receives the rows.
    """

    def __init__(self, workbook: Workbook, links: Mapping[tuple[int, int], str], grid: Grid) -> None:
        self._workbook = workbook
        self._links = links
        self._grid = grid
        self._row: dict[int, str] = {}
        self._number = 0
        self._column = self._furthest = -1
        self._is_sorted = True
        self._type = self._style = self._shared = ""
        self._text = RichText()
        self._value = self._text.pieces
        self._formula: list[str] = []
        self._has_value = self._has_formula = False
        self._into: list[str] | None = None
        self._guides = 0
        self._masters: dict[str, tuple[str, int, int]] = {}
        """The formulas that other cells share: text, row and column."""

    def start(self, tag: str, attributes: Attributes) -> None:
        """Handle the start of an element."""
        name = tag.rpartition("}")[2]
        self._into = None
        if name == "c":
            self._start_cell(attributes)
        elif name == "v":
            self._has_value = True
            self._into = self._value
        elif name == "f":
            self._has_formula = attributes.get("t", "") != "dataTable"
            self._shared = attributes.get("si", "") if attributes.get("t", "") == "shared" else ""
            self._into = self._formula
        elif name == "t" and not self._guides:
            self._into = self._value
        elif name == "row":
            self._start_row(attributes.get("r", ""))
        elif name == "vertAlign":
            self._text.raise_run(attributes.get("val", ""))
        self._guides += name == "rPh"

    def data(self, text: str) -> None:
        """Handle text in the current element."""
        if self._into is not None:
            self._into.append(text)

    def end(self, tag: str) -> None:
        """Handle the end of an element."""
        name = tag.rpartition("}")[2]
        self._into = None
        if name == "c":
            text = self._show_cell()
            if self._links:
                text = write_link(text, self._links.get((self._number, self._column)))
            if text:
                self._is_sorted = self._is_sorted and self._column > self._furthest
                self._furthest = self._column
                self._row[self._column] = text
        elif name == "row":
            self._grid.add(self._number, self._row if self._is_sorted else dict(sorted(self._row.items())))
        elif name == "rPh":
            self._guides -= 1
        elif name == "r":
            self._text.end_run()

    def close(self) -> None:
        """Handle the end of the part."""

    def _start_row(self, number: str) -> None:
        is_number = number.isdecimal() and len(number) <= _ROW_DIGITS
        self._number = int(number) if is_number else self._number + 1
        self._row = {}
        self._column = self._furthest = -1
        self._is_sorted = True

    def _start_cell(self, attributes: Attributes) -> None:
        match = _REFERENCE.match(attributes.get("r", ""))
        self._column = count_column(match[1]) - 1 if match else self._column + 1
        self._type = attributes.get("t", "n")
        self._style = attributes.get("s", "0")
        self._text.clear()
        self._formula.clear()
        self._has_value = self._has_formula = False

    def _show_cell(self) -> str:
        value = "".join(self._value)
        if not self._has_formula:
            return self._show(value) if value else ""
        formula = self._complete_formula()
        address, words = find_address(formula)
        if (not value and (self._type != "str" or not self._has_value)) or (
            value == "0" and self._workbook.recalculates
        ):
            return write_link(words, address) if address else show_formula(formula) if formula else ""
        return write_link(self._show(value), address) if address else self._show(value)

    def _complete_formula(self) -> str:
        """The formula of the cell; the cells that share one have its text only in the first of them."""
        formula = "".join(self._formula)
        if not self._shared:
            return formula
        if formula:
            self._masters[self._shared] = formula[:_LONGEST_FORMULA], self._number, self._column
            return formula
        first = self._masters.get(self._shared)
        if first is None or ("".join(self._value) and not self._workbook.recalculates):
            return first[0] if first else ""
        return shift_formula(first[0], self._number - first[1], self._column - first[2])

    def _show(self, text: str) -> str:
        style = to_integer(self._style, 0)
        shown = self._workbook.formats[style] if style < len(self._workbook.formats) else None
        if self._type == "n":
            return shown.show(text, since_1904=self._workbook.since_1904) if shown else text
        if self._type == "b":
            return {"1": "TRUE", "0": "FALSE"}.get(text, text)
        if self._type == "s":
            index = int(text) if text.isdecimal() and len(text) <= _LONGEST_INDEX else -1
            text = self._workbook.strings[index] if 0 <= index < len(self._workbook.strings) else ""
        elif self._type in {"str", "inlineStr"}:
            text = unescape(text)
        return shown.show_text(text) if shown and self._type != "e" else text


def unescape(text: str) -> str:
    """The text with characters that XML cannot hold, which Excel writes as ``_x000D_`` (ECMA-376, part 1, 22.4.2.4)."""
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), text) if "_x" in text else text
