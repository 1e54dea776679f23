"""PPTX by a walk over the XML of each slide. Recursion follows its depth, which the parser limits to 256."""

from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.limits import Limits
from app.pipeline.parse.office.package import OoxmlPackage, relation_id
from app.pipeline.parse.rendering.tables import join_blocks, write_row
from app.pipeline.parse.xml import attribute, child, children, local

_TITLES = {"title", "ctrTitle"}
_COUNTERS = {"sldNum", "dt"}
"""Placeholders that PowerPoint fills in: slide number and date."""


def read(path: Path, report: Callable[[int, int], None], limits: Limits) -> Parsed:
    """The slides of a presentation as numbered pages with their notes, and its properties as metadata.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    with OoxmlPackage(path, limits) as package:
        main = package.find_main("ppt/presentation.xml")
        presentation = package.read(main)
        if presentation is None:
            raise DocumentDamagedError("It has no presentation part.")
        slides = _list_slides(package, main, presentation)
        if len(slides) > limits.pages:
            raise ParseLimitExceededError(f"It has {len(slides)} slides; the limit is {limits.pages}.")
        pages = []
        for number, slide in enumerate(slides, 1):
            pages.append(Page(number, _read_slide(package, slide)))
            report(number, len(slides))
        return Parsed(pages, {**package.read_properties(), "page_count": len(slides)})


def _list_slides(package: OoxmlPackage, main: str, presentation: etree._Element) -> list[str]:
    """The parts of the slides in the order of the presentation, which differs from that of their names."""
    names = {key: name for key, kind, name in package.relations(main) if kind == "slide"}
    ids = [relation_id(item) for item in children(child(presentation, "sldIdLst"))]
    return [names[key] for key in dict.fromkeys(ids) if key in names]


def _read_slide(package: OoxmlPackage, name: str) -> str:
    slide = package.read(name)
    if slide is None:
        raise DocumentDamagedError(f"The part {name} is missing.")
    blocks = list(_blocks(child(slide, "cSld", "spTree")))
    blocks.sort(key=lambda block: block[0] != "title")  # a title may be stored after other shapes
    targets = list(package.targets(name))
    for diagram in (package.read(target) for kind, target in targets if kind == "diagramData"):
        blocks += _paragraphs(diagram) if diagram is not None else ()
    for notes in (package.read(target) for kind, target in targets if kind == "notesSlide"):
        notes_text = join_blocks(_notes(child(notes, "cSld", "spTree")))
        blocks += [("paragraph", f"Notes: {notes_text}")] if notes_text else []
    return join_blocks(("paragraph" if kind == "title" else kind, text) for kind, text in blocks)


def _notes(tree: etree._Element | None) -> Iterator[tuple[str, str]]:
    """The speaker's notes, without the picture of the slide and the header of the notes page."""
    for shape in children(tree):
        if _placeholder(shape) == "body":
            yield from _paragraphs(shape)


def _blocks(tree: etree._Element | None) -> Iterator[tuple[str, str]]:
    for item in children(tree):
        name = local(item)
        if name == "tbl":
            yield from (("row", write_row(_cells(row))) for row in item if local(row) == "tr")
        elif name == "sp":
            place = _placeholder(item)
            if place in _TITLES:
                yield "title", " ".join(text for _, text in _paragraphs(item))
            elif place not in _COUNTERS:
                yield "paragraph", "\n".join(text for _, text in _paragraphs(item))
        elif name == "AlternateContent":
            choice, fallback = list(_blocks(child(item, "Choice"))), child(item, "Fallback")
            yield from choice or _blocks(fallback)
        else:
            yield from _blocks(item)


def _placeholder(shape: etree._Element) -> str:
    """The placeholder type of a shape: ``title``, ``body``, ``sldNum``, …; empty for a shape outside the layout."""
    place = child(shape, "nvSpPr", "nvPr", "ph")
    return "" if place is None else attribute(place, "type") or "obj"


def _cells(row: etree._Element) -> Iterator[str]:
    for cell in row:
        if local(cell) == "tc":
            yield " ".join(text for _, text in _paragraphs(cell))


def _paragraphs(shape: etree._Element) -> Iterator[tuple[str, str]]:
    """The paragraphs in ``shape`` that have text, in order, as ``("item", text)``."""
    for paragraph in shape.iter("{*}p"):
        text = "".join(_inline(paragraph)).strip("\n")
        if text.strip():
            yield "item", text


def _inline(paragraph: etree._Element) -> Iterator[str]:
    for item in paragraph.iter("{*}t", "{*}br", "{*}tab"):
        yield (item.text or "") if local(item) == "t" else " "
