"""The choice between two forms of the same content (``mc:AlternateContent``: ECMA-376, part 3)."""

from lxml import etree

from app.pipeline.parse.xml import child, local

_READABLE = {"t", "chart", "relIds", "sym", "tbl"}
_NAMED = {"docPr", "cNvPr"}


def choose(alternatives: etree._Element) -> etree._Element | None:
    """The ``Choice`` where it can be read, else the ``Fallback`` for older programs."""
    choice, fallback = child(alternatives, "Choice"), child(alternatives, "Fallback")
    return choice if choice is not None and any(map(_is_readable, choice.iter())) else fallback


def _is_readable(element: etree._Element) -> bool:
    name = local(element)
    return name in _READABLE or (name in _NAMED and bool(element.get("descr")))
