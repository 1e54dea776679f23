"""SmartArt: the texts of a diagram in the order in which it shows them (ECMA-376, part 1, 21.4)."""

from collections.abc import Iterator

from lxml import etree

from app.pipeline.parse.office.drawing_text import write_paragraph
from app.pipeline.parse.xml import attribute, child, children, local, to_integer

_SILENT = {"pres", "parTrans", "sibTrans"}
"""Points that place the shapes of others."""


def list_texts(diagram: etree._Element) -> list[str]:
    """The text of each point of a diagram, given as the root of its data part; parents before their children."""
    points = {
        attribute(point, "modelId") or "": point
        for point in children(child(diagram, "ptLst"))
        if local(point) == "pt" and attribute(point, "type") not in _SILENT
    }
    if not points:
        return [text for paragraph in diagram.iter("{*}p") if (text := write_paragraph(paragraph)).strip()]
    ordered = dict.fromkeys([*_walk(diagram, points), *points])
    return [
        text
        for key in ordered
        for paragraph in points[key].iter("{*}p")
        if (text := " ".join(write_paragraph(paragraph).split()))
    ]


def _walk(diagram: etree._Element, points: dict[str, etree._Element]) -> Iterator[str]:
    """The ids of the points below the root of the diagram, depth first."""
    below: dict[str, list[tuple[int, str]]] = {}
    for link in children(child(diagram, "cxnLst")):
        if attribute(link, "type") in {None, "parOf"}:
            order = to_integer(attribute(link, "srcOrd"), 0)
            below.setdefault(attribute(link, "srcId") or "", []).append((order, attribute(link, "destId") or ""))
    waiting = [key for key, point in points.items() if attribute(point, "type") == "doc"]
    seen = set(waiting)
    while waiting:
        key = waiting.pop()
        yield key
        following = [to for _, to in sorted(below.get(key, ()), reverse=True) if to in points and to not in seen]
        seen.update(following)
        waiting += following
