"""Text boxes, alternative texts and charts that lie on a sheet."""

from collections.abc import Iterator

from lxml import etree

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.office.charts import read_charts
from app.pipeline.parse.office.package import OoxmlPackage
from app.pipeline.parse.xml import child, children, local, to_integer


def read_drawings(package: OoxmlPackage, part: str, budget: Budget) -> Iterator[str]:
    """The texts of the shapes on the sheet in ``part``, from top to bottom, then its charts.

    Raises:
        DocumentDamagedError, DocumentEncryptedError, ParseLimitExceededError
    """
    for name in [name for kind, name in package.targets(part) if kind == "drawing"]:
        anchors = sorted(children(package.read_optional(name)), key=_find_place)
        for text in (text for anchor in anchors for text in _list_texts(anchor)):
            budget.spend(len(text))
            yield text
        yield from read_charts(package, name, budget)


def _find_place(anchor: etree._Element) -> tuple[int, int]:
    """The row and column of the upper left corner."""
    corner = child(anchor, "from")
    row, column = child(corner, "row"), child(corner, "col")
    return tuple(to_integer(item.text if item is not None else None, 0) for item in (row, column))  # type: ignore[return-value]


def _list_texts(anchor: etree._Element) -> Iterator[str]:
    """The text of each shape in an anchor, and the alternative text of each picture."""
    for item in anchor.iter("{*}txBody", "{*}cNvPr"):
        if local(item) == "txBody":
            lines = ("".join(run.text or "" for run in paragraph.iter("{*}t")) for paragraph in item.iter("{*}p"))
            if text := "\n".join(line for line in lines if line.strip()):
                yield text
        elif local(item.getparent()) == "nvPicPr" and (text := " ".join((item.get("descr") or "").split())):
            yield text
