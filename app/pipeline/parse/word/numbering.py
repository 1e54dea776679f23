"""The markers of numbered and bulleted paragraphs in a Word document, which are not part of their text."""

from collections import defaultdict
from dataclasses import dataclass, field

from lxml import etree

from app.pipeline.parse.office.numerals import write_number
from app.pipeline.parse.word.fields import is_on
from app.pipeline.parse.word.styles import Styles
from app.pipeline.parse.xml import attribute, child, children, local, to_integer

_DEPTHS = range(9)
"""The levels that a list has (ECMA-376, part 1, 17.9.3). Others are ignored: each marker is written from all above."""


@dataclass(frozen=True, slots=True)
class _Level:
    form: str
    template: str
    start: int
    is_legal: bool
    """Whether the numbers of all levels above are in digits."""
    suffix: str
    restart: int | None
    """The last level, from 1, whose paragraphs restart this one: 0 for none, None for all above."""
    style: str


@dataclass(slots=True)
class _List:
    """A ``num`` element: the definition that it uses, and the levels that it changes."""

    definition: str
    levels: dict[int, _Level] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)
    """Levels that start again with the first paragraph of this list."""


class Numbering:
    """Counts list paragraphs in document order (ECMA-376, part 1, 17.9)."""

    def __init__(self, numbering: etree._Element | None, styles: Styles) -> None:
        self._styles = styles
        self._definitions: dict[str, dict[int, _Level]] = {}
        self._lists: dict[str, _List] = {}
        self._counts: dict[str, dict[int, int]] = defaultdict(dict)
        linked: dict[str, str] = {}
        for item in children(numbering):
            if local(item) == "abstractNum":
                key = attribute(item, "abstractNumId") or ""
                self._definitions[key] = dict(_read_levels(item))
                if style := attribute(child(item, "numStyleLink"), "val"):
                    linked[key] = style
            elif local(item) == "num":
                self._lists[attribute(item, "numId") or ""] = self._read_list(item)
        for key, style in linked.items():
            number = self._styles.numbering_of(style)
            if number and number[0] in self._lists:
                self._definitions[key] = self._definitions.get(self._lists[number[0]].definition, {})

    def mark(self, properties: etree._Element | None) -> str:
        """The marker of the next paragraph with the space after it, such as ``2.1. ``; empty outside lists."""
        number, depth = self._find_list(properties)
        found = self._lists.get(number)
        if found is None:
            return ""
        levels = {**self._definitions.get(found.definition, {}), **found.levels}
        level = levels.get(depth)
        if level is None:
            return ""
        counts = self._counts[found.definition]
        if depth in found.starts:
            counts[depth] = found.starts.pop(depth) - 1
        counts[depth] = counts.get(depth, level.start - 1) + 1
        for deeper in [other for other in counts if other > depth]:
            if deeper not in levels or _restarts(levels[deeper], depth):
                del counts[deeper]
        text = "-" if level.form == "bullet" else _write(levels, depth, counts)
        return f"{text}{'' if level.suffix == 'nothing' else ' '}" if text else ""

    def _find_list(self, properties: etree._Element | None) -> tuple[str, int]:
        """The id of a paragraph's list and the level in it, from its own properties or its style."""
        style = attribute(child(properties, "pStyle"), "val") or ""
        number, depth = self._styles.numbering_of(style) or ("", None)
        own = child(properties, "numPr")
        number = attribute(child(own, "numId"), "val") or number
        if depth is None:
            depth = self._find_depth(number, style)
        return number, to_integer(attribute(child(own, "ilvl"), "val"), depth)

    def _find_depth(self, number: str, style: str) -> int:
        """The level that a list assigns to a style; the first where it assigns none."""
        found = self._lists.get(number)
        levels = self._definitions.get(found.definition, {}) if found else {}
        return next((depth for depth, level in levels.items() if style and level.style == style), 0)

    def _read_list(self, item: etree._Element) -> _List:
        found = _List(attribute(child(item, "abstractNumId"), "val") or "")
        for override in item:
            depth = to_integer(attribute(override, "ilvl"), 0)
            if local(override) == "lvlOverride" and depth in _DEPTHS:
                found.levels |= dict(_read_levels(override))
                start = attribute(child(override, "startOverride"), "val")
                if start is not None:
                    found.starts[depth] = to_integer(start, 1)
        return found


def _restarts(level: _Level, depth: int) -> bool:
    """Whether a level begins again after a paragraph of the level ``depth``."""
    return level.restart is None or depth < level.restart


def _write(levels: dict[int, _Level], depth: int, counts: dict[int, int]) -> str:
    text = levels[depth].template
    for above in range(depth + 1):
        level = levels.get(above)
        if level is not None:
            form = "decimal" if levels[depth].is_legal else level.form
            text = text.replace(f"%{above + 1}", write_number(counts.get(above, level.start), form))
    return text


def _read_levels(definition: etree._Element) -> list[tuple[int, _Level]]:
    return [
        (depth, _read_level(item))
        for item in definition
        if local(item) == "lvl" and (depth := to_integer(attribute(item, "ilvl"), 0)) in _DEPTHS
    ]


def _read_level(item: etree._Element) -> _Level:
    form = child(item, "numFmt")
    if form is None:
        form = child(item, "AlternateContent", "Choice", "numFmt")
    restart = attribute(child(item, "lvlRestart"), "val")
    return _Level(
        attribute(form, "format") or attribute(form, "val") or "decimal",
        attribute(child(item, "lvlText"), "val") or "",
        to_integer(attribute(child(item, "start"), "val"), 1),
        is_on(child(item, "isLgl")),
        attribute(child(item, "suff"), "val") or "tab",
        None if restart is None else to_integer(restart, 0),
        attribute(child(item, "pStyle"), "val") or "",
    )
