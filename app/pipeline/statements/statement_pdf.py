"""Writes a table as a PDF of A4 pages, with the standard font Helvetica, which every reader has.

Helvetica has the characters of Windows-1252. Accents of others are dropped, and what remains unknown becomes ``?``.
"""

import ctypes
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

_WIDTH, _HEIGHT = 595, 842
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 545, 790, 50
_LINE = 15
_SIZE, _TITLE_SIZE = 9.0, 16.0
_GAP = 8
_FONT, _BOLD = "Helvetica", "Helvetica-Bold"
_LOCK = Lock()  # PDFium is not thread-safe


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its heading, its share of the width, and whether it is flush right."""

    heading: str
    share: float
    is_right: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """What a document shows: a title, some lines, a table, and lines below it."""

    title: str
    head: Sequence[str]
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    foot: Sequence[str]


def write_pdf(content: Page) -> bytes:
    """The PDF. The table continues on as many pages as it needs, each with the headings and its number."""
    import pypdfium2.raw as pdfium  # noqa: PLC0415 - loads PDFium, which a process without statements does not need

    with _LOCK:
        document = pdfium.FPDF_CreateNewDocument()
        try:
            _Writer(pdfium, document).write(content)
            return _save(pdfium, document)
        finally:
            pdfium.FPDF_CloseDocument(document)


def fold(text: str) -> str:
    """``text`` in the characters of Windows-1252, on one line."""
    folded = []
    for character in " ".join(text.split()):
        for form in (character, _drop_accents(character), "?"):
            if form and form.isprintable() and form.encode("cp1252", errors="ignore").decode("cp1252") == form:
                folded.append(form)
                break
    return "".join(folded)


def _drop_accents(character: str) -> str:
    return "".join(one for one in unicodedata.normalize("NFKD", character) if not unicodedata.combining(one))


class _Writer:
    def __init__(self, pdfium: Any, document: Any) -> None:
        self._pdfium = pdfium
        self._document = document
        self._page: Any = None
        self._y = 0.0
        self._number = 0

    def write(self, content: Page) -> None:
        self._begin_page()
        self._put(content.title, _LEFT, _RIGHT, font=_BOLD, size=_TITLE_SIZE)
        self._y -= 2 * _LINE
        self._write_lines(content.head)
        self._y -= _LINE
        self._write_row([column.heading for column in content.columns], content.columns, _BOLD)
        for row in content.rows:
            if self._y < _BOTTOM + _LINE:
                self._end_page()
                self._begin_page()
                self._write_row([column.heading for column in content.columns], content.columns, _BOLD)
            self._write_row(row, content.columns, _FONT)
        self._y -= _LINE
        self._write_lines(content.foot, _BOLD)
        self._end_page()

    def _begin_page(self) -> None:
        self._page = self._pdfium.FPDFPage_New(self._document, self._number, _WIDTH, _HEIGHT)
        self._number += 1
        self._y = _TOP

    def _end_page(self) -> None:
        self._y = _BOTTOM - _LINE
        self._put(f"Page {self._number}", _LEFT, _RIGHT, is_right=True)
        self._pdfium.FPDFPage_GenerateContent(self._page)
        self._pdfium.FPDF_ClosePage(self._page)

    def _write_lines(self, lines: Sequence[str], font: str = _FONT) -> None:
        for line in lines:
            if self._y < _BOTTOM + _LINE:
                self._end_page()
                self._begin_page()
            self._put(line, _LEFT, _RIGHT, font=font)
            self._y -= _LINE

    def _write_row(self, cells: Sequence[str], columns: Sequence[Column], font: str) -> None:
        left = float(_LEFT)
        for cell, column in zip(cells, columns, strict=True):
            right = left + column.share * (_RIGHT - _LEFT)
            self._put(cell, left, right - _GAP, font=font, is_right=column.is_right)
            left = right
        self._y -= _LINE

    def _put(
        self,
        text: str,
        left: float,
        right: float,
        *,
        font: str = _FONT,
        size: float = _SIZE,
        is_right: bool = False,
    ) -> None:
        """Put a text between two positions of the current line; one that is too long ends with an ellipsis."""
        folded = fold(text)
        if not folded:
            return
        placed, width = self._make_text(folded, font, size)
        while width > right - left and len(folded) > 1:
            self._pdfium.FPDFPageObj_Destroy(placed)
            folded = f"{folded[: min(len(folded) - 2, int(len(folded) * (right - left) / width))]}…"
            placed, width = self._make_text(folded, font, size)
        self._pdfium.FPDFPageObj_Transform(placed, 1, 0, 0, 1, right - width if is_right else left, self._y)
        self._pdfium.FPDFPage_InsertObject(self._page, placed)

    def _make_text(self, text: str, font: str, size: float) -> tuple[Any, float]:
        """A text object at the origin, and its width in points."""
        made = self._pdfium.FPDFPageObj_NewTextObj(self._document, font.encode(), size)
        encoded = (text + "\0").encode("utf-16-le")
        units = (ctypes.c_ushort * (len(encoded) // 2)).from_buffer_copy(encoded)
        self._pdfium.FPDFText_SetText(made, units)
        edges = [ctypes.c_float() for _ in range(4)]
        self._pdfium.FPDFPageObj_GetBounds(made, *edges)
        return made, edges[2].value


def _save(pdfium: Any, document: Any) -> bytes:
    parts: list[bytes] = []

    def write(_writer: Any, data: Any, size: int) -> int:
        parts.append(ctypes.string_at(data, size))
        return 1

    target = pdfium.FPDF_FILEWRITE(version=1)
    target.WriteBlock = type(target.WriteBlock)(write)
    pdfium.FPDF_SaveAsCopy(document, target, pdfium.FPDF_NO_INCREMENTAL)
    return b"".join(parts)
