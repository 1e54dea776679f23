"""Detects archives: tar in each compression, gzip, 7-Zip; and the kinds of ZIP that hold no documents."""

from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from app.domain.errors import ArchiveLimitError, DocumentDamagedError, UnsupportedTypeError
from app.domain.media import GZIP, SEVENZIP, TAR
from app.pipeline.archives.byte_stream import BZIP2_MARK, GZIP_MARK, XZ_MARK, ByteStream
from app.pipeline.archives.stream import is_tar

_SEVENZIP_MARK = b"7z\xbc\xaf'\x1c"
_STREAM_MARKS = (GZIP_MARK, BZIP2_MARK, XZ_MARK)
_BLOCK = 512
_INSTALL = 'Reading it needs an extra: run `make extras EXTRAS="sevenzip"` on the server. Or pack the files as a ZIP.'
_PACKED = "Upload the documents themselves, or a ZIP of them."
_EXPORT = "Export it as {}, and upload that."
_BY_SUFFIX = {
    ".pages": ("a Pages document", "application/vnd.apple.pages", _EXPORT.format("DOCX or PDF")),
    ".numbers": ("a Numbers spreadsheet", "application/vnd.apple.numbers", _EXPORT.format("XLSX or PDF")),
    ".key": ("a Keynote presentation", "application/vnd.apple.keynote", _EXPORT.format("PPTX or PDF")),
    ".apk": ("an Android app", "application/vnd.android.package-archive", _PACKED),
    ".jar": ("a Java archive", "application/java-archive", _PACKED),
    ".war": ("a Java web application", "application/java-archive", _PACKED),
    ".ear": ("a Java application", "application/java-archive", _PACKED),
    ".whl": ("a Python package", "application/x-wheel+zip", _PACKED),
    ".xpi": ("a browser extension", "application/x-xpinstall", _PACKED),
    ".nupkg": ("a NuGet package", "application/x-nuget-package", _PACKED),
    ".kmz": ("a file of map data", "application/vnd.google-earth.kmz", "Unpack it, and upload the KML file."),
}
"""The kind of a ZIP with this name, its media type, and the advice to the user."""
_IWORK = ("an iWork document", "application/vnd.apple.iwork", _EXPORT.format("PDF, DOCX, XLSX or PPTX"))
_BY_PART = {
    "androidmanifest.xml": _BY_SUFFIX[".apk"],
    "meta-inf/manifest.mf": _BY_SUFFIX[".jar"],
    "index/document.iwa": _IWORK,
}
"""The same by a part of the ZIP, in lower case, for a ZIP of any name."""


def is_archive(head: bytes) -> bool:
    """Whether ``detect_archive`` may find an archive in a file that begins with these bytes."""
    return head.startswith((_SEVENZIP_MARK, *_STREAM_MARKS)) or is_tar(head)


def detect_archive(path: Path, head: bytes) -> str | None:
    """The media type of an archive other than ZIP; None for other files.

    Raises:
        UnsupportedTypeError: for a 7-Zip archive, where py7zr is not installed.
    """
    if head.startswith(_SEVENZIP_MARK):
        if find_spec("py7zr") is None:
            _refuse("a 7-Zip archive", SEVENZIP, _INSTALL)
        return SEVENZIP
    if head.startswith(_STREAM_MARKS):
        return TAR if _contains_tar(path) else GZIP if head.startswith(GZIP_MARK) else None
    return TAR if is_tar(head) else None


def refuse_package(names: Collection[str], suffix: str) -> None:
    """Refuse a ZIP that is a program or a document of another kind, by its parts or its name.

    Raises:
        UnsupportedTypeError: the message says what to do.
    """
    found = _BY_SUFFIX.get(suffix) or next((kind for part, kind in _BY_PART.items() if part in names), None)
    if found:
        _refuse(*found)


def _contains_tar(path: Path) -> bool:
    stream = ByteStream(path, _BLOCK)
    try:
        block = stream.read(_BLOCK)
        return is_tar(block) or block == bytes(_BLOCK)  # an archive without files begins with zeros
    except (DocumentDamagedError, ArchiveLimitError):
        return False
    finally:
        stream.close()


def _refuse(title: str, media_type: str, remedy: str) -> NoReturn:
    raise UnsupportedTypeError(f"The file is {title}. {remedy}", detected_type=media_type)
