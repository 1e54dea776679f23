"""DOCX by a walk over its XML in document order.

Names are matched without their namespace, so that Strict documents are read like Transitional ones. Recursion follows
the depth of the XML, which the parser limits to 256.
"""

import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, DocumentError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.office.package import OoxmlPackage
from app.pipeline.parse.rendering.tables import join_blocks
from app.pipeline.parse.word.numbering import Numbering
from app.pipeline.parse.xml import child, children, local

_SIGNS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_DROPPED = {"del", "moveFrom", "delText", "instrText", "rt", "pPr", "rPr", "sdtPr", "tblPr", "tcPr", "trPr", "sectPr"}
_FAILURES = (
    DocumentDamagedError,
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
)
"""The errors of the walk over damaged files."""
_SEPARATORS = {"separator", "continuationSeparator", "continuationNotice"}


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """Headers, body, notes, comments and footers of a Word document as one page, with its properties as metadata.

    Where the walk fails or finds no text, python-docx reads the file. Where that fails as well, the first error stands.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    with OoxmlPackage(path, limits) as package:
        try:
            parsed = _read(package)
        except _FAILURES as error:
            traceback.clear_frames(error.__traceback__)  # frees the XML trees before the file is read again
            replacement = _read_with_fallback(path, report, limits)
            if replacement is None:
                raise
            return replacement
    if not parsed.pages[0].text.strip():
        parsed = _read_with_fallback(path, report, limits) or parsed
    report(1, 1)
    return parsed


def _read_with_fallback(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed | None:
    """The document as python-docx reads it; None where that fails or finds no text either."""
    from app.pipeline.parse.word import fallback  # noqa: PLC0415, few files need it, and loading it costs memory

    try:
        parsed = fallback.read(path, report, limits)
    except (DocumentError, MemoryError):
        return None  # the caller reports the first error
    return parsed if parsed.pages[0].text.strip() else None


def _read(package: OoxmlPackage) -> Parsed:
    main = package.find_main("word/document.xml")
    document = package.read(main)
    if document is None:
        raise DocumentDamagedError("It has no main document part.")
    return Parsed([Page(None, "\n\n".join(_read_story(package, main, document)))], package.read_properties())


def _read_story(package: OoxmlPackage, main: str, document: etree._Element) -> Iterator[str]:
    targets: dict[str, list[str]] = {}
    for kind, name in package.targets(main):
        targets.setdefault(kind, []).append(name)

    def load(kind: str) -> list[etree._Element]:
        return [root for name in sorted(set(targets.get(kind, ()))) if (root := package.read(name)) is not None]

    numbering = Numbering()
    numbering.load(next(iter(load("numbering")), None), next(iter(load("styles")), None))
    yield from dict.fromkeys(_write(header, numbering) for header in load("header"))
    yield _write(child(document, "body"), numbering)
    for kind in ("footnotes", "endnotes", "comments"):
        for part in load(kind):
            yield from (_write(note, numbering) for note in part if note.get(_note_type(note)) not in _SEPARATORS)
    yield from dict.fromkeys(_write(footer, numbering) for footer in load("footer"))


def _note_type(note: etree._Element) -> str:
    return next((str(key) for key in note.attrib if str(key).endswith("}type")), "type")


def _write(container: etree._Element | None, numbering: Numbering) -> str:
    """Paragraphs separated by blank lines; list items and table rows by line ends."""
    return join_blocks(_blocks(container, numbering))


def _blocks(container: etree._Element | None, numbering: Numbering) -> Iterator[tuple[str, str]]:
    for item in children(container):
        name = local(item)
        if name == "p":
            yield from _paragraph(item, numbering)
        elif name == "tbl":
            for row in _rows(item):
                yield "row", " | ".join(_cells(row, numbering))
        elif name == "AlternateContent":
            yield from _blocks(_choose(item), numbering)
        elif name not in _DROPPED:
            yield from _blocks(item, numbering)


def _paragraph(paragraph: etree._Element, numbering: Numbering) -> Iterator[tuple[str, str]]:
    boxes: list[etree._Element] = []
    text = "".join(_inline(paragraph, boxes)).strip("\n")
    mark = numbering.mark(child(paragraph, "pPr")) if text.strip() else ""
    yield ("item", f"{mark} {text}") if mark else ("paragraph", text)
    for box in boxes:
        yield from _blocks(box, numbering)


def _inline(element: etree._Element, boxes: list[etree._Element]) -> Iterator[str]:
    """The text of runs. Text boxes are added to ``boxes``, because they follow their paragraph."""
    for item in element:
        name = local(item)
        if name == "t":
            yield item.text or ""
        elif name in _SIGNS:
            yield _SIGNS[name]
        elif name == "txbxContent":
            boxes.append(item)
        elif name == "AlternateContent":
            chosen = _choose(item)
            if chosen is not None:
                yield from _inline(chosen, boxes)
        elif name not in _DROPPED:
            yield from _inline(item, boxes)


def _choose(alternatives: etree._Element) -> etree._Element | None:
    """One of two alternatives with the same content: ``Choice`` where it has text, else ``Fallback``."""
    choice, fallback = child(alternatives, "Choice"), child(alternatives, "Fallback")
    return choice if choice is not None and any(local(item) == "t" for item in choice.iter()) else fallback


def _rows(table: etree._Element) -> Iterator[etree._Element]:
    for item in table:
        if local(item) == "tr":
            yield item
        elif local(item) not in _DROPPED:
            yield from _rows(item)  # rows in content controls and revisions


def _cells(row: etree._Element, numbering: Numbering) -> Iterator[str]:
    for item in row:
        if local(item) == "tc":
            yield " ".join(" ".join(text for _, text in _blocks(item, numbering)).split())
        elif local(item) not in _DROPPED:
            yield from _cells(item, numbering)
