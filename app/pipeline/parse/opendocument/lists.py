"""The numbers of list items and headings in OpenDocument files (OpenDocument 1.3, part 3, 5.3)."""

from dataclasses import dataclass, field

from lxml import etree

from app.pipeline.parse.opendocument.styles import Level, Styles, write_marker
from app.pipeline.parse.xml import attribute, local, to_integer


@dataclass(slots=True)
class List:
    """A list that is being read, at one depth.

    Attributes:
        style: The name of its style; lists within it have the same one unless they name another.
        depth: From 1.
        counts: The numbers of all depths, shared with the lists within it.
        start: The number that the next item states.
        is_pending: Whether the next paragraph is the first of its item, which has the marker.
    """

    style: str
    depth: int
    counts: dict[int, int]
    start: int | None = None
    is_pending: bool = False

    def begin_item(self, element: etree._Element) -> None:
        """Begin a ``text:list-item``, or a ``text:list-header``, which has no number."""
        start = attribute(element, "start-value")
        self.start = None if start is None else to_integer(start, 1)
        self.is_pending = local(element) == "list-item"


@dataclass(slots=True)
class Lists:
    """Counts the items of all lists of a document."""

    styles: Styles
    _by_id: dict[str, dict[int, int]] = field(default_factory=dict)
    _by_style: dict[str, dict[int, int]] = field(default_factory=dict)
    _headings: dict[int, int] = field(default_factory=dict)

    def open(self, element: etree._Element, around: List | None) -> List:
        """Begin a ``text:list``; ``around`` is the list that contains it."""
        if around is not None:
            return List(attribute(element, "style-name") or around.style, around.depth + 1, around.counts)
        style = attribute(element, "style-name") or ""
        counts: dict[int, int] = {}
        if continued := attribute(element, "continue-list"):
            counts = self._by_id.get(continued, counts)
        elif attribute(element, "continue-numbering") == "true":
            counts = self._by_style.get(style, counts)
        self._by_id[attribute(element, "id") or ""] = self._by_style[style] = counts
        return List(style, 1, counts)

    def mark(self, current: List) -> str:
        """The marker of the paragraph that is read; only the first of an item has one."""
        if not current.is_pending:
            return ""
        current.is_pending = False
        return self._count(self.styles.levels_of(current.style), current.depth, current.counts, current.start)

    def mark_heading(self, heading: etree._Element, depth: int) -> str:
        """The number of a heading outside lists."""
        if self.styles.outline.get(depth) is None or attribute(heading, "is-list-header") == "true":
            return ""
        start = attribute(heading, "start-value") if attribute(heading, "restart-numbering") == "true" else None
        first = to_integer(start, 1) if start is not None else None
        return self._count(self.styles.outline, depth, self._headings, first)

    def _count(self, levels: dict[int, Level | None], depth: int, counts: dict[int, int], start: int | None) -> str:
        level = levels.get(depth)
        first = level.start if level else 1
        counts[depth] = start if start is not None else counts.get(depth, first - 1) + 1
        for deeper in [other for other in counts if other > depth]:
            del counts[deeper]
        return write_marker(levels, depth, counts)
