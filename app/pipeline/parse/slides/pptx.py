"""PPTX by a walk over the XML of each slide. Recursion follows its depth, which the parser limits to 256."""

from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree

from app.domain.documents import Page, Parsed
from app.domain.errors import DocumentDamagedError, ParseLimitExceededError
from app.pipeline.parse.limits import Budget, Limits
from app.pipeline.parse.office.diagrams import list_texts
from app.pipeline.parse.office.package import OoxmlPackage, Part, relation_id
from app.pipeline.parse.rendering.marks import write_heading
from app.pipeline.parse.slides.comments import list_comments, read_authors
from app.pipeline.parse.slides.paragraphs import list_paragraphs
from app.pipeline.parse.slides.places import Layouts, kind_of, placeholder
from app.pipeline.parse.slides.shapes import ShapeReader
from app.pipeline.parse.xml import child, children

_OFF = {"0", "false"}


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
        reader = _SlideReader(package, main, limits)
        pages = []
        for number, slide in enumerate(slides, 1):
            pages.append(reader.read(number, slide))
            report(number, len(slides))
        metadata = {**package.read_properties(), "page_count": len(slides), "hidden_slides": reader.hidden}
        return Parsed(pages, metadata)


def _list_slides(package: OoxmlPackage, main: str, presentation: etree._Element) -> list[str]:
    """The parts of the slides in the order of the presentation, which differs from that of their names."""
    names = {key: name for key, kind, name in package.relations(main) if kind == "slide"}
    ids = [relation_id(item) for item in children(child(presentation, "sldIdLst"))]
    return [names[key] for key in dict.fromkeys(ids) if key in names]


class _SlideReader:
    """Reads the slides of one presentation."""

    def __init__(self, package: OoxmlPackage, main: str, limits: Limits) -> None:
        self._package = package
        self._layouts = Layouts(package)
        self._authors = read_authors(package, main)
        self._budget = Budget(limits.characters, "It contains more text than is allowed.")
        self.hidden: list[int] = []
        """The numbers of slides that a presentation does not show."""

    def read(self, number: int, name: str) -> Page:
        """A slide as a page: its title, its shapes in reading order, its notes and comments."""
        slide = self._package.read(name)
        if slide is None:
            raise DocumentDamagedError(f"The part {name} is missing.")
        if slide.get("show") in _OFF:
            self.hidden.append(number)
        shapes = ShapeReader(Part(self._package, name), name, self._layouts, self._budget)
        title, texts = shapes.read(child(slide, "cSld", "spTree"))
        blocks = [write_heading(1, title), *texts, *self._read_related(name, shapes.shown)]
        return Page(number, "\n\n".join(filter(None, blocks)))

    def _read_related(self, name: str, shown: set[str]) -> Iterator[str]:
        """Diagrams that no shape shows, the speaker's notes and the comments."""
        targets = list(self._package.targets(name))
        for kind, target in targets:
            if kind == "diagramData" and target not in shown:
                diagram = self._package.read_optional(target)
                yield "\n".join(list_texts(diagram)) if diagram is not None else ""
        for kind, target in targets:
            if kind == "notesSlide":
                text = "\n".join(self._read_notes(target))
                yield f"Notes: {text}" if text else ""
        for kind, target in targets:
            comments = self._package.read_optional(target) if kind == "comments" else None
            yield "\n".join(list_comments(comments, self._authors)) if comments is not None else ""

    def _read_notes(self, name: str) -> Iterator[str]:
        """The speaker's notes, without the picture of the slide and the header of the notes page."""
        links = self._package.links(name)
        for shape in children(child(self._package.read(name), "cSld", "spTree")):
            if kind_of(placeholder(shape)) == "body":
                yield from list_paragraphs(shape, links)
