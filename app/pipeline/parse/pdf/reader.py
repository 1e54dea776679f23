"""PDF by pdfium, the fastest and most accurate of the libraries measured. pypdf reads files that pdfium cannot open.

pdfium is not thread-safe, and some hostile files make it abort the process: run it in the sandbox.
"""

import logging
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

from app.domain.counting import count_of
from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.ocr.reader import OcrReader
from app.pipeline.parse.pdf import xfa
from app.pipeline.parse.pdf.annotations import read_annotations
from app.pipeline.parse.pdf.appearances import read_appearances
from app.pipeline.parse.pdf.attachments import AttachedFiles
from app.pipeline.parse.pdf.hyphens import join_words
from app.pipeline.parse.pdf.metadata import list_blank, name_metadata
from app.pipeline.parse.pdf.outline import mark_headings, read_outline
from app.pipeline.parse.pdf.page_text import read_text
from app.pipeline.parse.pdf.running import drop_running_lines
from app.pipeline.parse.pdf.unmapped import is_unmapped

logging.getLogger("pypdfium2").setLevel(logging.ERROR)  # it warns of each XFA form, whose data Sluice reads itself
_LOCKED = {pdfium_raw.FPDF_ERR_PASSWORD, pdfium_raw.FPDF_ERR_SECURITY}
_FORM_DEPTH = 40
"""The nesting of form XObjects that pdfium reads."""
_LETTER_FORMS = re.compile("[\ufb00-\ufb06\ufb13-\ufb17\ufb4f-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc]")
"""Ligatures and the presentation forms of Arabic letters: shapes in a font rather than letters of a word."""


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The text of each page, the files within, and title, author, subject, keywords and date as the file gives them.

    The metadata lists pages that cannot be read, or whose fonts do not say which characters they show, as
    ``unreadable_pages``. Where OCR is on, it reads pages without text and the pictures of pages with little text.

    Raises:
        DocumentEncryptedError: when it needs a password.
        DocumentDamagedError: when neither pdfium nor pypdf can read it.
        NoExtractableTextError: when no page can be read as text, or it is a form without data.
        ParseLimitExceededError: when it has more pages than allowed.
    """
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if getattr(error, "err_code", None) in _LOCKED:
            raise DocumentEncryptedError from error
        return _read_again(path, report, limits)
    with closing(document):
        document.init_forms()  # before the first page is loaded
        total = len(document)
        if total > limits.pages:
            raise ParseLimitExceededError(f"It has {count_of(total, 'page')}; the limit is {limits.pages}.")
        ocr, files = OcrReader(limits), AttachedFiles(limits)
        files.add_embedded(document)
        pages = xfa.read_pages(document, list(_read_pages(document, report, ocr, files)), limits)
        metadata: dict[str, Any] = dict(name_metadata(_read_fields(document)))
        outline = read_outline(document)
    if files.names and total == 1 and _load_fallback().is_portfolio(path):
        pages = [(1, "")]  # a cover that asks for another viewer
    unreadable = [number for number, text in pages if text is None]
    if len(unreadable) == total:
        return _read_again(path, report, limits)
    cleaned = _clean_layout([(number, text) for number, text in pages if text is not None])
    metadata |= {"page_count": total, "unreadable_pages": unreadable, **ocr.metadata}
    if files.names:  # they are written on a page, which may have no other text
        metadata["pages_without_text"] = list_blank(cleaned, [page for page in cleaned if page.text.strip()])
    return Parsed(files.list_on(mark_headings(cleaned, outline)), metadata, files.files)


def _read_again(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    parsed: Parsed = _load_fallback().read(path, report, limits)
    return parsed


def _load_fallback() -> Any:
    """The second reader. Few files need it, and its library takes more memory than the rest of the process."""
    return import_module("app.pipeline.parse.pdf.fallback")


def _read_fields(document: pdfium.PdfDocument) -> Iterator[tuple[str, str]]:
    """The information dictionary, without values that are no UTF-16: the text of the document is readable."""
    for name in document.METADATA_KEYS:
        with suppress(UnicodeDecodeError):
            yield name, document.get_metadata_value(name)


def show_pictures(path: Path, numbers: Iterable[int]) -> bool:
    """Whether each of these pages shows a picture of any size, inline images and images in form XObjects included."""
    try:
        document = pdfium.PdfDocument(path)
        with closing(document):
            return all(_shows_picture(document, number - 1) for number in numbers)
    except pdfium.PdfiumError:
        return bool(_load_fallback().show_pictures(path, numbers))


def _shows_picture(document: pdfium.PdfDocument, index: int) -> bool:
    with closing(document[index]) as page:
        pictures = page.get_objects(filter=[pdfium_raw.FPDF_PAGEOBJ_IMAGE], max_depth=_FORM_DEPTH)
        return next(pictures, None) is not None


def _read_pages(
    document: pdfium.PdfDocument, report: Callable[[int, int], None], ocr: OcrReader, files: AttachedFiles
) -> Iterator[tuple[int, str | None]]:
    total = len(document)
    for index in range(total):
        yield index + 1, _read_page(document, index, ocr, files)
        report(index + 1, total)


def _read_page(document: pdfium.PdfDocument, index: int, ocr: OcrReader, files: AttachedFiles) -> str | None:
    """The text of a page; None where it cannot be read."""
    try:
        with closing(document[index]) as page, closing(page.get_textpage()) as characters:
            annotations = read_annotations(page, files)
            found = read_text(characters, annotations)
            found = "\n".join([found, *read_appearances(document, index, annotations)])
            if is_unmapped(found):
                return ocr.read(page, index + 1) or None
            return ocr.complete(page, characters, found, index + 1)
    except pdfium.PdfiumError:
        return None


def _clean_layout(pages: list[tuple[int, str]]) -> list[Page]:
    """Pages without running lines, hyphens at line ends and presentation forms."""
    numbers = [number for number, _ in pages]
    texts = join_words(drop_running_lines(pages))
    return [Page(number, _LETTER_FORMS.sub(_decompose, text)) for number, text in zip(numbers, texts, strict=True)]


def _decompose(form: re.Match[str]) -> str:
    return unicodedata.normalize("NFKC", form[0]).lstrip()  # NFKC puts a space before a mark without a letter
