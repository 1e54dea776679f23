"""ODT, ODS and ODP by one walk over the body (OpenDocument 1.3, part 3).

Recursion follows the depth of the XML, which the parser limits to 256.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree

from app.domain.counting import count_of
from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.opendocument.text import OdfTextWriter
from app.pipeline.parse.xml import attribute, child, children, local
from app.pipeline.parse.zip_package import ZipPackage

_NAMES = {
    "title": "title",
    "initial-creator": "author",
    "creator": "author",
    "subject": "subject",
    "keyword": "keywords",
    "language": "language",
    "creation-date": "date",
}


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """A text as one page, the sheets or slides of other documents as numbered pages; metadata such as the title.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    with ZipPackage(path, limits) as package:
        _refuse_encrypted(package)
        content = package.read("content.xml")
        document = next((item for item in children(child(content, "body")) if local(item)), None)
        if document is None:
            raise DocumentDamagedError("It has no document body.")
        metadata = _read_metadata(package)
        styles = package.read("styles.xml") if local(document) == "text" else None
    writer = OdfTextWriter(Budget(limits.characters, "It contains more text than is allowed."))
    if local(document) not in {"spreadsheet", "presentation", "drawing"}:
        report(1, 1)
        return Parsed([Page(None, "\n\n".join(_write_story(writer, document, styles)))], metadata)
    parts = [item for item in document if local(item) in {"table", "page"}]
    if len(parts) > limits.pages:
        raise ParseLimitExceededError(f"It has {count_of(len(parts), 'page')}; the limit is {limits.pages}.")
    pages = []
    for number, part in enumerate(parts, 1):
        pages.append(Page(number, _write_page(writer, part)))
        report(number, len(parts))
    return Parsed(pages, {**metadata, "page_count": len(parts)})


def _refuse_encrypted(package: ZipPackage) -> None:
    manifest = package.read("META-INF/manifest.xml")
    if manifest is not None and next(manifest.iter("{*}encryption-data"), None) is not None:
        raise DocumentEncryptedError


def _write_story(writer: OdfTextWriter, document: etree._Element, styles: etree._Element | None) -> Iterator[str]:
    """Page headers, the body and page footers, in the order of DOCX."""
    masters = child(styles, "master-styles")
    for name in ("header", "footer"):
        margins = masters.iter(f"{{*}}{name}") if masters is not None else iter(())
        if name == "footer":
            yield writer.write(document)
        yield from dict.fromkeys(filter(None, map(writer.write, margins)))


def _write_page(writer: OdfTextWriter, part: etree._Element) -> str:
    if local(part) == "page":
        notes = child(part, "notes")
        notes_text = writer.write(notes) if notes is not None else ""
        return "\n\n".join(filter(None, (writer.write(part), f"Notes: {notes_text}" if notes_text else "")))
    rows = writer.write_table(part)
    return f"{attribute(part, 'name') or ''}\n\n{rows}".strip("\n") if rows else ""


def _read_metadata(package: ZipPackage) -> dict[str, str]:
    meta = child(package.read("meta.xml"), "meta")
    found: dict[str, list[str]] = {}
    for item in children(meta):
        if local(item) in _NAMES and item.text:
            found.setdefault(local(item), []).append(item.text)
    metadata: dict[str, str] = {}
    for theirs, ours in _NAMES.items():
        if theirs in found:
            metadata.setdefault(ours, ", ".join(found[theirs]))
    if "date" in metadata:
        metadata["date"] = metadata["date"][:10]
    return metadata
