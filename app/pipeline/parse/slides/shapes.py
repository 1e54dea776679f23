"""The shapes of a slide as blocks of text in reading order."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.office.alternatives import choose
from app.pipeline.parse.office.charts import write_chart
from app.pipeline.parse.office.diagrams import list_texts
from app.pipeline.parse.office.package import Part
from app.pipeline.parse.office.pictures import read_alternative
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.slides.order import Box, sort_boxes
from app.pipeline.parse.slides.paragraphs import list_paragraphs
from app.pipeline.parse.slides.places import Layouts, kind_of, placeholder, read_box
from app.pipeline.parse.slides.tables import write_table
from app.pipeline.parse.xml import attribute, child, children, local

TITLES = {"title", "ctrTitle"}
_DRAWN = {"sp", "grpSp", "graphicFrame", "pic", "cxnSp", "contentPart"}


@dataclass(frozen=True, slots=True)
class _Shape:
    box: Box
    blocks: list[str]
    is_title: bool = False


class ShapeReader:
    """Reads the shapes of one slide.

    Args:
        slide: The slide's part.
        name: The name of that part.
        layouts: The positions of placeholders.
        budget: Limits the characters of tables.

    Attributes:
        shown: The relation ids of the diagrams that shapes show.
    """

    def __init__(self, slide: Part, name: str, layouts: Layouts, budget: Budget) -> None:
        self._part = slide
        self._name = name
        self._layouts = layouts
        self._budget = budget
        self.shown: set[str] = set()

    def read(self, tree: etree._Element | None) -> tuple[str, list[str]]:
        """The title of the slide, and the texts of its other shapes in reading order."""
        shapes = list(self._shapes(tree))
        title = next((shape for shape in shapes if shape.is_title and shape.blocks), None)
        others = [shape for shape in shapes if shape is not title and shape.blocks]
        order = sort_boxes([shape.box for shape in others])
        return " ".join(title.blocks) if title else "", [text for index in order for text in others[index].blocks]

    def _shapes(self, tree: etree._Element | None) -> Iterator[_Shape]:
        for item in children(tree):
            if local(item) == "AlternateContent":
                yield from self._shapes(choose(item))
            elif local(item) in _DRAWN:
                place = placeholder(item)
                kind = kind_of(place)
                if not _is_filled_in(item, kind) and not _is_hidden(item):
                    box = read_box(item) or self._layouts.find_box(self._name, place)
                    yield _Shape(box, list(filter(None, self._blocks(item))), kind in TITLES)

    def _blocks(self, shape: etree._Element) -> Iterator[str]:
        name = local(shape)
        if name == "sp":
            text = "\n".join(list_paragraphs(shape, self._part.links))
            yield self._link(shape, text) if text else self._alternative(shape)
            return
        yield self._alternative(shape)
        if name == "grpSp":
            title, texts = self.read(shape)
            yield from (title, *texts)
        elif name == "graphicFrame":
            yield from self._frame(shape)

    def _frame(self, frame: etree._Element) -> Iterator[str]:
        for item in frame.iter("{*}tbl", "{*}chart", "{*}relIds"):
            name = local(item)
            if name == "tbl":
                yield write_table(item, self._part.links, self._budget)
            elif name == "chart":
                chart = self._part.read(attribute(item, "id"))
                yield from write_chart(chart, self._budget) if chart is not None else ()
            elif name == "relIds":
                key = attribute(item, "dm") or ""
                self.shown.add(self._part.find(key))
                diagram = self._part.read(key)
                yield "\n".join(list_texts(diagram)) if diagram is not None else ""

    def _alternative(self, shape: etree._Element) -> str:
        properties = _properties(shape)
        return read_alternative(properties, self._part.links) if properties is not None else ""

    def _link(self, shape: etree._Element, text: str) -> str:
        """The text of a shape, with the address to which a click on the shape leads."""
        click = child(_properties(shape), "hlinkClick")
        return write_link(text, self._part.links.get(attribute(click, "id") or "")) if click is not None else text


def _properties(shape: etree._Element) -> etree._Element | None:
    """The ``cNvPr`` of a shape: its name, alternative text and link."""
    return child(next((item for item in shape if local(item).startswith("nv")), None), "cNvPr")


def _is_filled_in(shape: etree._Element, kind: str) -> bool:
    """Whether PowerPoint fills in the text of a placeholder: the number of the slide, or the date of the day."""
    return kind == "sldNum" or (kind == "dt" and next(shape.iter("{*}fld"), None) is not None)


def _is_hidden(shape: etree._Element) -> bool:
    return attribute(_properties(shape), "hidden") in {"1", "true"}
