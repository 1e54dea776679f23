"""Turns a document file into clean text: one module for each format, behind ``parse``.

Synchronous and unprotected: hostile files can crash or hang it, so ``app.pipeline.sandbox`` runs it in a child
process.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from app.domain.documents import Page, Parsed
from app.domain.errors import NoExtractableTextError, UnsupportedTypeError
from app.domain.media import (
    CSV,
    DOC,
    DOCX,
    EML,
    EPUB,
    HTML,
    ICS,
    JSON,
    MARKDOWN,
    MBOX,
    MHTML,
    MSG,
    NOTEBOOK,
    ODP,
    ODS,
    ODT,
    PDF,
    PICTURES,
    PPT,
    PPTX,
    RTF,
    SOURCE,
    TEXT,
    TSV,
    XLS,
    XLSB,
    XLSX,
    XML,
    YAML,
)
from app.pipeline.chunking.headings import find_headings
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.ocr.reader import explain
from app.pipeline.parse.pdf.metadata import list_blank
from app.pipeline.parse.rendering.marks import take_marks
from app.pipeline.text import clean, clean_line, cut

_LABEL_CHARACTERS = 16
_EMBEDDED_SECONDS = 30.0
"""The time for reading documents within a document as part of it."""
_READERS = {
    PDF: "pdf.reader",
    DOCX: "word.docx",
    HTML: "web.html",
    MHTML: "web.mhtml",
    MARKDOWN: "text.markdown",
    NOTEBOOK: "text.notebook",
    TEXT: "text.plain",
    PPTX: "slides.pptx",
    XLSX: "sheets.xlsx",
    XLS: "sheets.xls",
    XLSB: "sheets.xlsb",
    EPUB: "web.epub",
    RTF: "rtf.reader",
    EML: "mail.eml",
    MBOX: "mail.mbox",
    MSG: "mail.msg",
    ICS: "mail.calendar",
    **dict.fromkeys((ODT, ODS, ODP), "opendocument.odf"),
    DOC: "legacy.doc",
    PPT: "legacy.ppt",
    **dict.fromkeys(PICTURES, "ocr.picture"),
    **dict.fromkeys((CSV, TSV), "text.delimited"),
    **dict.fromkeys((SOURCE, JSON, XML, YAML), "text.source"),
}
FALLBACK_READERS = {
    PDF: "pdf.fallback",
    DOCX: "word.fallback",
    XLS: "sheets.calamine",
    **{media_type: _READERS[media_type] for media_type in (EML, MSG, MBOX)},
}
"""The formats with a second reader, for files on which the first one fails or crashes. That of mails is the first one,
without the texts of attached documents."""


def parse(
    path: Path,
    media_type: str,
    on_page: Callable[[int, int], None] | None = None,
    *,
    limits: Limits | None = None,
    fallback: bool = False,
) -> Parsed:
    """The pages of the file at ``path`` as clean text with its marks, without pages that have none.

    The metadata of a PDF lists the first hundred of those as ``pages_without_text``.

    Args:
        path: A local file.
        media_type: One of ``app.domain.media.SUPPORTED``.
        on_page: Called as ``(pages done, total pages)``.
        limits: The limits of what is read.
        fallback: Use the second reader from the start, where the format has one.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, NoExtractableTextError, ParseLimitExceededError
        UnsupportedTypeError: when ``media_type`` has no reader.
    """
    if media_type not in _READERS:
        raise UnsupportedTypeError(media_type)
    name = (FALLBACK_READERS if fallback else _READERS).get(media_type, _READERS[media_type])
    limits = _limit_embedded(limits or Limits(), fallback=fallback)
    reader = import_module(f"app.pipeline.parse.{name}")  # only the libraries of this format: each costs memory
    parsed: Parsed = reader.read(path, on_page or _ignore, limits)
    parts = ((page.number, *take_marks(clean(part))) for page in parsed.pages for part in cut(page.text))
    pages = [Page(*part) for part in parts if part[1].strip()]
    if media_type in {MARKDOWN, NOTEBOOK, TEXT}:
        pages = [replace(page, marks=find_headings(page.text)) for page in pages]
    may_be_scan = media_type == PDF and not parsed.metadata.get("ocr_pages")
    if not pages or (may_be_scan and _is_scanned(pages, lambda numbers: reader.show_pictures(path, numbers))):
        needs_ocr = media_type in {PDF, *PICTURES}
        raise NoExtractableTextError(explain(limits, parsed.metadata.get("ocr_failure")) if needs_ocr else None)
    metadata = {
        key: clean_line(value) if isinstance(value, str) else value for key, value in parsed.metadata.items() if value
    }
    if media_type == PDF and len(pages) < len(parsed.pages):
        metadata.setdefault("pages_without_text", list_blank(parsed.pages, pages))
    return Parsed(pages, metadata, parsed.attachments)


def _limit_embedded(limits: Limits, *, fallback: bool) -> Limits:
    """The limits with the time for documents within the document. The second reader reads none: one may crash it."""
    until = min(limits.embedded_until, time.monotonic() + _EMBEDDED_SECONDS)
    return replace(limits, embedded_until=until, embedded_depth=0 if fallback else limits.embedded_depth)


def _is_scanned(pages: Sequence[Page], show_pictures: Callable[[list[int]], bool]) -> bool:
    """Whether a PDF has no text except labels that scanners and drawing programs put on pictures.

    A text of fewer than 16 characters counts as a label only on a page that shows a picture.
    """
    if any(len(page.text) >= _LABEL_CHARACTERS for page in pages):
        return False
    labelled = [page.number for page in pages if page.number]
    return not labelled or show_pictures(labelled)


def _ignore(_done: int, _total: int) -> None:
    """Discard the progress."""
