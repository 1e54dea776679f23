"""Text boxes, alternative texts, diagrams and charts that lie on a sheet."""

from collections.abc import Iterator, Mapping

from lxml import etree

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.office.charts import read_charts
from app.pipeline.parse.office.diagrams import list_texts
from app.pipeline.parse.office.drawing_text import write_paragraph
from app.pipeline.parse.office.package import OoxmlPackage
from app.pipeline.parse.office.pictures import read_alternative
from app.pipeline.parse.xml import child, children, local, to_integer


def read_drawings(package: OoxmlPackage, part: str, budget: Budget) -> Iterator[str]:
    """The texts of the shapes on the sheet in ``part``, from top to bottom, then its diagrams and charts.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    for name in [name for kind, name in package.targets(part) if kind == "drawing"]:
        links = package.links(name)
        anchors = sorted(children(package.read_optional(name)), key=_find_place)
        texts = [text for anchor in anchors for text in _list_texts(anchor, links)]
        for diagram in [
            package.read_optional(target) for kind, target in package.targets(name) if kind == "diagramData"
        ]:
            texts += ["\n".join(list_texts(diagram))] if diagram is not None else []
        for text in filter(None, texts):
            budget.spend(len(text))
            yield text
        yield from read_charts(package, name, budget)


def _find_place(anchor: etree._Element) -> tuple[int, int]:
    """The row and column of the upper left corner."""
    corner = child(anchor, "from")
    row, column = child(corner, "row"), child(corner, "col")
    return _to_number(row), _to_number(column)


def _to_number(element: etree._Element | None) -> int:
    return to_integer(element.text if element is not None else None, 0)


def _list_texts(anchor: etree._Element, links: Mapping[str, str]) -> Iterator[str]:
    """The alternative text and the text of each shape in an anchor."""
    for item in anchor.iter("{*}txBody", "{*}cNvPr"):
        if local(item) == "cNvPr":
            yield read_alternative(item, links)
        else:
            lines = (write_paragraph(paragraph, links) for paragraph in item.iter("{*}p"))
            yield "\n".join(line for line in lines if line.strip())
