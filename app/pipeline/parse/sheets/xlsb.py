"""XLSB ([MS-XLSB]): the parts of XLSX as binary records; each sheet is a page."""

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.office.package import OoxmlPackage
from app.pipeline.parse.rendering.marks import write_heading
from app.pipeline.parse.sheets.binary_cells import Styles
from app.pipeline.parse.sheets.drawings import read_drawings
from app.pipeline.parse.sheets.xlsb_records import iterate, read_text
from app.pipeline.parse.sheets.xlsb_sheet import Book, read_sheet

_SHEET, _PROPERTIES = 156, 153
_FORMAT, _STYLES, _STYLES_END, _STYLE = 44, 617, 618, 47
_TEXT = 19


class _Sheet(NamedTuple):
    title: str
    part: str
    is_hidden: bool


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The sheets of a workbook as numbered pages, as of XLSX.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    with OoxmlPackage(path, limits) as package:
        try:
            return _read(package, report, limits)
        except (struct.error, IndexError) as error:
            raise DocumentDamagedError(f"A record is cut off: {error}") from error


def _read(package: OoxmlPackage, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    main = package.find_main("xl/workbook.bin")
    sheets = list(_list_sheets(package, main))
    if len(sheets) > limits.pages:
        raise ParseLimitExceededError(f"It has {len(sheets)} sheets; the limit is {limits.pages}.")
    budget = Budget(limits.characters, "It contains more text than is allowed.")
    book = _read_book(package, main)
    pages = []
    for number, sheet in enumerate(sheets, 1):
        blocks = filter(
            None, (read_sheet(package, sheet.part, book, budget), *read_drawings(package, sheet.part, budget))
        )
        text = "\n\n".join(blocks)
        pages.append(Page(number, f"{write_heading(1, sheet.title)}\n\n{text}" if text else ""))
        report(number, len(sheets))
    hidden = [number for number, sheet in enumerate(sheets, 1) if sheet.is_hidden]
    return Parsed(pages, {**package.read_properties(), "page_count": len(sheets), "hidden_sheets": hidden})


def _list_sheets(package: OoxmlPackage, main: str) -> Iterator[_Sheet]:
    """The worksheets in the order of their tabs."""
    parts = {key: name for key, kind, name in package.relations(main) if kind in {"worksheet", "chartsheet"}}
    for kind, data in iterate(_read_part(package, main)):
        if kind == _SHEET:
            key, at = read_text(data, 8)
            title, _ = read_text(data, at)
            if key in parts:
                yield _Sheet(title, parts[key], int.from_bytes(data[:4], "little") != 0)


def _read_book(package: OoxmlPackage, main: str) -> Book:
    """The texts and the number formats that the sheets share."""
    targets = dict(package.targets(main))
    styles = Styles()
    for kind, data in iterate(_read_part(package, main)):
        if kind == _PROPERTIES:
            styles.since_1904 = bool(data[0] & 1)
    inside = False
    for kind, data in iterate(package.read_bytes(targets.get("styles", "")) or b""):
        if kind == _FORMAT:
            styles.codes[int.from_bytes(data[:2], "little")] = read_text(data, 2)[0]
        elif kind in {_STYLES, _STYLES_END}:
            inside = kind == _STYLES
        elif kind == _STYLE and inside:
            styles.formats.append(int.from_bytes(data[2:4], "little"))
    records = iterate(package.read_bytes(targets.get("sharedStrings", "")) or b"")
    return Book([read_text(data, 1)[0] for kind, data in records if kind == _TEXT], styles)


def _read_part(package: OoxmlPackage, name: str) -> bytes:
    data = package.read_bytes(name)
    if data is None:
        raise DocumentDamagedError(f"The part {name} is missing.")
    return data
