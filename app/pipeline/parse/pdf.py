"""PDF by pdfium, the fastest and most faithful reader of those measured; pypdf reads what pdfium cannot open.

pdfium is not thread-safe and aborts the process on some hostile files: run it in the sandbox.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_raw

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse import pdf_spare
from app.pipeline.parse.limits import Limits

_LOCKED = {pdfium_raw.FPDF_ERR_PASSWORD, pdfium_raw.FPDF_ERR_SECURITY}
_HYPHEN = re.compile("[\x02\ufffe](?:\r?\n)?")
"""pdfium's marks, old and new, for a hyphen at a line's end that parts a word."""


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The text of each page, and title, author, subject, keywords and date as the file gives them.

    Pages that cannot be read are listed in the metadata as ``unreadable_pages``.

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
        return pdf_spare.read(path, report, limits)
    with closing(document):
        total = len(document)
        if total > limits.pages:
            raise ParseLimitExceededError(f"It has {total} pages; {limits.pages} are allowed.")
        pages = list(_read_pages(document, report))
        metadata = pdf_spare.name_metadata(document.get_metadata_dict(skip_empty=True).items())
    unreadable = [number for number, text in pages if text is None]
    if len(unreadable) == total:
        return pdf_spare.read(path, report, limits)
    return Parsed(
        [Page(number, text) for number, text in pages if text is not None],
        {**metadata, "page_count": total, "unreadable_pages": unreadable},
    )


def _read_pages(document: pdfium.PdfDocument, report: Callable[[int, int], None]) -> Iterator[tuple[int, str | None]]:
    total = len(document)
    for index in range(total):
        yield index + 1, _read_page(document, index)
        report(index + 1, total)


def _read_page(document: pdfium.PdfDocument, index: int) -> str | None:
    try:
        with closing(document[index]) as page, closing(page.get_textpage()) as text:
            return _HYPHEN.sub("", text.get_text_range(errors="ignore"))
    except pdfium.PdfiumError:
        return None  # the caller counts and names these pages
