"""Formulas of cells as text: those of shared formulas, and the addresses of HYPERLINK."""

import re

_PREFIX = re.compile(r"_xl(?:fn|ws|pm|udf)\.(?:_xl(?:fn|ws|pm|udf)\.)*")
"""Excel stores functions and names of newer versions with a prefix that it does not show."""
_HYPERLINK = re.compile(r'\s*HYPERLINK\(\s*"((?:[^"]|"")*)"\s*(?:[,;]\s*"((?:[^"]|"")*)")?', re.IGNORECASE)
_PART = re.compile(r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|(?<![\w.$])(\$?)([A-Z]{1,3})(\$?)(\d{1,7})(?![\w(.])")
"""A string, a quoted name of a sheet, or a reference such as ``$A1``."""
_LAST_COLUMN = 16_384
_LAST_ROW = 1_048_576


def show_formula(formula: str) -> str:
    """A formula as Excel shows it in its input line."""
    return f"={_PREFIX.sub('', formula.strip().removeprefix('='))}"


def find_address(formula: str) -> tuple[str, str]:
    """The address and the words of a formula that begins with HYPERLINK; empty for others."""
    match = _HYPERLINK.match(formula)
    return (match[1].replace('""', '"'), (match[2] or "").replace('""', '"')) if match else ("", "")


def shift_formula(formula: str, rows: int, columns: int) -> str:
    """A shared formula for the cell that lies this far from the first one (ECMA-376, part 1, 18.3.1.40)."""

    def shift(match: re.Match[str]) -> str:
        if match[2] is None:
            return match[0]
        column = count_column(match[2]) + (0 if match[1] else columns)
        row = int(match[4]) + (0 if match[3] else rows)
        if not (0 < column <= _LAST_COLUMN and 0 < row <= _LAST_ROW):
            return "#REF!"
        return f"{match[1]}{name_column(column)}{match[3]}{row}"

    return _PART.sub(shift, formula)


def count_column(letters: str) -> int:
    """The number of the column ``A``, ``Z``, ``AA``, …, from 1."""
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column


def name_column(column: int) -> str:
    """The letters of a column by its number from 1."""
    letters = ""
    while column > 0:
        column, letter = divmod(column - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters
