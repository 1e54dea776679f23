"""The styles of an OpenDocument file that decide what is shown: lists, numbered headings and hidden text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from app.pipeline.parse.office.numerals import write_number
from app.pipeline.parse.office.scripts import Script
from app.pipeline.parse.xml import attribute, child, children, local, to_integer

_FORMS = {"1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_PLACE = re.compile(r"%(\d{1,2})%")
BULLET = "-"


@dataclass(frozen=True, slots=True)
class Level:
    """How one level of a list is numbered."""

    form: str
    """A form of ``write_number``; empty for levels without a number."""
    prefix: str
    suffix: str
    shown: int
    """The number of levels whose numbers are shown."""
    start: int
    template: str
    """The whole marker with places such as ``%1%``; empty where prefix and suffix are used."""


class Styles:
    """The styles in the parts of a document."""

    def __init__(self, *roots: etree._Element | None) -> None:
        self._lists: dict[str, dict[int, Level | None]] = {}
        self.outline: dict[int, Level | None] = {}
        self._hidden: set[str] = set()
        self._scripts: dict[str, Script] = {}
        for root in roots:
            for item in _list_styles(root):
                self._add(item)

    def levels_of(self, style: str) -> dict[int, Level | None]:
        """The levels of a list style, from 1; None for levels with bullets. Empty for an unknown style."""
        return self._lists.get(style, {})

    def hides(self, element: etree._Element) -> bool:
        """Whether a paragraph, span or section is hidden."""
        display = attribute(element, "display")
        if display == "none" or (display == "condition" and attribute(element, "is-hidden") == "true"):
            return True
        return bool(self._hidden) and (attribute(element, "style-name") or "") in self._hidden

    def script_of(self, span: etree._Element) -> Script | None:
        """Whether a span is a superscript or a subscript."""
        return self._scripts.get(attribute(span, "style-name") or "") if self._scripts else None

    def _add(self, item: etree._Element) -> None:
        name = attribute(item, "name") or ""
        if local(item) == "list-style":
            self._lists[name] = dict(_read_levels(item))
        elif local(item) == "outline-style":
            self.outline = dict(_read_levels(item))
        else:
            self._add_text_properties(name, child(item, "text-properties"))

    def _add_text_properties(self, name: str, properties: etree._Element | None) -> None:
        if attribute(properties, "display") == "none":
            self._hidden.add(name)
        position = attribute(properties, "text-position") or "0%"
        if position.startswith(("super", "sub")):
            self._scripts[name] = "super" if position.startswith("super") else "sub"
        elif not position.startswith("0"):
            self._scripts[name] = "sub" if position.startswith("-") else "super"


def write_marker(levels: dict[int, Level | None], depth: int, counts: dict[int, int]) -> str:
    """The marker of an item at ``depth``, from the number of each level; empty where it has none."""
    level = levels.get(depth)
    if level is None:
        return BULLET if depth in levels or not levels else ""
    if not level.form:
        return ""

    def write(at: int) -> str:
        found = levels.get(at)
        return write_number(counts.get(at, found.start), found.form) if found and found.form else ""

    if level.template:
        return _PLACE.sub(lambda match: write(int(match[1])), level.template).strip()
    numbers = filter(None, map(write, range(max(depth - level.shown, 0) + 1, depth + 1)))
    return f"{level.prefix}{'.'.join(numbers)}{level.suffix}".strip()


def _list_styles(root: etree._Element | None) -> Iterator[etree._Element]:
    for group in children(root):
        if local(group) in {"styles", "automatic-styles"}:
            yield from (item for item in group if local(item) in {"list-style", "outline-style", "style"})


def _read_levels(style: etree._Element) -> Iterator[tuple[int, Level | None]]:
    for item in style:
        depth = to_integer(attribute(item, "level"), 0)
        if local(item) in {"list-level-style-number", "outline-level-style"}:
            form = attribute(item, "num-format") or ""
            yield (
                depth,
                Level(
                    _FORMS.get(form, "decimal") if form else "",
                    attribute(item, "num-prefix") or "",
                    attribute(item, "num-suffix") or "",
                    to_integer(attribute(item, "display-levels"), 1),
                    to_integer(attribute(item, "start-value"), 1),
                    attribute(item, "num-list-format") or "",
                ),
            )
        elif depth:
            yield depth, None
