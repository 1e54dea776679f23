"""Tells a document's type by its content. A name only decides between kinds of text."""

import re
import zipfile
from pathlib import Path, PurePath
from typing import NoReturn

from app.domain.errors import UnsupportedTypeError
from app.domain.media import DOCX, HTML, MARKDOWN, PDF, SUPPORTED, TEXT
from app.pipeline.parse.encoding import guess_encoding

_HEAD = 64 * 1024
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_RTF = b"{\\rtf"
_PDF_MARK_WITHIN = 1024
"""Readers accept a PDF whose mark stands after other bytes, within the first 1,024."""
_MEMBERS_READ = 10_000
_MARKUP = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*"
    r"<(?:!doctype\s+html|html|head|body|meta|title|script|style|link|div|span|p|h[1-6]|table|ul|ol|article|section|main)\b",
    re.IGNORECASE | re.DOTALL,
)
_PAGE_MARKUP = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)


def detect(path: Path, filename: str) -> str:
    """The media type of the file at ``path``, one of ``app.domain.media.SUPPORTED``.

    Reads the first 64 KB, and for Office files the zip's directory; the parsers judge the rest. ``filename`` is what
    the client called the file: ``notes.md`` makes text Markdown, but no name makes a picture a document.

    Raises:
        UnsupportedTypeError: the detail lists the supported types.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    suffix = PurePath(filename).suffix.lower()
    if b"%PDF-" in head[:_PDF_MARK_WITHIN]:
        return PDF
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return _detect_zip(path, suffix)
    if head.startswith(_OLE) and suffix in SUPPORTED[DOCX]:
        return DOCX  # encrypted, as Word writes it: the parser says so
    if head.startswith(_RTF):
        _refuse()
    encoding = guess_encoding(head, complete=len(head) < _HEAD)
    return _detect_text(head.decode(encoding, "replace"), suffix) if encoding else _refuse()


def _detect_zip(path: Path, suffix: str) -> str:
    """A DOCX is a zip with a Word body. One that is cut off cannot say, so its name does."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [member.filename for member in archive.infolist()[:_MEMBERS_READ]]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return DOCX if suffix in SUPPORTED[DOCX] else _refuse()
    if any(name.startswith("word/document") and name.endswith(".xml") for name in names):
        return DOCX
    return _refuse()


def _detect_text(text: str, suffix: str) -> str:
    text = text.lstrip("\ufeff")
    if _PAGE_MARKUP.match(text):
        return HTML
    for media_type in (MARKDOWN, TEXT, HTML):
        if suffix in SUPPORTED[media_type]:
            return media_type
    return HTML if _MARKUP.match(text) else TEXT


def _refuse() -> NoReturn:
    kinds = ", ".join(f"{media_type} ({' '.join(suffixes)})" for media_type, suffixes in SUPPORTED.items())
    raise UnsupportedTypeError(f"Supported are: {kinds}.")
