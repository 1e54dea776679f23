"""Values of cells in the binary formats, XLS ([MS-XLS]) and XLSB ([MS-XLSB])."""

import struct
from dataclasses import dataclass, field

from app.pipeline.parse.office.number_formats import NumberFormat, find_format
from app.pipeline.parse.sheets.layout import Area

ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A", 43: "#DATA!"}
_DIGITS = 17
_GENERAL = find_format(0, None)
_URL_MONIKER = bytes.fromhex("e0c9ea79f9bace118c8200aa004ba90b")
_HAS_MONIKER, _HAS_NAME, _HAS_FRAME, _IS_TEXT = 0x1, 0x10, 0x80, 0x100


@dataclass(slots=True)
class Styles:
    """The number formats of a workbook.

    Attributes:
        codes: The format codes by their ids, without the built-in ones.
        formats: The format id of each cell style.
        since_1904: Whether dates count from 1904 rather than 1900.
    """

    codes: dict[int, str] = field(default_factory=dict)
    formats: list[int] = field(default_factory=list)
    since_1904: bool = False

    def show(self, value: float, style: int) -> str:
        """A number as Excel shows it."""
        return self._find(style).show(f"{value:.{_DIGITS}g}", since_1904=self.since_1904)

    def show_text(self, text: str, style: int) -> str:
        """A text as Excel shows it."""
        return self._find(style).show_text(text)

    def _find(self, style: int) -> NumberFormat:
        if style >= len(self.formats):
            return _GENERAL
        number = self.formats[style]
        return find_format(number, self.codes.get(number))


def read_rk(number: int) -> float:
    """A number of 30 bits ([MS-XLS], 2.5.122): an integer or the upper bits of a double, perhaps times 100."""
    if number & 2:
        value = float((number >> 2) - (1 << 30) * (number >> 31))
    else:
        value = float(struct.unpack("<d", struct.pack("<Q", (number & 0xFFFFFFFC) << 32))[0])
    return value / 100 if number & 1 else value


def read_link(data: bytes) -> str:
    """The address of a link object ([MS-OSHARED], 2.3.7.1); empty for one within the workbook or to a file."""
    flags = int.from_bytes(data[4:8], "little")
    at = 8
    for flag in (_HAS_NAME, _HAS_FRAME):
        if flags & flag:
            at += 4 + 2 * int.from_bytes(data[at : at + 4], "little")
    if not flags & _HAS_MONIKER:
        return ""
    length = int.from_bytes(data[at : at + 4], "little")
    if flags & _IS_TEXT:
        return _decode(data[at + 4 : at + 4 + 2 * length])
    if data[at : at + 16] != _URL_MONIKER:
        return ""
    length = int.from_bytes(data[at + 16 : at + 20], "little")
    return _decode(data[at + 20 : at + 20 + length])


def make_area(top: int, bottom: int, left: int, right: int) -> Area:
    """The area of rows and columns that count from 0, in the order of the binary formats."""
    return Area(top + 1, left, bottom + 1, right)


def show_boolean(value: int, *, is_error: bool) -> str:
    """A truth value, or an error by its number."""
    return ERRORS.get(value, "#ERROR!") if is_error else ("TRUE" if value else "FALSE")


def _decode(data: bytes) -> str:
    return data.decode("utf-16-le", "replace").partition("\0")[0]
