"""EQ fields: equations of Word until 2007, and characters with their readings (ECMA-376, part 1, 17.16.5.17).

They have no stored result. The form of the text is that of ``app.pipeline.parse.office.equations``.
"""

import re

from app.pipeline.parse.office.equations import join_terms, write_fraction, write_root, write_script

_TOKEN = re.compile(
    r"\\(?P<word>[a-z]{1,2}) ?-?\d{0,4}|\\(?P<escaped>.)|(?P<mark>[(),;])|(?P<text>[^\\(),;]+)|\\",
    re.IGNORECASE | re.DOTALL,
)
_SWITCH = re.compile(r'\\\*\s*(?:"[^"]*"|[^\s\\]+)')
"""Switches that all fields have, such as ``\\* MERGEFORMAT``."""
_ENDS = {",", ";", ")"}
_SIGNS = {"su": "\u2211", "pr": "\u220f"}
_INTEGRAL = "\u222b"
_STRUCTURES = {*"abdfilorsx"}
_DEEPEST = 20
_LONGEST = 10_000


def write_equation_field(code: str) -> str:
    """The text of a field, given by its code without the name ``EQ``; empty for a code that is too long."""
    if len(code) > _LONGEST:
        return ""
    return " ".join(_Reader(code).read(_DEEPEST).split())


class _Reader:
    """Reads the tokens of a code from left to right."""

    def __init__(self, code: str) -> None:
        self._tokens = list(_TOKEN.finditer(_SWITCH.sub("", code)))
        self._next = 0

    def read(self, depth: int) -> str:
        """The terms up to a separator or the bracket that ends the operands."""
        terms: list[tuple[str, bool]] = []
        open_brackets = 0
        while self._next < len(self._tokens):
            token = self._tokens[self._next]
            if token["mark"] in _ENDS and not open_brackets:
                break
            self._next += 1
            name = (token["word"] or "").lower()
            if name in _STRUCTURES and depth:
                terms.append((self._read_structure(name, depth - 1), True))
            elif not name:
                open_brackets += (token["mark"] == "(") - (token["mark"] == ")")
                terms.append((token["escaped"] or token["mark"] or token["text"] or "", False))
        return join_terms(terms).strip()

    def _read_structure(self, name: str, depth: int) -> str:
        options: list[str] = []
        while (token := self._peek()) is not None and token["mark"] is None and not (token["text"] or "").strip():
            options.append((token["word"] or "").lower())
            self._next += 1
        operands: list[str] = []
        if token is not None and token["mark"] == "(":
            while (token := self._peek()) is not None and token["mark"] != ")":
                self._next += 1
                operands.append(self.read(depth))
            self._next += 1
        return _write(name, options, operands)

    def _peek(self) -> re.Match[str] | None:
        return self._tokens[self._next] if self._next < len(self._tokens) else None


def _write(name: str, options: list[str], operands: list[str]) -> str:
    first, second, third = (*operands, "", "", "")[:3]
    text = ", ".join(filter(None, operands))
    match name:
        case "f":
            text = write_fraction(first, second)
        case "r":
            text = write_root(first if second else "", second or first)
        case "s":
            text = write_script("", first) if "do" in options else write_script("", "", first)
        case "o":
            text = operands[-1] if operands else ""
        case "i":
            sign = next((_SIGNS[option] for option in options if option in _SIGNS), _INTEGRAL)
            text = f"{write_script(sign, first, second)} {third}"
        case "b":
            text = f"({text})"
        case "a":
            text = "; ".join(operands)
    return text
