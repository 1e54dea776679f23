"""Charts of Office as tables (ECMA-376, part 1, 21.2, and the charts of Office 2016, [MS-ODRAWXML], 2.24).

A chart becomes its title and a table: a row for each category, a column for each series. The values are the ones that
the file caches, as the chart shows them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from lxml import etree

from app.pipeline.parse.limits import Budget
from app.pipeline.parse.office.chart_values import Points, read_points
from app.pipeline.parse.office.package import OoxmlPackage
from app.pipeline.parse.rendering.tables import Table
from app.pipeline.parse.xml import attribute, child, local

_AXES = ("{*}catAx", "{*}valAx", "{*}dateAx", "{*}serAx", "{*}axis")
_MAX_SERIES = 500
CHART_KINDS = {"chart", "chartEx"}
"""The kinds of relations that lead to charts."""


@dataclass(slots=True)
class _Series:
    """One series: its name, and the values by the number of their category."""

    name: str
    categories: Points
    values: Points
    sizes: Points = field(default_factory=dict)


def write_chart(chart: etree._Element, budget: Budget) -> list[str]:
    """The title of a chart and its tables; nothing for a chart without text and values.

    Args:
        chart: The root of the chart part.
        budget: Limits the characters.

    Raises:
        ParseLimitExceededError
    """
    title = _read_title(child(chart, "chart"))
    axes = dict.fromkeys(filter(None, map(_read_title, chart.iter(*_AXES))))
    series = list(islice(_read_series(chart), _MAX_SERIES))
    return list(filter(None, [title, f"Axes: {', '.join(axes)}" if axes else "", *_write_series(series, budget)]))


def _write_series(series: list[_Series], budget: Budget) -> Iterator[str]:
    """A table for each run of series with the same categories."""
    while series:
        first, count = series[0], 1
        while count < len(series) and _share_categories(first, series[count]):
            count += 1
        yield _write_table(series[:count], budget)
        series = series[count:]


def _share_categories(first: _Series, other: _Series) -> bool:
    return (not other.categories or first.categories == other.categories) and not other.sizes and not first.sizes


def _write_table(series: list[_Series], budget: Budget) -> str:
    table = Table(budget)
    names = [one.name or f"Series {number}" for number, one in enumerate(series, 1)]
    columns = [one.values for one in series]
    if series[0].sizes:
        names, columns = [*names, "Size"], [*columns, series[0].sizes]
    table.add_row(["", *names], header=True)
    categories = series[0].categories
    for index in sorted({*categories, *(index for column in columns for index in column)}):
        category = categories.get(index, "" if categories else str(index + 1))
        table.add_row([category, *(column.get(index, "") for column in columns)])
    return table.write()


def _read_series(chart: etree._Element) -> Iterator[_Series]:
    for item in chart.iter("{*}ser"):
        parent = item.getparent()
        if parent is not None and local(parent).endswith("Chart"):  # others are filtered out of the chart
            yield _Series(
                _first(read_points(child(item, "tx"))),
                read_points(_either(item, "cat", "xVal")),
                read_points(_either(item, "val", "yVal")),
                read_points(child(item, "bubbleSize")),
            )
    data = {attribute(item, "id"): item for item in chart.iter("{*}data")}
    for item in chart.iter("{*}series"):
        found = data.get(attribute(child(item, "dataId"), "val"))
        name = _first(read_points(child(item, "tx")))
        yield _Series(name, read_points(child(found, "strDim")), read_points(child(found, "numDim")))


def _either(element: etree._Element, *names: str) -> etree._Element | None:
    return next((found for name in names if (found := child(element, name)) is not None), None)


def _first(points: Points) -> str:
    return " ".join(points[index] for index in sorted(points))


def _read_title(element: etree._Element | None) -> str:
    title = child(element, "title")
    if title is None:
        return ""
    text = " ".join("".join(_runs(paragraph)) for paragraph in title.iter("{*}p"))
    return " ".join(text.split()) or _first(read_points(child(title, "tx")))


def _runs(paragraph: etree._Element) -> Iterator[str]:
    for item in paragraph.iter("{*}t", "{*}br"):
        yield (item.text or "") if local(item) == "t" else " "


def read_charts(package: OoxmlPackage, part: str, budget: Budget) -> Iterator[str]:
    """The text of the charts to which a part, such as a drawing, refers. Damaged charts are left out.

    Raises:
        DocumentEncryptedError, ParseLimitExceededError
    """
    for name in dict.fromkeys(name for kind, name in package.targets(part) if kind in CHART_KINDS):
        chart = package.read_optional(name)
        if chart is not None and (blocks := write_chart(chart, budget)):
            yield "\n\n".join(blocks)
