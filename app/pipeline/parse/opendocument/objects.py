"""The objects within OpenDocument files: formulas and charts (OpenDocument 1.3, part 3, 11), and documents of text."""

from collections.abc import Iterator
from typing import Protocol

from lxml import etree

from app.pipeline.parse.opendocument.package import OdfPackage
from app.pipeline.parse.web.formulas import write_formula
from app.pipeline.parse.xml import child, local


class TableWriter(Protocol):
    """Writes the tables of charts."""

    def write_table(self, table: etree._Element) -> str:
        """The rows of a table as lines."""


def write_object(package: OdfPackage, reference: etree._Element, writer: TableWriter) -> list[str]:
    """The text of the object to which a ``draw:object`` refers: a formula, or a chart's titles and table."""
    root = package.read_object(reference)
    if root is None:
        return []
    if local(root) == "math":
        return [write_formula(root)]
    chart = child(root, "body", "chart", "chart")
    return list(filter(None, _write_chart(chart, writer))) if chart is not None else []


def _write_chart(chart: etree._Element, writer: TableWriter) -> Iterator[str]:
    for name in ("title", "subtitle"):
        yield _read_title(child(chart, name))
    area = child(chart, "plot-area")
    axes = [_read_title(child(axis, "title")) for axis in area if local(axis) == "axis"] if area is not None else []
    named = list(filter(None, axes))
    yield f"Axes: {', '.join(named)}" if named else ""
    table = child(chart, "table")
    yield writer.write_table(table) if table is not None else ""


def _read_title(title: etree._Element | None) -> str:
    return " ".join("".join(map(str, title.itertext())).split()) if title is not None else ""
