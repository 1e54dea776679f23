"""The markers of numbered and bulleted paragraphs in a Word document, which are not part of their text."""

from collections import defaultdict
from dataclasses import dataclass, field

from lxml import etree

from app.pipeline.parse.xml import attribute, child, children, local, to_integer

_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"))
_DEPTHS = range(9)
"""The levels that a list has (ECMA-376, part 1, 17.9.3). Others are ignored: each marker is written from all above."""
_ROMAN_ONES = ((10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))


@dataclass(slots=True)
class _Level:
    form: str
    template: str
    start: int


@dataclass(slots=True)
class Numbering:
    """Counts list paragraphs in document order (ECMA-376, part 1, 17.9)."""

    _levels: dict[str, dict[int, _Level]] = field(default_factory=dict)
    _lists: dict[str, str] = field(default_factory=dict)
    _styles: dict[str, tuple[str, int]] = field(default_factory=dict)
    _counts: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))

    def load(self, numbering: etree._Element | None, styles: etree._Element | None) -> None:
        """Read the definitions in the numbering part and the styles part."""
        for item in children(numbering):
            if local(item) == "abstractNum":
                self._levels[attribute(item, "abstractNumId") or ""] = dict(_read_levels(item))
            elif local(item) == "num":
                self._lists[attribute(item, "numId") or ""] = attribute(child(item, "abstractNumId"), "val") or ""
        for style in children(styles):
            properties = child(style, "pPr", "numPr")
            number = attribute(child(properties, "numId"), "val")
            if number:
                level = to_integer(attribute(child(properties, "ilvl"), "val"), 0)
                self._styles[attribute(style, "styleId") or ""] = (number, level)

    def mark(self, properties: etree._Element | None) -> str:
        """The marker of the next paragraph, such as ``2.1.`` or ``-``; empty for a paragraph outside lists."""
        number, depth = self._find_list(properties)
        list_id = self._lists.get(number)
        level = self._levels.get(list_id or "", {}).get(depth)
        if list_id is None or level is None or level.form == "none":
            return ""
        if level.form == "bullet":
            return "-"
        counts = self._counts[list_id]
        counts[depth] = counts.get(depth, level.start - 1) + 1
        for deeper in [other for other in counts if other > depth]:
            del counts[deeper]
        return self._write(list_id, depth)

    def _find_list(self, properties: etree._Element | None) -> tuple[str, int]:
        """The id of a paragraph's list and the level in it, from its own properties or its style."""
        style = attribute(child(properties, "pStyle"), "val") or ""
        number, depth = self._styles.get(style, ("", 0))
        own = child(properties, "numPr")
        number = attribute(child(own, "numId"), "val") or number
        return number, to_integer(attribute(child(own, "ilvl"), "val"), depth)

    def _write(self, list_id: str, depth: int) -> str:
        levels, counts = self._levels[list_id], self._counts[list_id]
        text = levels[depth].template
        for above in range(depth + 1):
            level = levels.get(above)
            if level is not None:
                text = text.replace(f"%{above + 1}", _write_number(counts.get(above, level.start), level.form))
        return text


def _read_levels(definition: etree._Element) -> list[tuple[int, _Level]]:
    return [
        (
            depth,
            _Level(
                attribute(child(item, "numFmt"), "val") or "decimal",
                attribute(child(item, "lvlText"), "val") or "",
                to_integer(attribute(child(item, "start"), "val"), 1),
            ),
        )
        for item in definition
        if local(item) == "lvl" and (depth := to_integer(attribute(item, "ilvl"), 0)) in _DEPTHS
    ]


def _write_number(number: int, form: str) -> str:
    if form.endswith("Letter") and number > 0:
        # Word counts a … z, aa, bb, …
        text = chr(ord("a") + (number - 1) % 26) * min((number - 1) // 26 + 1, 10)
    elif form.endswith("Roman") and 0 < number < 4000:  # noqa: PLR2004, the range of Roman numerals
        text = ""
        for value, sign in (*_ROMAN, *_ROMAN_ONES):
            text += sign * (number // value)
            number %= value
    else:
        return str(number)
    return text.upper() if form.startswith("upper") else text
