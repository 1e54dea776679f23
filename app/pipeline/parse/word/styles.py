"""The properties that the styles of a Word document give to its paragraphs: heading levels, lists and hidden text."""

import re
from collections.abc import Iterator

from lxml import etree

from app.pipeline.parse.word.fields import is_on
from app.pipeline.parse.xml import attribute, child, children, local, to_integer

_HEADING = re.compile(r"heading ([1-9])")
"""The names of built-in styles are English in every language of Word; only their ids are translated."""
_BODY_LEVEL = 9
_MAX_CHAIN = 20


class Styles:
    """The styles by their ids. A property that a style does not state is that of the style it is based on."""

    def __init__(self, root: etree._Element | None) -> None:
        self._styles = {attribute(item, "styleId") or "": item for item in children(root) if local(item) == "style"}
        hides_some = root is not None and next(root.iter("{*}vanish"), None) is not None  # in few documents
        self._hiding = {key for key in self._styles if self._hides_text(key)} if hides_some else set[str]()

    def heading_level(self, properties: etree._Element | None) -> int:
        """The heading level of a paragraph, 1 to 9, from its own outline level or its style; 0 for body text."""
        own = child(properties, "outlineLvl")
        if own is not None:
            return _to_level(own)
        for style in self.chain(properties):
            outline = child(style, "pPr", "outlineLvl")
            if outline is not None:
                return _to_level(outline)
            named = _HEADING.fullmatch((attribute(child(style, "name"), "val") or "").lower())
            if named:
                return int(named[1])
        return 0

    def hides(self, run_properties: etree._Element | None, paragraph_properties: etree._Element | None) -> bool:
        """Whether a run is hidden text, by its own properties, its style or the style of its paragraph."""
        own = child(run_properties, "vanish")
        if own is not None:
            return is_on(own)
        if not self._hiding:
            return False
        names = (
            attribute(child(run_properties, "rStyle"), "val"),
            attribute(child(paragraph_properties, "pStyle"), "val"),
        )
        return any(name in self._hiding for name in names)

    def chain(self, properties: etree._Element | None) -> Iterator[etree._Element]:
        """The style of a paragraph, and those it is based on."""
        return self._chain(attribute(child(properties, "pStyle"), "val"))

    def numbering_of(self, style: str) -> tuple[str, int | None] | None:
        """The list of a style's paragraphs, and the level in it where the style states one; None outside lists."""
        for item in self._chain(style):
            properties = child(item, "pPr", "numPr")
            if number := attribute(child(properties, "numId"), "val"):
                level = attribute(child(properties, "ilvl"), "val")
                return number, None if level is None else to_integer(level, 0)
        return None

    def _hides_text(self, key: str) -> bool:
        vanish = (child(style, "rPr", "vanish") for style in self._chain(key))
        return is_on(next((found for found in vanish if found is not None), None))

    def _chain(self, key: str | None) -> Iterator[etree._Element]:
        for _ in range(_MAX_CHAIN):
            style = self._styles.get(key or "")
            if style is None:
                return
            yield style
            key = attribute(child(style, "basedOn"), "val")


def _to_level(outline: etree._Element) -> int:
    level = to_integer(attribute(outline, "val"), _BODY_LEVEL)
    return level + 1 if level < _BODY_LEVEL else 0
