"""Where shapes are on a slide. A placeholder without a position has that of its layout or master."""

import re
from functools import cache

from lxml import etree

from app.pipeline.parse.office.package import OoxmlPackage
from app.pipeline.parse.slides.order import Box
from app.pipeline.parse.xml import attribute, child, children, local

_LENGTH = re.compile(r"-?\d{1,12}")
_PROPERTIES = ("spPr", "grpSpPr")
_TITLES = {"title", "ctrTitle"}
_OWN_IN_MASTER = {"dt", "ftr", "sldNum"}

Places = dict[str, Box]
"""The positions of placeholders by their index and by their type."""


def placeholder(shape: etree._Element) -> etree._Element | None:
    """The ``p:ph`` of a shape; None for a shape outside the layout."""
    names = next((item for item in shape if local(item).startswith("nv")), None)
    return child(names, "nvPr", "ph")


def kind_of(place: etree._Element | None) -> str:
    """The type of a placeholder: ``title``, ``body``, ``sldNum``, …; empty for a shape outside the layout."""
    return "" if place is None else attribute(place, "type") or "obj"


def read_box(shape: etree._Element) -> Box | None:
    """The position that a shape states."""
    frame = child(shape, "xfrm")
    for name in _PROPERTIES:
        frame = child(shape, name, "xfrm") if frame is None else frame
    offset, size = child(frame, "off"), child(frame, "ext")
    if offset is None:
        return None
    lengths = ((offset, "x"), (offset, "y"), (size, "cx"), (size, "cy"))
    return Box(*(_to_length(attribute(element, name)) for element, name in lengths))


class Layouts:
    """The positions of placeholders in the layouts of a presentation, each layout read once."""

    def __init__(self, package: OoxmlPackage) -> None:
        self._package = package
        self._places = cache(self._read)
        self._targets = cache(self._read_targets)

    def find_box(self, slide: str, place: etree._Element | None) -> Box:
        """The position of a placeholder on a slide, given by the name of its part; the upper left corner if unknown."""
        if place is None:
            return Box()
        layout = self._related(slide, "slideLayout")
        master = self._related(layout, "slideMaster")
        index, kind = attribute(place, "idx") or "0", kind_of(place)
        general = "title" if kind in _TITLES else kind if kind in _OWN_IN_MASTER else "body"
        found = self._places(layout).get(f"#{index}") or self._places(layout).get(kind)
        return found or self._places(master).get(general) or Box()

    def _related(self, part: str, kind: str) -> str:
        return self._targets(part).get(kind, "") if part else ""

    def _read_targets(self, part: str) -> dict[str, str]:
        return dict(self._package.targets(part))

    def _read(self, part: str) -> Places:
        root = self._package.read_optional(part) if part else None
        places: Places = {}
        for shape in children(child(root, "cSld", "spTree")):
            place, box = placeholder(shape), read_box(shape)
            if place is not None and box is not None:
                places.setdefault(f"#{attribute(place, 'idx') or '0'}", box)
                places.setdefault(kind_of(place), box)
        return places


def _to_length(text: str | None) -> int:
    return int(text) if text and _LENGTH.fullmatch(text) else 0
