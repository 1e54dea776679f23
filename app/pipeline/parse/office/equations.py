"""Equations of Office (OMML, ECMA-376, part 1, 22.1) as one line of text that keeps their value.

The form is that of plain text: ``1/2``, ``r^2``, ``x_(i+1)``, ``√(x+1)``, ``∑_(i=1)^n x_i``. An operand of more than
one sign is in parentheses, so that no value changes.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator

from lxml import etree

from app.pipeline.parse.xml import attribute, child, children, local

_DROPPED = {"del", "moveFrom", "ctrlPr", "rPr"}
_OFF = {"0", "false", "off"}
_OPENING = ("(", "[", "{", "|")
_NAME = re.compile(r"[^\W\d_]+|[√∛∜]")
_ROOTS = {"": "√", "2": "√", "3": "∛", "4": "∜"}
_ACCENTS = {
    "\u0300": "grave",
    "\u0301": "acute",
    "\u0302": "hat",
    "\u0303": "tilde",
    "\u0304": "bar",
    "\u0305": "bar",
    "\u0306": "breve",
    "\u0307": "dot",
    "\u0332": "underline",
    "\u0308": "ddot",
    "\u030c": "check",
    "\u20d6": "vec",
    "\u20d7": "vec",
    "\u20db": "dddot",
}
"""The names of accents over more than one sign; over a single sign they are combining characters."""


def write_equation(element: etree._Element) -> str:
    """An ``oMath`` or ``oMathPara`` element as one line. Equations of one paragraph are separated by line ends."""
    if local(element) == "oMathPara":
        return "\n".join(filter(None, (write_equation(item) for item in element if local(item) == "oMath")))
    try:
        return " ".join(_write(element).split())
    except RecursionError:
        return " ".join("".join(item.text or "" for item in element.iter("{*}t")).split())


def write_fraction(top: str, bottom: str) -> str:
    """A fraction; operands that are more than one number or name are in parentheses."""
    return f"{_group(top)}/{_group(bottom)}"


def write_script(base: str, low: str = "", high: str = "") -> str:
    """A base with what stands below and above its right side, such as ``x_i^2``."""
    if not low and not high:
        return base
    return f"{_group(base)}{_attach('_', low)}{_attach('^', high)}"


def write_root(degree: str, radicand: str) -> str:
    """A root, such as ``√(x)``, ``∛(x)`` or ``√[n](x)``."""
    return f"{_ROOTS.get(degree) or f'√[{degree}]'}({_strip_group(radicand)})"


def write_accent(base: str, mark: str) -> str:
    """A base with an accent above it, given by its combining character."""
    if len(base) == 1 or mark not in _ACCENTS:
        return f"{base}{mark}" if unicodedata.combining(mark[:1] or " ") else base
    return f"{_ACCENTS[mark]}({base})"


def join_terms(terms: Iterable[tuple[str, bool]]) -> str:
    """Neighbours in a formula. A space separates those that would be read as another number or exponent together.

    Args:
        terms: Each with whether it is a structure, such as a fraction, instead of plain text.
    """
    pieces: list[str] = []
    before, before_structured = "", False
    for term, structured in terms:
        if not term:
            continue
        if (structured or before_structured) and runs_together(before, term):
            pieces.append(" ")
        pieces.append(term)
        before, before_structured = term, structured
    return "".join(pieces)


def runs_together(before: str, term: str) -> bool:
    """Whether ``term`` after ``before`` would change its value: ``2`` and ``1/2`` are not ``21/2``."""
    if not before or not (before[-1].isalnum() and term[:1].isalnum()):
        return False
    return term[0].isdigit() or "/" in term or any(sign in before for sign in "^_/")


def _group(text: str) -> str:
    """``text`` in parentheses unless it is one number, name or group."""
    return text if not text or _is_single(text) else f"({text})"


def _attach(sign: str, text: str) -> str:
    return f"{sign}{_group(text)}" if text else ""


def _strip_group(text: str) -> str:
    return text[1:-1] if text.startswith("(") and _is_single(text) else text


def _is_single(text: str) -> bool:
    if text.isalpha() or text.replace(".", "", 1).replace(",", "", 1).isdecimal():
        return True
    if len(text) == 1 or (len(text) == 2 and unicodedata.combining(text[1])):  # noqa: PLR2004, a letter and its accent
        return True
    if text[0] not in _OPENING:
        text = _NAME.sub("", text, count=1)  # a function, such as sin(x)
    return text[:1] in _OPENING and _closes_at_end(text)


def _closes_at_end(text: str) -> bool:
    """Whether the bracket that begins ``text`` is closed by its last character."""
    depth = 0
    for position, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth <= 0 and text[0] != "|":
            return position == len(text) - 1
    return text[0] == "|" and text.count("|") == 2 and text.endswith("|")  # noqa: PLR2004, one pair of bars


def _write(element: etree._Element | None) -> str:
    return join_terms(_terms(element))


def _terms(element: etree._Element | None) -> Iterator[tuple[str, bool]]:
    for item in children(element):
        name = local(item)
        if name in _WRITERS:
            yield _WRITERS[name](item), True
        elif name == "t":
            yield item.text or "", False
        elif name in {"br", "cr", "tab"}:
            yield " ", False
        elif name and name not in _DROPPED and not name.endswith("Pr"):
            yield from _terms(item)


def _part(element: etree._Element, name: str) -> str:
    return _write(child(element, name)).strip()


def _property(element: etree._Element, name: str, default: str) -> str:
    """The value of a property of ``element``; ``default`` where it is missing, empty where it has no value."""
    found = child(element, f"{local(element)}Pr", name)
    return default if found is None else attribute(found, "val") or ""


def _write_fraction(element: etree._Element) -> str:
    top, bottom = _part(element, "num"), _part(element, "den")
    if _property(element, "type", "bar") == "noBar":
        return f"({top} over {bottom})"  # a binomial coefficient
    return write_fraction(top, bottom)


def _write_scripts(element: etree._Element) -> str:
    return write_script(_part(element, "e"), _part(element, "sub"), _part(element, "sup"))


def _write_left_scripts(element: etree._Element) -> str:
    scripts = _attach("_", _part(element, "sub")) + _attach("^", _part(element, "sup"))
    return f"{{}}{scripts} {_part(element, 'e')}" if scripts else _part(element, "e")


def _write_radical(element: etree._Element) -> str:
    hidden = _property(element, "degHide", "0") not in _OFF
    return write_root("" if hidden else _part(element, "deg"), _part(element, "e"))


def _write_sum(element: etree._Element) -> str:
    sign = _property(element, "chr", "\u222b")
    return f"{sign}{_attach('_', _part(element, 'sub'))}{_attach('^', _part(element, 'sup'))} {_part(element, 'e')}"


def _write_delimited(element: etree._Element) -> str:
    opening, closing = _property(element, "begChr", "("), _property(element, "endChr", ")")
    parts = [_write(item).strip() for item in element if local(item) == "e"]
    content = f" {_property(element, 'sepChr', '|')} ".join(parts)
    if opening in {"(", "["} and content.startswith("[") and content.endswith("]") and _is_single(content):
        content = content[1:-1]  # a matrix within its own brackets
    return f"{opening}{content}{closing}"


def _write_function(element: etree._Element) -> str:
    name, operand = _part(element, "fName"), _part(element, "e")
    return f"{name}{operand}" if operand.startswith("(") and _is_single(operand) else f"{name}({operand})"


def _write_limit(element: etree._Element) -> str:
    sign = "_" if local(element) == "limLow" else "^"
    return f"{_group(_part(element, 'e'))}{_attach(sign, _part(element, 'lim'))}"


def _write_matrix(element: etree._Element) -> str:
    rows = (item for item in element if local(item) == "mr")
    return f"[{'; '.join(', '.join(_write(cell).strip() for cell in row if local(cell) == 'e') for row in rows)}]"


def _write_lines(element: etree._Element) -> str:
    return "; ".join(_write(item).strip() for item in element if local(item) == "e")


def _write_accent(element: etree._Element) -> str:
    return write_accent(_part(element, "e"), _property(element, "chr", "\u0302"))


def _write_bar(element: etree._Element) -> str:
    above = _property(element, "pos", "bot") == "top"
    return write_accent(_part(element, "e"), "\u0305" if above else "\u0332")


def _write_phantom(element: etree._Element) -> str:
    return _part(element, "e") if _property(element, "show", "1") not in _OFF else ""


_WRITERS: dict[str, Callable[[etree._Element], str]] = {
    "f": _write_fraction,
    **dict.fromkeys(("sSup", "sSub", "sSubSup"), _write_scripts),
    "sPre": _write_left_scripts,
    "rad": _write_radical,
    "nary": _write_sum,
    "d": _write_delimited,
    "func": _write_function,
    **dict.fromkeys(("limLow", "limUpp"), _write_limit),
    "m": _write_matrix,
    "eqArr": _write_lines,
    "acc": _write_accent,
    "bar": _write_bar,
    "phant": _write_phantom,
}
