"""Detects a document's type by its content. Its name decides only between kinds of text and for truncated files."""

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path, PurePath

from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.domain.media import (
    ACCEPTED,
    CSV,
    DOC,
    DOCX,
    EML,
    EPUB,
    HTML,
    ICS,
    JSON,
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
    SUPPORTED,
    TEXT,
    XLS,
    XLSB,
    XLSX,
    ZIP,
)
from app.pipeline.detection.archive_type import detect_archive, is_archive, refuse_package
from app.pipeline.detection.binary_data import is_binary
from app.pipeline.detection.compound_file import SIGNATURE, open_compound
from app.pipeline.detection.unsupported_type import (
    DAMAGED_ZIP,
    OFFICE_PACKAGE,
    OLD_OFFICE,
    FileKind,
    identify,
    identify_compound,
    is_certain,
    refuse,
    refuse_picture,
    refuse_renamed,
)
from app.pipeline.parse.encoding import guess_encoding
from app.pipeline.parse.zip_package import BROKEN, open_zip

HEAD_BYTES = 64 * 1024
"""The first bytes of a file, which suffice to detect its type unless it consists of files."""
_RTF = b"{\\rtf"
_ENCRYPTED_STREAM = "EncryptedPackage".casefold()
"""In it Office keeps a document with a password ([MS-OFFCRYPTO], 2.3)."""
_ZIP_MARKS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_PDF_MARK_WITHIN = 1024
"""PDF readers accept other bytes before the signature, within the first 1,024."""
_OFFICE = (DOCX, PPTX, XLSX)
_ZIPPED = (*_OFFICE, XLSB, ODT, ODS, ODP, EPUB, ZIP)
_MAIN_PARTS = (
    ("word/document", ".xml", DOCX),
    ("ppt/presentation", ".xml", PPTX),
    ("xl/workbook", ".xml", XLSX),
    ("xl/workbook", ".bin", XLSB),
)
_DECLARED = {
    EPUB: EPUB,
    ODT: ODT,
    ODS: ODS,
    ODP: ODP,
    **{f"{media_type}-template": media_type for media_type in (ODT, ODS, ODP)},
}
"""Types that the first part of a zip, ``mimetype``, declares (OCF 4.2, OpenDocument 1.3, part 2, 3.3)."""
_WORKBOOK_2003 = re.compile(r"<(?:\w{1,20}:)?Workbook\s[^<>]*urn:schemas-microsoft-com:office:spreadsheet")
_START = 4096
_OPEN_PACKAGE = "[content_types].xml"
_BINARY = {*_ZIPPED, *PICTURES, PDF, RTF, XLS, MSG, DOC, PPT}
_TEXTS = [media_type for media_type in SUPPORTED if media_type not in {*_BINARY, HTML}] + [HTML]
_TEMPLATES = {".php", ".vue", ".svelte", ".xsl", ".xslt"}
"""Programs that may begin with the markup of a page."""
_PROLOGUE = r"\s*+(?:<\?xml[^>]*+>\s*+)?+(?><!--.*?-->\s*+)*+"
"""Comments and declarations before the first element. The quantifiers are possessive: with backtracking, a file of a
hundred comments and no element would take exponential time."""
_MARKUP = re.compile(
    _PROLOGUE
    + r"<(?:!doctype\s+html|html|head|body|meta|title|script|style|link|div|span|p|h[1-6]|table|ul|ol|article|section"
    r"|main)\b",
    re.IGNORECASE | re.DOTALL,
)
_FLAT_ODF = re.compile(
    _PROLOGUE + r"<office:document\s[^>]*?\soffice:mimetype=[\"'](application/vnd\.oasis\.opendocument\.[a-z-]+)[\"']"
)
"""The root of an OpenDocument file that is one XML document instead of a zip."""
_PAGE_MARKUP = re.compile(_PROLOGUE + r"<(?:!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL)
_NOTEBOOK = re.compile(r'\s*\{\s*"(?:cells|nbformat|metadata|worksheets)":.*"cell_type":', re.DOTALL)
_MAILBOX = re.compile(r"From [^\r\n]{0,500}\d\d:\d\d[^\r\n]{0,100}\r?\n(?:[!-9;-~]+:|>From )")
_CALENDAR = re.compile(r"\s*BEGIN:VCALENDAR\b", re.IGNORECASE)
_MIME = re.compile(r"^MIME-Version:", re.IGNORECASE | re.MULTILINE)
_SAVED = re.compile(r"^(?:Snapshot-Content-Location:|From:[ \t]*[\"']?<?Saved by )", re.IGNORECASE | re.MULTILINE)
_RELATED = re.compile(r"^Content-Type:\s*multipart/(?:related|mixed|alternative)", re.IGNORECASE | re.MULTILINE)
_HEADER_LINE = re.compile(r"[A-Za-z][A-Za-z0-9-]{1,60}:|[ \t]+\S")
_MAIL_HEADERS = re.compile(
    r"^(?:(From):|(Message-ID|MIME-Version|Received|Return-Path):)", re.IGNORECASE | re.MULTILINE
)


def detect(path: Path, filename: str, *, pictures: bool = False) -> str:
    """The media type of the file at ``path``, one of ``app.domain.media.ACCEPTED``.

    Reads the first 64 KB, and the directory of a zip; the parsers check the rest. ``filename`` is the name that the
    client gave: ``notes.md`` makes text Markdown, but no name makes a program a document.

    Args:
        path: A local file.
        filename: Its name.
        pictures: Whether an OCR engine reads pictures; otherwise they are refused.

    Raises:
        UnsupportedTypeError: for every other type; the message says what the file is.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    suffix = PurePath(filename).suffix.lower()
    return _detect_container(path, head, suffix) or _detect_by_head(head, suffix, pictures=pictures)


def detect_by_head(head: bytes, filename: str, *, pictures: bool = False) -> str | None:
    """As ``detect``, by the first ``HEAD_BYTES`` alone. None for an archive or another file that must be opened."""
    if head.startswith((*_ZIP_MARKS, SIGNATURE)) or is_archive(head):
        return None
    return _detect_by_head(head, PurePath(filename).suffix.lower(), pictures=pictures)


def _detect_by_head(head: bytes, suffix: str, *, pictures: bool) -> str:
    if b"%PDF-" in head[:_PDF_MARK_WITHIN]:
        return PDF
    if head.startswith(_RTF):
        return RTF
    kind = identify(head)
    if kind.media_type in PICTURES:
        return kind.media_type if pictures else refuse_picture(kind)
    encoding = guess_encoding(head, complete=len(head) < HEAD_BYTES)
    if encoding is None or is_certain(kind, head) or is_binary(head, encoding):
        refuse(kind)
    return _detect_text(head.decode(encoding, "replace"), suffix)


def _detect_container(path: Path, head: bytes, suffix: str) -> str | None:
    """The type of a file that consists of files; None for others. Checked first: it contains other types."""
    if head.startswith(_ZIP_MARKS):
        return _detect_zip(path, suffix)
    return _detect_compound(path, suffix) if head.startswith(SIGNATURE) else detect_archive(path, head)


def _detect_zip(path: Path, suffix: str) -> str:
    """The type that a zip declares, else that of its parts; for a truncated zip, that of its file name."""
    try:
        with open_zip(path) as archive:
            names = [name.replace("\\", "/").lower() for name in archive.namelist()]
            declared = _read_declared(archive)
    except (*BROKEN, ParseLimitExceededError):
        return _by_suffix(suffix, _ZIPPED) or refuse(DAMAGED_ZIP)
    if declared.startswith(("application/vnd.oasis.opendocument.", "application/epub")):
        return _DECLARED.get(declared) or refuse(FileKind(f"of the type {declared}", declared))
    for start, end, media_type in _MAIN_PARTS:
        if any(name.startswith(start) and name.endswith(end) for name in names):
            return media_type
    if "meta-inf/container.xml" in names:
        return EPUB
    refuse_package(names, suffix)
    return refuse(OFFICE_PACKAGE) if _OPEN_PACKAGE in names else ZIP


def _read_declared(archive: zipfile.ZipFile) -> str:
    try:
        entry = archive.getinfo("mimetype")
    except KeyError:
        return ""
    if entry.flag_bits & 1 or entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise zipfile.BadZipFile("The type that it declares cannot be read.")
    with archive.open(entry) as file:
        return file.read(100).decode("ascii", "replace").strip()


def _detect_compound(path: Path, suffix: str) -> str:
    """The type by the streams of a compound file; by its name where they cannot be read, so that its reader reports it.

    An old Office file with the name of a new one is refused, because many programs would not open it.
    """
    try:
        with open_compound(path) as compound:
            names = compound.names
    except DocumentDamagedError:
        names = frozenset()
    office = _by_suffix(suffix, _OFFICE)
    if any(name.casefold() == _ENCRYPTED_STREAM for name in names):
        return office or DOCX
    if office and not names:
        return office
    kind = identify_compound(names, suffix)
    if office and kind in OLD_OFFICE:
        refuse_renamed(kind, suffix)
    return kind.media_type if kind.media_type in SUPPORTED else refuse(kind)


def _detect_text(text: str, suffix: str) -> str:
    text = text.lstrip("\ufeff")
    if _PAGE_MARKUP.match(text) and suffix not in _TEMPLATES:
        return HTML
    if flat := _FLAT_ODF.match(text):
        return _DECLARED.get(flat[1]) or refuse(FileKind(f"of the type {flat[1]}", flat[1]))
    if message := _detect_message(text, suffix):
        return message
    if suffix in ACCEPTED[JSON] and _NOTEBOOK.match(text):
        return NOTEBOOK
    markup = HTML if _MARKUP.match(text) else None
    if _WORKBOOK_2003.search(text[:_START]):
        return XLS
    plain = CSV if suffix in ACCEPTED[XLS] else TEXT  # some programs name a table as a workbook
    return _by_suffix(suffix, _TEXTS) or markup or plain


def _detect_message(text: str, suffix: str) -> str | None:
    if _MAILBOX.match(text):
        return MBOX
    if _CALENDAR.match(text):
        return ICS
    header = _read_header(text.lstrip("\r\n"))
    if _is_saved_page(header, suffix):
        return MHTML
    return EML if _is_mail(header) and not text.startswith(("\r", "\n")) else None


def _read_header(text: str) -> str:
    """The lines before the first blank one; empty where the text does not begin like the header of a message.

    Most texts do not, and to search them for a blank line would be most of the cost of detecting their type.
    """
    return re.split(r"\r?\n\r?\n", text, maxsplit=1)[0] if _HEADER_LINE.match(text) else ""


def _is_saved_page(header: str, suffix: str) -> bool:
    """Whether it is a message that a browser or Word wrote: by its header, or by its name and a MIME header."""
    if not _MIME.search(header):
        return False
    return suffix in ACCEPTED[MHTML] or bool(_SAVED.search(header) and _RELATED.search(header))


def _is_mail(header: str) -> bool:
    """Whether it begins like a mail: with header lines, among them a sender and a field of mail programs."""
    lines = header.splitlines()
    if not lines or not all(_HEADER_LINE.match(line) for line in lines):
        return False
    found = list(_MAIL_HEADERS.finditer(header))
    return any(match[1] for match in found) and any(match[2] for match in found)


def _by_suffix(suffix: str, media_types: Iterable[str]) -> str | None:
    return next((media_type for media_type in media_types if suffix in ACCEPTED[media_type]), None)
