"""How a spreadsheet shows a number: the format codes of ECMA-376, part 1, 18.8.31, as Excel applies them."""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from app.pipeline.parse.office import date_formats
from app.pipeline.parse.office.date_names import Names, find_names
from app.pipeline.parse.office.number_layout import PlainFormat, Token, find_plain, lay_out, write_general

_LONGEST = 255
"""Characters of a format code that Excel allows; the time to show a number grows faster than the code."""
_TOKEN = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]?|(?P<general>General)'
    r"|(?P<half>AM/PM|A/P|上午/下午)|(?P<exponent>E[+-])|(?P<date>y+|m+|d+|h+|s+|e+|b+|g+)|(?P<digit>[0#?])"
    r"|(?P<mark>[.,%/@;])|(?P<text>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[\d.]+(?:E[+-]?\d+)?)\s*", re.IGNORECASE)
_ELAPSED = re.compile(r"h+|m+|s+", re.IGNORECASE)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda value, limit: value < limit,
    ">": lambda value, limit: value > limit,
    "=": lambda value, limit: value == limit,
    "<=": lambda value, limit: value <= limit,
    ">=": lambda value, limit: value >= limit,
    "<>": lambda value, limit: value != limit,
}
_CONDITIONS: dict[int, list[tuple[str, float]]] = {1: [], 2: [(">=", 0)], 3: [(">", 0), ("<", 0)]}
"""The conditions of the sections before the last, by the number of sections, where the code states none."""
_BUILT_IN = {
    **dict.fromkeys((14, 27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58), "yyyy-mm-dd"),
    **dict(enumerate(("0", "0.00", "#,##0", "#,##0.00"), 1)),
    **dict(enumerate(("$#,##0_);($#,##0)", "$#,##0_);[Red]($#,##0)"), 5)),
    **dict(enumerate(("$#,##0.00_);($#,##0.00)", "$#,##0.00_);[Red]($#,##0.00)", "0%", "0.00%", "0.00E+00"), 7)),
    **dict(enumerate(("# ?/?", "# ??/??"), 12)),
    **dict(enumerate(("d-mmm-yy", "d-mmm", "mmm-yy", "h:mm AM/PM", "h:mm:ss AM/PM", "h:mm", "h:mm:ss"), 15)),
    22: "yyyy-mm-dd h:mm",
    **dict.fromkeys((32, 34, 55), "h:mm"),
    **dict.fromkeys((33, 35, 56), "h:mm:ss"),
    **dict(enumerate(("#,##0_);(#,##0)", "#,##0_);[Red](#,##0)"), 37)),
    **dict(enumerate(("#,##0.00_);(#,##0.00)", "#,##0.00_);[Red](#,##0.00)"), 39)),
    **dict(enumerate(("#,##0_);(#,##0);-_);@_)", "$#,##0_);($#,##0);$-_);@_)"), 41)),
    **dict(enumerate(("#,##0.00_);(#,##0.00);-_);@_)", "$#,##0.00_);($#,##0.00);$-_);@_)"), 43)),
    **dict(enumerate(("mm:ss", "[h]:mm:ss", "mm:ss.0", "##0.0E+0", "@"), 45)),
}
"""Formats that files refer to by number only (18.8.30). Excel shows the dates 14 and 22 as the reader's computer does,
and 27 to 36 and 50 to 58 by the language of the program; here they are ISO 8601."""


class _Section(NamedTuple):
    """One of the parts of a format code that ``;`` separates."""

    tokens: Sequence[Token]
    condition: tuple[str, float] | None
    is_date: bool
    names: Names
    plain: PlainFormat | None = None


class NumberFormat:
    """A compiled format code. ``find_format`` caches them.

    Args:
        code: Such as ``#,##0.00;[Red]-#,##0.00``.
    """

    def __init__(self, code: str) -> None:
        sections = [_make_section(tokens) for tokens in _split(code[:_LONGEST])]
        last = len(sections) == 4 or any(kind == "@" for kind, _ in sections[-1].tokens)  # noqa: PLR2004, the text is the fourth
        self._text = sections[-1] if last else None
        self._numbers = sections[:-1] if last and len(sections) > 1 else sections[:3]
        usual = [*_CONDITIONS[len(self._numbers)], None]
        self._conditions = [section.condition or default for section, default in zip(self._numbers, usual, strict=True)]
        self.is_general = code.lower() in {"", "general", "@"}

    def show(self, text: str, *, since_1904: bool = False) -> str:
        """The number ``text`` of a cell as it is shown; unchanged where it is no number.

        Args:
            text: The value in the file.
            since_1904: Whether dates count from 1904 rather than 1900.
        """
        try:
            value = float(text)
        except ValueError:
            return text
        if self.is_general or abs(value) == float("inf") or value != value:  # noqa: PLR0124, it is not a number
            return write_general(text, value)
        for index, (section, condition) in enumerate(zip(self._numbers, self._conditions, strict=True)):
            if condition is None or _COMPARE[condition[0]](value, condition[1]):
                try:
                    return self._write(section, value, index, since_1904=since_1904)
                except ArithmeticError:  # a code with hundreds of places or signs of percentage
                    break
        return write_general(text, value)

    def show_text(self, text: str) -> str:
        """The text of a cell as it is shown, such as within the literals around ``@``."""
        if self._text is None:
            return text
        shown = {"@": text, "general": text}
        return "".join(
            shown.get(kind, literal) for kind, literal in self._text.tokens if kind in {*shown, "text"}
        ).strip()

    def _write(self, section: _Section, value: float, index: int, *, since_1904: bool) -> str:
        if section.is_date:
            shown = date_formats.write(section.tokens, value, section.names, since_1904=since_1904)
            return write_general(f"{value:.15g}", value) if shown is None else shown
        minus = "-" if value < 0 and not self._is_negative_only(index) else ""
        shown = section.plain.write(abs(value)) if section.plain else None
        return f"{minus}{lay_out(section.tokens, abs(value)) if shown is None else shown}".strip()

    def _is_negative_only(self, index: int) -> bool:
        """Whether the section applies to negative numbers only; the others show a minus."""
        condition = self._conditions[index]
        if condition is None:
            return index == 1 and self._conditions[0] in {(">=", 0), (">", 0)}
        return condition[0] in {"<", "<="} and condition[1] <= 0


@lru_cache(maxsize=4096)
def find_format(number: int, code: str | None) -> NumberFormat:
    """The format with this id, which identifies a built-in one, and code, which is None for those."""
    return NumberFormat(_BUILT_IN.get(number, "General") if code is None else code)


def _split(code: str) -> Iterator[list[Token]]:
    tokens: list[Token] = []
    for match in _TOKEN.finditer(code):
        kind = match.lastgroup or "text"
        text = match[kind]
        if text == ";" and kind == "mark":
            yield tokens
            tokens = []
        elif kind in {"quoted", "escaped", "text"}:
            tokens.append(("text", text))
        elif kind == "space":
            tokens.append(("text", " "))
        elif kind != "fill":
            tokens.append((text if kind == "mark" else kind, text))
    yield tokens


def _make_section(tokens: Sequence[Token]) -> _Section:
    condition = None
    names = find_names("")
    kept: list[Token] = []
    for kind, text in tokens:
        if kind != "bracket":
            kept.append((kind, text))
        elif found := _CONDITION.fullmatch(text):
            condition = (found[1], _to_float(found[2]))
        elif _ELAPSED.fullmatch(text):
            kept.append(("elapsed", text.lower()))
        elif text.startswith("$"):
            symbol, _, tag = text[1:].partition("-")
            kept.append(("text", symbol))
            names = find_names(tag)
    is_date = any(kind in {"elapsed", "half"} or (kind == "date" and text[0] in "yYmMdDhHsS") for kind, text in kept)
    if is_date:
        return _Section(date_formats.prepare(kept), condition, is_date, names)
    kept = [("text", text) if kind == "date" else (kind, text) for kind, text in kept]
    return _Section(kept, condition, is_date, names, find_plain(kept))


def _to_float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
