"""Microdata: the items of a page, in the form that JSON-LD has (HTML Standard, section 5)."""

from itertools import islice
from typing import Any

from lxml import etree

from app.pipeline.text import clean_line

_PROPERTIES = 2_000
_ATTRIBUTES = {"meta": "content", "a": "href", "link": "href", "area": "href", "img": "src", "time": "datetime"}
_LONGEST = 1000


def read_items(tree: etree._Element) -> list[dict[str, Any]]:
    """The items that are no property of another one, each with its ``@type`` and its properties."""
    items: dict[etree._Element, dict[str, Any]] = {
        scope: {"@type": (scope.get("itemtype") or "").split()}
        for scope in islice(tree.iterfind(".//*[@itemscope]"), _PROPERTIES)
    }
    inner: set[etree._Element] = set()
    for element in islice(tree.iterfind(".//*[@itemprop]"), _PROPERTIES):
        owner = next((items[one] for one in element.iterancestors() if one in items), None)
        if owner is None:
            continue
        value: Any = items[element] if element in items else _read(element)
        inner.add(element)
        for name in (element.get("itemprop") or "").split()[:5]:
            owner.setdefault(name, []).append(value)
    return [item for scope, item in items.items() if scope not in inner]


def _read(element: etree._Element) -> str:
    """The value of a property: of an attribute where the element has one for it, else its text."""
    name = _ATTRIBUTES.get(str(element.tag), "content")
    given = element.get(name)
    return clean_line(given if given is not None else " ".join(map(str, element.itertext())), _LONGEST)
