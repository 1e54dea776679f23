"""Field codes of Word and RTF, such as ``HYPERLINK "https://example.org"``."""

import re

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|\\(.)|([^\s"\\]+)', re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\])')
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


def read_words(code: str) -> list[str]:
    """The words of a field code, the name of the field first and in capitals; switches begin with a backslash."""
    words = [
        f"\\{sign}" if sign else _ESCAPED.sub(r"\1", quoted) or word for quoted, sign, word in _TOKEN.findall(code)
    ]
    return [words[0].upper(), *words[1:]] if words else []
