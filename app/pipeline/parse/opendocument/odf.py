"""ODT, ODS and ODP, zipped or flat, by one walk over the body (OpenDocument 1.3, part 3).

Recursion follows the depth of the XML, which the parser limits to 256.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree

from app.domain.counting import count_of
from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.opendocument.package import open_odf, read_metadata
from app.pipeline.parse.opendocument.slides import write_slide
from app.pipeline.parse.opendocument.styles import Styles
from app.pipeline.parse.opendocument.text import OdfTextWriter
from app.pipeline.parse.xml import attribute, child, children, local


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """A text as one page, the sheets or slides of other documents as numbered pages; metadata such as the title.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    with open_odf(path, limits) as package:
        content = package.read("content")
        document = next((item for item in children(child(content, "body")) if local(item)), None)
        if document is None:
            raise DocumentDamagedError("It has no document body.")
        metadata = read_metadata(package.read_optional("meta"))
        styles = package.read("styles")
        budget = Budget(limits.characters, "It contains more text than is allowed.")
        writer = OdfTextWriter(package, Styles(styles, content), budget)
        if local(document) not in {"spreadsheet", "presentation", "drawing"}:
            text = "\n\n".join(_write_story(writer, document, styles))
            report(1, 1)
            return Parsed([Page(None, text)], metadata)
        return _read_pages(writer, document, report, limits, metadata)


def _read_pages(
    writer: OdfTextWriter,
    document: etree._Element,
    report: Callable[[int, int], None],
    limits: Limits,
    metadata: dict[str, str],
) -> Parsed:
    """The sheets or slides of a document as numbered pages."""
    parts = [item for item in document if local(item) in {"table", "page"}]
    if len(parts) > limits.pages:
        raise ParseLimitExceededError(f"It has {count_of(len(parts), 'page')}; the limit is {limits.pages}.")
    pages = []
    for number, part in enumerate(parts, 1):
        pages.append(Page(number, write_slide(writer, part) if local(part) == "page" else _write_sheet(writer, part)))
        report(number, len(parts))
    return Parsed(pages, {**metadata, "page_count": len(parts)})


def _write_story(writer: OdfTextWriter, document: etree._Element, styles: etree._Element | None) -> Iterator[str]:
    """Page headers, the body and page footers, in the order of DOCX."""
    masters = child(styles, "master-styles")
    for name in ("header", "footer"):
        margins = masters.iter(f"{{*}}{name}") if masters is not None else iter(())
        if name == "footer":
            yield writer.write(document)
        yield from dict.fromkeys(filter(None, map(writer.write, margins)))


def _write_sheet(writer: OdfTextWriter, sheet: etree._Element) -> str:
    """The name of a sheet and its rows, with what is drawn on it."""
    blocks = [writer.write_sheet(sheet), writer.take_after()]
    shapes = child(sheet, "shapes")
    blocks.append(writer.write(shapes) if shapes is not None else "")
    return "\n\n".join(filter(None, (attribute(sheet, "name"), *blocks))) if any(blocks) else ""
