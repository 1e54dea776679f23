"""Formulas of a page on one line, without changing their value."""

from lxml import etree

from app.pipeline.parse.office.equations import write_fraction, write_script
from app.pipeline.parse.xml import attribute, local

_MAX_ELEMENTS = 5000
_MAX_CHARACTERS = 20_000
_SKIPPED = {"annotation", "annotation-xml", "mphantom", "maligngroup", "malignmark"}
_OPERATORS = {"\u2061": "", "\u2062": "", "\u2063": ",", "\u2064": "+", "\u2212": "-"}
"""Invisible operators, and the minus sign, as they are typed."""

_RELATIONS = {"=", "≠", "<", ">", "≤", "≥", "≈", "→", "∈", "⇒"}


def write_formula(element: etree._Element) -> str:
    """A ``math`` element on one line, else the text that it states for readers that do not show formulas."""
    if _is_small(element):
        written = _write(element)
        if 0 < len(written) <= _MAX_CHARACTERS:
            return written
    source = next((str(item.text or "") for item in element.iter("annotation", "{*}annotation")), "")
    return " ".join((attribute(element, "alttext") or source or "".join(map(str, element.itertext()))).split())


def _is_small(element: etree._Element) -> bool:
    """Whether it can be written: each element repeats the text within it."""
    elements = sum(1 for _, _ in zip(element.iter(), range(_MAX_ELEMENTS), strict=False))
    return elements < _MAX_ELEMENTS and sum(map(len, element.itertext())) <= _MAX_CHARACTERS


def _write(element: etree._Element) -> str:
    """The formula, written from the innermost elements outwards."""
    parts: list[list[str]] = [[]]
    skipped = 0
    for event, item in etree.iterwalk(element, events=("start", "end")):
        name = local(item)
        if event == "start":
            skipped += name in _SKIPPED
            parts.append([])
            if not skipped and name.startswith("m"):
                text = " ".join((item.text or "").split())
                parts[-1] += [_OPERATORS.get(text, text)] if text else []
        else:
            inner = parts.pop()
            written = "" if skipped else _combine(name, inner, item)
            skipped -= name in _SKIPPED
            if written:
                parts[-1].append(written)
    return " ".join("".join(parts[0]).split())


def _combine(name: str, parts: list[str], item: etree._Element) -> str:
    """An element of a formula, given its parts."""
    text = "".join(parts)
    first, second, third = (*parts, "", "", "")[:3]
    written = {
        "mfrac": write_fraction(first, second),
        "msup": write_script(first, high=second),
        "mover": write_script(first, high=second) if second.isalnum() else text,
        "msub": write_script(first, second),
        "munder": write_script(first, second),
        "msubsup": write_script(first, second, third),
        "munderover": write_script(first, second, third),
        "msqrt": f"√{text}" if text.isalnum() else f"√({text})",
        "mroot": f"root_{second}({first})",
        "mfenced": f"{item.get('open', '(')}{', '.join(parts)}{item.get('close', ')')}",
        "mtr": f"; {', '.join(parts)}",
        "mtable": f"[{text.removeprefix('; ')}]",
        "mo": f" {text} " if text in _RELATIONS else text,
        "mtext": f" {text} ",
        "mspace": " ",
    }
    return written.get(name, text)
