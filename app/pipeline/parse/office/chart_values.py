"""The cached values of charts: names, categories and numbers."""

from lxml import etree

from app.pipeline.parse.office.number_formats import find_format
from app.pipeline.parse.xml import attribute, child, children, local, to_integer

Points = dict[int, str]
"""Values by their position in a series."""

_CACHES = ("{*}strCache", "{*}numCache", "{*}strLit", "{*}numLit")


def read_points(source: etree._Element | None) -> Points:
    """The values below an element such as ``c:cat``, ``c:val`` or ``cx:strDim``; levels of categories are joined."""
    if source is None:
        return {}
    levels = [_read_level(level) for level in source.iter("{*}lvl")]
    if levels:
        return _join_levels(levels)
    direct = child(source, "v") if child(source, "v") is not None else child(source, "txData", "v")
    if direct is not None:
        return {0: direct.text or ""}
    return next((_read_level(cache) for cache in source.iter(*_CACHES)), {})


def _read_level(level: etree._Element) -> Points:
    code = _text(child(level, "formatCode")) or attribute(level, "formatCode") or ""
    points: Points = {}
    for point in children(level):
        if local(point) == "pt":
            index = to_integer(attribute(point, "idx"), len(points))
            text = _text(child(point, "v")) or (point.text or "").strip()
            points[index] = _write_value(text, attribute(point, "formatCode") or code)
    return points


def _join_levels(levels: list[Points]) -> Points:
    """Categories of several levels, such as ``2025 Q1``. A name of an outer level holds until the next one."""
    joined: Points = {}
    current = [""] * len(levels)
    for index in sorted({index for level in levels for index in level}):
        for place, level in enumerate(levels):
            current[place] = level.get(index, current[place] if place else "")
        joined[index] = " ".join(filter(None, reversed(current)))
    return joined


def _text(element: etree._Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def _write_value(text: str, code: str) -> str:
    """A cached value as the chart shows it."""
    return find_format(0, code).show(text) if code else text
