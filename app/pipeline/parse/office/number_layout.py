"""Lays the digits of a number out as one section of a format code says: decimals, exponents and fractions."""

import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction
from typing import NamedTuple

Token = tuple[str, str]
"""Kind and text of a part of a format code: ``digit`` for ``0``, ``#`` and ``?``, ``text`` for literals, …."""

_EXACT = Context(prec=1400, rounding=ROUND_HALF_UP)
_BLANK = {"0": "0", "?": " ", "#": ""}
_DIGITS = 15
"""Significant digits of a number in Excel. Files store 17, with errors in the last two."""
_GENERAL_DIGITS = 10
_FRACTION_DIGITS = 7
_NUMERALS = set("123456789")
_PLAIN = re.compile(r"(?P<before>t*)(?P<group>#,##)?0(?:\.(?P<decimals>0{1,6}))?(?P<after>t*%?t*)")
_PLAIN_LIMIT = 1e10
_TIE = 1e-4


class PlainFormat(NamedTuple):
    """A section such as ``$#,##0.00`` or ``0.0%``, which Python formats much faster."""

    before: str
    specification: str
    after: str
    factor: int
    unit: int
    """The power of ten of its decimals."""

    def write(self, value: float) -> str | None:
        """The number; None where its rounding needs exact arithmetic, or it is too large."""
        scaled = value * self.factor
        units = scaled * self.unit
        if units > _PLAIN_LIMIT or abs(units % 1 - 0.5) < _TIE:
            return None
        return f"{self.before}{scaled:{self.specification}}{self.after}"


def find_plain(tokens: Sequence[Token]) -> PlainFormat | None:
    """The plain format that is equal to a section; None for other sections."""
    match = _PLAIN.fullmatch("".join("t" if kind == "text" else text[:1] for kind, text in tokens))
    if not match:
        return None
    texts = ["" if kind in {"digit", ".", ","} else text for kind, text in tokens]
    decimals = len(match["decimals"] or "")
    before, after = match.end("before"), match.start("after")
    specification = f"{',' if match['group'] else ''}.{decimals}f"
    factor = 100 if "%" in match["after"] else 1
    return PlainFormat("".join(texts[:before]), specification, "".join(texts[after:]), factor, 10**decimals)


def write_general(text: str, value: float) -> str:
    """A number in the format General: 11 characters, as in a cell of any width.

    Numbers of up to 15 digits are written in full, where Excel shows 12 or more digits as ``1.23457E+11``: they are
    often article numbers or amounts, which people search for.
    """
    if value != value or abs(value) == float("inf"):  # noqa: PLR0124, it is not a number
        return text
    if text.isascii() and text.isdigit() and text[0] != "0" and len(text) <= _DIGITS:
        return text
    number = Decimal(f"{value:.{_DIGITS}g}")
    place = number.adjusted() if number else 0
    if place < _DIGITS and (place > _GENERAL_DIGITS or number == number.to_integral_value()):
        return f"{number:f}" if number else "0"
    if place <= _GENERAL_DIGITS:
        decimals = max(_GENERAL_DIGITS - 1 - max(place, 0), 0)
        rounded = number.quantize(Decimal(1).scaleb(-decimals), context=_EXACT)
        if place >= -4 or rounded == number:  # noqa: PLR2004, smaller numbers have an exponent
            return f"{rounded:f}".rstrip("0").rstrip(".") if decimals else f"{rounded:f}"
    mantissa, _, exponent = f"{number:.5E}".partition("E")
    return f"{mantissa.rstrip('0').rstrip('.')}E{int(exponent):+03d}"


def lay_out(tokens: Sequence[Token], value: float) -> str:
    """A number that is not negative as the section shows it, without a sign."""
    number = Decimal(f"{value:.{_DIGITS}g}")
    kinds = [kind for kind, _ in tokens]
    if "general" in kinds or "@" in kinds:
        shown = write_general("", value)
        return "".join(shown if kind in {"general", "@"} else text for kind, text in tokens)
    if "exponent" in kinds:
        return _write_exponent(tokens, number, kinds.index("exponent"))
    if kinds.count("/") == 1 and "digit" in kinds[: kinds.index("/")]:
        return _write_fraction(tokens, number, kinds.index("/"))
    return _write_decimal(tokens, number)


def _write_decimal(tokens: Sequence[Token], number: Decimal) -> str:
    slots = [index for index, (kind, _) in enumerate(tokens) if kind == "digit"]
    last = slots[-1] if slots else -1
    scale = 2 * sum(kind == "%" for kind, _ in tokens)
    point = next((index for index, (kind, _) in enumerate(tokens) if kind == "."), len(tokens))
    end = max((index for index in slots if index < point), default=-1)  # the last digit of the whole part
    grouped = False
    for index, (kind, _) in enumerate(tokens):
        if kind == "," and index < end and slots[0] < index:
            grouped = True
        elif kind == "," and slots and all(other == "," for other, _ in tokens[end + 1 : index] if index < point):
            scale -= 3 * (index < point or index > last)
    decimals = sum(index > point for index in slots)
    rounded = number.scaleb(scale, context=_EXACT).quantize(Decimal(1).scaleb(-decimals), context=_EXACT)
    whole, _, rest = f"{rounded:f}".partition(".")
    shown = [token for token in tokens[:point] if token[0] != ","]
    if decimals and end < 0:
        shown.append(("digit", "#"))
    before = _write_whole(shown, whole.lstrip("0"), grouped=grouped)
    return before + _write_rest([token for token in tokens[point:] if token[0] != ","], rest)


def _write_whole(tokens: Sequence[Token], digits: str, *, grouped: bool = False) -> str:
    """The digits of a whole number in its places, from the right; those left over stand in the first place."""
    left = list(digits)
    slots = sum(kind == "digit" for kind, _ in tokens)
    shown: list[str] = []
    count = 0
    for kind, text in reversed(tokens):
        if kind != "digit":
            shown.append(text)
            continue
        slots -= 1
        for _ in range(1 if slots else max(len(left), 1)):
            digit = left.pop() if left else _BLANK[text]
            if grouped and count and count % 3 == 0 and digit.isdigit():
                shown.append(",")
            shown.append(digit)
            count += bool(digit)
    return "".join(reversed(shown))


def _write_rest(tokens: Sequence[Token], digits: str) -> str:
    """The part from the decimal point: zeros at the end only where the format has them."""
    places = [text for kind, text in tokens if kind == "digit"]
    kept = max(len(digits.rstrip("0")), max((place for place, text in enumerate(places, 1) if text == "0"), default=0))
    shown: list[str] = []
    place = 0
    for kind, text in tokens:
        if kind == "digit":
            shown.append(digits[place] if place < kept else _BLANK[text])
            place += 1
        else:
            shown.append(text)
    return "".join(shown)


def _write_exponent(tokens: Sequence[Token], number: Decimal, at: int) -> str:
    """Such as ``0.00E+00``. With several places before the point, the exponent is a multiple of their number."""
    mantissa, sign, tail = tokens[:at], tokens[at][1], tokens[at + 1 :]
    point = next((index for index, (kind, _) in enumerate(mantissa) if kind == "."), at)
    places = max(sum(kind == "digit" for kind, _ in mantissa[:point]), 1)
    decimals = sum(kind == "digit" for kind, _ in mantissa[point:])
    exponent = number.adjusted() // places * places if number else 0
    rounded = number.scaleb(-exponent, context=_EXACT).quantize(Decimal(1).scaleb(-decimals), context=_EXACT)
    if rounded and rounded.adjusted() >= places:
        exponent += places
        rounded = rounded.scaleb(-places, context=_EXACT)
    shown = _write_decimal(mantissa, rounded)
    mark = "-" if exponent < 0 else sign[1].replace("-", "")
    return f"{shown}{sign[0]}{mark}{_write_whole(tail, str(abs(exponent)).lstrip('0'))}"


def _write_fraction(tokens: Sequence[Token], number: Decimal, at: int) -> str:
    """A fraction, such as ``# ?/?`` and ``# ??/16``; a fraction of zero is left out after a whole number."""
    start, end = at, at + 1
    while start and tokens[start - 1][0] == "digit":
        start -= 1
    while end < len(tokens) and (tokens[end][0] == "digit" or tokens[end][1] in _NUMERALS):
        end += 1
    whole_tokens, over, under = tokens[:start], tokens[start:at], tokens[at + 1 : end]
    has_whole = any(kind == "digit" for kind, _ in whole_tokens)
    whole = int(number) if has_whole else 0
    fixed = "".join(text for _, text in under)[:_FRACTION_DIGITS]
    rest = Fraction(number) - whole
    is_fixed = any(kind == "text" for kind, _ in under) and fixed.isdecimal() and int(fixed) > 0
    if is_fixed:
        part, base = int(rest * int(fixed) + Fraction(1, 2)), int(fixed)
    else:
        part, base = _approximate(rest, 10 ** max(len(fixed), 1))
    if has_whole and part == base:
        whole, part = whole + 1, 0
    before = _write_whole(whole_tokens, str(whole) if whole or not part else "")
    tail = "".join(text for _, text in tokens[end:])
    if has_whole and not part:
        return f"{before.rstrip()}{tail}"
    below = str(base) if is_fixed else _write_whole(under, str(base))
    return f"{before}{_write_whole(over, str(part))}/{below.strip()}{tail}"


def _approximate(value: Fraction, limit: int) -> tuple[int, int]:
    """The last convergent of the continued fraction with a denominator below ``limit``, as Excel chooses it."""
    over, under, before_over, before_under = 1, 0, 0, 1
    rest = value
    while True:
        whole = int(rest)
        over, before_over = whole * over + before_over, over
        under, before_under = whole * under + before_under, under
        if under >= limit:
            return before_over, before_under
        if rest == whole:
            return over, under
        rest = 1 / (rest - whole)
