"""EPUB: the chapters in reading order (EPUB 3.3, and the same parts of EPUB 2)."""

import posixpath
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lxml import etree

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.web.markup import write_markup
from app.pipeline.parse.xml import attribute, child, children, local
from app.pipeline.parse.zip_package import ZipPackage, resolve

_CHAPTERS = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"}
_FONT_OBFUSCATION = {"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"}
_NAMES = {"title": "title", "creator": "author", "language": "language", "subject": "subject", "date": "date"}


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The parts of the spine as numbered pages, with title, author, language, subject and date.

    Raises:
        DocumentEncryptedError: when its text is encrypted by digital rights management.
        DocumentDamagedError, ParseLimitExceededError
    """
    with ZipPackage(path, limits) as package:
        _refuse_encrypted(package)
        name, book = _open_book(package)
        chapters = list(_list_chapters(name, book))
        if len(chapters) > limits.pages:
            raise ParseLimitExceededError(f"It has {len(chapters)} chapters; the limit is {limits.pages}.")
        pages = []
        for number, chapter in enumerate(chapters, 1):
            pages.append(Page(number, write_markup(package.read_bytes(chapter) or b"", limits)))
            report(number, len(chapters))
    return Parsed(pages, {**_read_metadata(book), "page_count": len(chapters)})


def _refuse_encrypted(package: ZipPackage) -> None:
    """Obfuscated fonts do not matter; anything else that is encrypted is text."""
    listed = package.read("META-INF/encryption.xml")
    for method in listed.iter("{*}EncryptionMethod") if listed is not None else ():
        parent = method.getparent()
        holds_data = parent is not None and local(parent) == "EncryptedData"
        if holds_data and method.get("Algorithm") not in _FONT_OBFUSCATION:
            raise DocumentEncryptedError


def _open_book(package: ZipPackage) -> tuple[str, etree._Element]:
    """The package document and its name."""
    container = package.read("META-INF/container.xml")
    roots = container.iter("{*}rootfile") if container is not None else iter(())
    name = next((root.get("full-path") or "" for root in roots), "")
    book = package.read(resolve("", name))
    if book is None:
        raise DocumentDamagedError("It has no package document.")
    return resolve("", name), book


def _list_chapters(name: str, book: etree._Element) -> Iterator[str]:
    folder = posixpath.dirname(name)
    files = {
        item.get("id"): item.get("href") or ""
        for item in children(child(book, "manifest"))
        if item.get("media-type") in _CHAPTERS
    }
    ids = [attribute(item, "idref") for item in children(child(book, "spine"))]
    for key in dict.fromkeys(ids):
        if key in files:
            yield resolve(folder, unquote(urlsplit(files[key]).path))


def _read_metadata(book: etree._Element) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for item in book.iterfind("{*}metadata//{*}*"):
        if local(item) in _NAMES and item.text and item.text.strip():
            found.setdefault(_NAMES[local(item)], []).append(item.text.strip())
    metadata = {
        name: ", ".join(values) if name in {"author", "subject"} else values[0] for name, values in found.items()
    }
    if "date" in metadata:
        metadata["date"] = metadata["date"][:10]
    return metadata
