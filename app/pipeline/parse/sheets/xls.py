"""XLS of Excel 97 to 2003 ([MS-XLS]): each sheet is a page. Older files are read by calamine, without formats."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.detection.compound_file import SIGNATURE, open_compound
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.rendering.marks import write_heading
from app.pipeline.parse.sheets import xml_2003
from app.pipeline.parse.sheets.biff import (
    BOF,
    CONTINUE,
    EOF,
    Record,
    collect_continued,
    iterate,
    read_shared_texts,
    read_text,
)
from app.pipeline.parse.sheets.binary_cells import Styles
from app.pipeline.parse.sheets.xls_sheet import SheetReader

_FILE_PASS, _DATE_MODE, _SHEET, _FORMAT, _STYLE, _TEXTS = 0x2F, 0x22, 0x85, 0x41E, 0xE0, 0xFC
_VERSION = 0x600
"""BIFF8, which Excel writes since 1997."""


class _Sheet(NamedTuple):
    title: str
    start: int
    is_hidden: bool


class _Workbook:
    """The part of a workbook that its sheets share.

    Args:
        stream: The stream of the workbook.

    Raises:
        DocumentDamagedError, DocumentEncryptedError
    """

    def __init__(self, stream: bytes) -> None:
        self.styles = Styles()
        self.texts: list[str] = []
        self.sheets: list[_Sheet] = []
        records = iterate(stream)
        first = next(records, None)
        if first is None or first.kind != BOF or int.from_bytes(first.data[:2], "little") != _VERSION:
            raise DocumentDamagedError("It is no workbook of Excel 97 or later.")
        for record in records:
            if record.kind == EOF:
                break
            if record.kind == _FILE_PASS:
                raise DocumentEncryptedError
            if record.kind == _TEXTS:
                self.texts = read_shared_texts(collect_continued(stream, record))
            elif record.kind != CONTINUE:
                self._add(record)

    def _add(self, record: Record) -> None:
        data = record.data
        if record.kind == _DATE_MODE:
            self.styles.since_1904 = data[:1] == b"\1"
        elif record.kind == _FORMAT:
            self.styles.codes[int.from_bytes(data[:2], "little")] = read_text(data, 2)
        elif record.kind == _STYLE:
            self.styles.formats.append(int.from_bytes(data[2:4], "little"))
        elif record.kind == _SHEET and len(data) > 6 and data[5] == 0:  # noqa: PLR2004, others are charts and macros
            start = int.from_bytes(data[:4], "little")
            self.sheets.append(_Sheet(read_text(data, 6, short=True), start, bool(data[4] & 3)))


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The sheets of a workbook as numbered pages, as of XLSX.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    with path.open("rb") as file:
        if file.read(len(SIGNATURE)) != SIGNATURE:
            return xml_2003.read(path, report, limits)
    try:
        return _read_compound(path, report, limits)
    except DocumentDamagedError as damaged:
        from app.pipeline.parse.sheets import calamine  # noqa: PLC0415, few files need the library

        try:
            return calamine.read(path, report, limits)
        except DocumentDamagedError:
            raise damaged from None


def _read_compound(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    with open_compound(path) as compound:
        streams = {name.lower(): name for name in compound.names}
        name = streams.get("workbook") or streams.get("book", "Workbook")  # some files have one for older versions too
        stream = compound.read(name, limits.inflated_bytes)
    try:
        return _read(stream, report, limits)
    except (struct.error, IndexError) as error:
        raise DocumentDamagedError(f"A record is cut off: {error}") from error


def _read(stream: bytes, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    workbook = _Workbook(stream)
    sheets = workbook.sheets
    if len(sheets) > limits.pages:
        raise ParseLimitExceededError(f"It has {len(sheets)} sheets; the limit is {limits.pages}.")
    budget = Budget(limits.characters, "It contains more text than is allowed.")
    pages = []
    for number, sheet in enumerate(sheets, 1):
        rows = SheetReader(workbook.styles, workbook.texts, budget).read(stream, sheet.start)
        pages.append(Page(number, "\n\n".join([write_heading(1, sheet.title), *rows]) if rows else ""))
        report(number, len(sheets))
    hidden = [number for number, sheet in enumerate(sheets, 1) if sheet.is_hidden]
    return Parsed(pages, {"page_count": len(sheets), "hidden_sheets": hidden})
