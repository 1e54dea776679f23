"""The text of DrawingML, which slides, diagrams and charts share (ECMA-376, part 1, 21.1.2)."""

from collections.abc import Mapping

from lxml import etree

from app.pipeline.parse.office.equations import write_equation
from app.pipeline.parse.office.scripts import Script, Scripts
from app.pipeline.parse.office.symbols import is_symbol_font, translate_symbols
from app.pipeline.parse.rendering.links import write_link
from app.pipeline.parse.xml import attribute, child, local

_DROPPED = {"pPr", "rPr", "endParaRPr", "Fallback"}
_COUNTED = "slidenum"
"""The type of a field that the program fills in."""
_SIGNS = 2
"""Characters of a run that is taken for a sign of its symbol font."""


def write_paragraph(paragraph: etree._Element, links: Mapping[str, str] | None = None) -> str:
    """The text of a paragraph without line ends around it; a line break is a space.

    Args:
        paragraph: An ``a:p`` element.
        links: The addresses of the part by their relation ids.
    """
    pieces: list[str] = []
    _write_runs(paragraph, links or {}, pieces, Scripts())
    return "".join(pieces).strip("\n")


def _write_runs(element: etree._Element, links: Mapping[str, str], pieces: list[str], scripts: Scripts) -> None:
    linked, address = list[str](), ""
    for item in element:
        name = local(item)
        text_address = links.get(attribute(child(item, "rPr", "hlinkClick"), "id") or "", "") if name == "r" else ""
        if text_address != address:
            pieces.append(write_link("".join(linked), address))
            linked, address = [], text_address
        target = linked if address else pieces
        if name in {"r", "fld"}:
            target.append(_write_run(item))
            if kind := _read_script(item):
                scripts.write(target, len(target) - 1, kind)
        elif name in {"br", "tab"}:
            target.append(" ")
        elif name in {"oMath", "oMathPara"}:
            target.append(write_equation(item))
        elif name and name not in _DROPPED:
            _write_runs(item, links, target, scripts)
    pieces.append(write_link("".join(linked), address))


def _read_script(run: etree._Element) -> Script | None:
    baseline = attribute(child(run, "rPr"), "baseline") or "0"
    if baseline.strip("0%.") == "":
        return None
    return "sub" if baseline.startswith("-") else "super"


def _write_run(run: etree._Element) -> str:
    if attribute(run, "type") == _COUNTED:
        return ""
    text = "".join(item.text or "" for item in run if local(item) == "t")
    properties = child(run, "rPr")
    font = attribute(child(properties, "latin"), "typeface") or ""
    if is_symbol_font(font):
        return translate_symbols(text, font)
    font = attribute(child(properties, "sym"), "typeface") or ""
    return translate_symbols(text, font) if _is_sign(text.strip()) else text


def _is_sign(text: str) -> bool:
    """Whether a run is a sign of the symbol font, which also the words after the sign may name."""
    return 0 < len(text) <= _SIGNS and all(not sign.isascii() for sign in text)
