"""Alternative texts: what the author says a picture or a chart shows."""

import re
from collections.abc import Mapping

from lxml import etree

from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.xml import attribute, child

_FILE_NAME = re.compile(
    r"(?:\S*|(?:[a-z]:|file:|[/\\]).*)\.(?:png|jpe?g|gif|bmp|tiff?|emf|wmf|svg|webp)", re.IGNORECASE
)
_GENERATED = re.compile(
    r"\s*(?:Description automatically generated.*|AI-generated content may be incorrect\.?)\Z", re.DOTALL
)
_OFF = {"0", "false"}


def read_alternative(properties: etree._Element, links: Mapping[str, str]) -> str:
    """The alternative text of a drawing, with the address to which it leads; empty for decoration and file names.

    Args:
        properties: A ``docPr`` or ``cNvPr``, or a ``shape`` of VML.
        links: The addresses of the part by their relation ids.
    """
    text = clean_alternative(attribute(properties, "descr") or attribute(properties, "alt") or "")
    if any(item.get("val") not in _OFF for item in properties.iter("{*}decorative")):
        text = ""
    click = child(properties, "hlinkClick")
    return write_link(text, links.get(attribute(click, "id") or "", "") if click is not None else "")


def clean_alternative(text: str) -> str:
    """An alternative text without the words of the program that wrote it; empty for the name of a file."""
    folded = " ".join(_GENERATED.sub("", text[:10_000]).split())
    return "" if _FILE_NAME.fullmatch(folded) else folded
