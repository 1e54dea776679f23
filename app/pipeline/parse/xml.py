"""Access to XML elements by their local names: the namespaces of one format differ between its versions."""

from collections.abc import Iterator

from lxml import etree

_DIGITS = 6


def local(element: etree._Element) -> str:
    """The name of an element without its namespace; empty for comments and processing instructions."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element: etree._Element | None, name: str) -> str | None:
    """The value of an attribute by its local name; None where the element or the attribute is missing."""
    if element is None:
        return None
    suffix = f"}}{name}"
    names = map(str, element.keys())
    return next((element.get(key) for key in names if key == name or key.endswith(suffix)), None)


def child(element: etree._Element | None, *names: str) -> etree._Element | None:
    """The descendant of ``element`` at this path of local names; None where a step is missing."""
    for name in names:
        if element is None:
            return None
        element = next(element.iterchildren(f"{{*}}{name}"), None)  # libxml2 compares the names
    return element


def children(element: etree._Element | None) -> Iterator[etree._Element]:
    """The child elements in order; none where ``element`` is None."""
    return iter(element) if element is not None else iter(())


def to_integer(text: str | None, default: int) -> int:
    """A number of at most six digits; ``default`` for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= _DIGITS else default
