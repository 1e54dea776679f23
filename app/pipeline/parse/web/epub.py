"""EPUB: the chapters in reading order (EPUB 3.3, and the same parts of EPUB 2)."""

from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.web.epub_package import EpubPackage
from app.pipeline.parse.web.markup import write_markup
from app.pipeline.parse.xml import attribute, child, children, local
from app.pipeline.parse.zip_package import ZipPackage

_CHAPTERS = {
    *("application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document", "image/svg+xml"),
    *("application/xml", "text/xml", "text/x-oeb-document"),
}
_SUFFIXES = (".xhtml", ".html", ".htm", ".xht")
_NAMES = {"title": "title", "creator": "author", "language": "language", "subject": "subject", "date": "date"}


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The parts of the spine as numbered pages, with title, author, language, subject and date.

    Parts that the spine leaves out, such as notes on pages of their own, follow at the end.

    Raises:
        DocumentEncryptedError: when its text is encrypted by digital rights management.
        DocumentDamagedError, ParseLimitExceededError
    """
    with ZipPackage(path, limits) as zipped:
        package = EpubPackage(zipped)
        book = package.read_book()
        chapters = list(dict.fromkeys(_list_chapters(package, book)))
        if len(chapters) > limits.pages:
            raise ParseLimitExceededError(f"It has {len(chapters)} chapters; the limit is {limits.pages}.")
        if not package.list_encrypted().isdisjoint(chapters):
            raise DocumentEncryptedError
        pages = []
        for number, chapter in enumerate(chapters, 1):
            pages.append(Page(number, _read_chapter(zipped, chapter, limits)))
            report(number, len(chapters))
    return Parsed(pages, {**_read_metadata(book), "page_count": len(chapters)})


def _read_chapter(package: ZipPackage, name: str, limits: Limits) -> str:
    """The text of a chapter; nothing where it is not text, as with pictures that are declared as pages."""
    data = package.read_bytes(name) or b""
    try:
        return write_markup(data, limits)
    except DocumentDamagedError:
        return ""


def _list_chapters(package: EpubPackage, book: etree._Element | None) -> Iterator[str]:
    """The files of the spine in order, then the other chapters that the book lists; all pages where it lists none."""
    items = {attribute(item, "id") or "": item for item in children(child(book, "manifest"))}
    order = [attribute(item, "idref") or "" for item in children(child(book, "spine"))]
    listed = [*(items[key] for key in order if key in items), *filter(_is_text, items.values())]
    found = [package.find(attribute(item, "href") or "") for item in listed if _is_chapter(item)]
    yield from filter(None, found)
    if not any(found):
        yield from (name for name in package.names() if name.lower().endswith(_SUFFIXES))


def _is_chapter(item: etree._Element) -> bool:
    kind = (attribute(item, "media-type") or "").partition(";")[0].strip().lower()
    return kind in _CHAPTERS or (attribute(item, "href") or "").partition("#")[0].lower().endswith(_SUFFIXES)


def _is_text(item: etree._Element) -> bool:
    """Whether a file that is not in the spine holds text of the book, rather than a table of contents or a picture."""
    kind = (attribute(item, "media-type") or "").lower()
    is_page = kind == "application/xhtml+xml" or (attribute(item, "href") or "").lower().endswith(_SUFFIXES)
    return is_page and "nav" not in (attribute(item, "properties") or "").split()


def _read_metadata(book: etree._Element | None) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for item in book.iterfind("{*}metadata//{*}*") if book is not None else ():
        if local(item) in _NAMES and item.text and item.text.strip():
            found.setdefault(_NAMES[local(item)], []).append(item.text.strip())
    metadata = {
        name: ", ".join(values) if name in {"author", "subject"} else values[0] for name, values in found.items()
    }
    if "date" in metadata:
        metadata["date"] = metadata["date"][:10]
    return metadata
