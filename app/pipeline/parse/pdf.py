"""PDF by pdfium, the fastest and most faithful reader of those measured; pypdf reads what pdfium cannot open.

pdfium is not thread-safe and aborts the process on some hostile files: run it in the sandbox.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse import pdf_fallback
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.ocr import Pictures
from app.pipeline.parse.pdf_columns import order_columns
from app.pipeline.parse.pdf_hyphens import join_words
from app.pipeline.parse.pdf_metadata import name_metadata
from app.pipeline.parse.pdf_running import drop_running_lines

_LOCKED = {pdfium_raw.FPDF_ERR_PASSWORD, pdfium_raw.FPDF_ERR_SECURITY}
_FORM_DEPTH = 40
"""Forms within forms, as far as pdfium reads them."""
_FORMS = re.compile("[\ufb00-\ufb06\ufb13-\ufb17\ufb4f-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc]")
"""Ligatures and the shapes of Arabic letters: how a font draws them, not how anybody spells them."""


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The text of each page, and title, author, subject, keywords and date as the file gives them.

    Pages that cannot be read are listed in the metadata as ``unreadable_pages``; pages that are pictures are read by
    OCR where ``limits.ocr_languages`` says so, and ``ocr_failure`` tells why where that failed.

    Raises:
        DocumentEncryptedError: when it does not open without a password.
        DocumentDamagedError: when neither reader makes sense of it.
        ParseLimitExceededError: when it has more pages than allowed.
    """
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) in _LOCKED:
            raise DocumentEncryptedError from error
        return pdf_fallback.read(path, report, limits)
    with closing(document):
        total = len(document)
        if total > limits.pages:
            raise ParseLimitExceededError(f"It has {total} pages; {limits.pages} are allowed.")
        pictures = Pictures(limits.ocr_languages)
        pages = list(_read_pages(document, report, pictures))
        metadata = name_metadata(document.get_metadata_dict(skip_empty=True).items())
    unreadable = [number for number, text in pages if text is None]
    if len(unreadable) == total:
        return pdf_fallback.read(path, report, limits)
    return Parsed(
        _tidy([(number, text) for number, text in pages if text is not None]),
        {**metadata, "page_count": total, "unreadable_pages": unreadable, "ocr_failure": pictures.failure},
    )


def show_pictures(path: Path, numbers: Iterable[int]) -> bool:
    """Whether each of these pages shows a picture, of whatever size, also inline or within a form."""
    try:
        document = pdfium.PdfDocument(path)
        with closing(document):
            return all(_shows_picture(document, number - 1) for number in numbers)
    except pdfium.PdfiumError:
        return pdf_fallback.show_pictures(path, numbers)


def _shows_picture(document: pdfium.PdfDocument, index: int) -> bool:
    with closing(document[index]) as page:
        pictures = page.get_objects(filter=[pdfium_raw.FPDF_PAGEOBJ_IMAGE], max_depth=_FORM_DEPTH)
        return next(pictures, None) is not None


def _read_pages(
    document: pdfium.PdfDocument, report: Callable[[int, int], None], pictures: Pictures
) -> Iterator[tuple[int, str | None]]:
    total = len(document)
    for index in range(total):
        yield index + 1, _read_page(document, index, pictures)
        report(index + 1, total)


def _read_page(document: pdfium.PdfDocument, index: int, pictures: Pictures) -> str | None:
    try:
        with closing(document[index]) as page, closing(page.get_textpage()) as text:
            found = order_columns(text, text.get_text_range(errors="ignore"))
            return found if found.strip() else pictures.read(page)
    except pdfium.PdfiumError:
        return None  # the caller counts and names these pages


def _tidy(pages: list[tuple[int, str]]) -> list[Page]:
    """Pages as they were meant rather than set: words whole, letters plain, nothing that only the paper needs."""
    numbers = [number for number, _ in pages]
    texts = join_words(drop_running_lines(pages))
    return [Page(number, _FORMS.sub(_spell, text)) for number, text in zip(numbers, texts, strict=True)]


def _spell(form: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", form[0]).lstrip()  # a mark on its own is given a space to stand on
