"""Field codes of Word and RTF, such as ``HYPERLINK "https://example.org"``."""

import re

from app.pipeline.parse.office.equation_fields import write_equation_field
from app.pipeline.parse.office.symbols import find_symbol
from app.pipeline.parse.xml import to_integer

TICKED, UNTICKED = "\u2612", "\u2610"
"""The states of a tick box in a form."""
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|\\(.)|([^\s"\\]+)', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
_BUTTONS = {"MACROBUTTON", "GOTOBUTTON"}
_WITH_VALUE = {"l", "m", "n", "o", "t"}
"""Switches of HYPERLINK; those except ``m`` and ``n`` are followed by a value."""


def read_link(code: str) -> str:
    """The address of a HYPERLINK field; empty for other fields and for places within the document."""
    tokens = _TOKEN.findall(code)
    if not tokens or tokens[0][2].upper() != "HYPERLINK":
        return ""
    address = anchor = switch = ""
    for quoted, sign, word in tokens[1:]:
        value = _ESCAPED.sub(r"\1", quoted) or word
        if sign:
            switch = sign.lower() if sign.lower() in _WITH_VALUE else ""
        elif switch == "l":
            anchor, switch = value, ""
        elif switch in {"o", "t"}:
            switch = ""
        elif not address:
            address = value
    return f"{address}#{anchor}" if address and anchor and "#" not in address else address


def write_code(code: str) -> str:
    """The text of a field for which files store no result, because its code has it; empty for other fields."""
    if code.strip()[:3].upper().rstrip() == "EQ":
        return write_equation_field(code.strip()[2:])
    words = _read_words(code)
    if len(words) > 2 and words[0] in _BUTTONS:  # noqa: PLR2004, the name, the macro and the text
        return " ".join(words[2:])
    if len(words) > 1 and words[0] == "SYMBOL":
        font = words[words.index("\\f") + 1] if "\\f" in words[:-1] else ""
        return find_symbol(words[1].lower().removeprefix("0x") if "x" in words[1].lower() else _to_hex(words[1]), font)
    return ""


def _to_hex(number: str) -> str:
    return f"{to_integer(number, 0x20):x}"


def _read_words(code: str) -> list[str]:
    """The words of a field code, the name of the field first and in capitals; switches begin with a backslash."""
    words = [
        f"\\{sign}" if sign else _ESCAPED.sub(r"\1", quoted) or word for quoted, sign, word in _TOKEN.findall(code)
    ]
    return [words[0].upper(), *words[1:]] if words else []
