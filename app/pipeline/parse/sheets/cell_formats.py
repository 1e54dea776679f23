"""How a spreadsheet shows a number: as a date, a time, a percentage or a plain number (ECMA-376, 18.8.30)."""

import re
from datetime import datetime, timedelta

_BUILT_IN = {
    **dict.fromkeys((9, 10), "%"),
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 55), 57, 58), "d"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47, 55, 56), "t"),
    22: "dt",
    46: "e",
}
"""Formats that files refer to by number only. d: date, t: time of day, e: elapsed time."""
_LITERAL = re.compile(r'"[^"]*"?|\\.|_.|\*.')
_ELAPSED = re.compile(r"\[[hms]+\]", re.IGNORECASE)
_BRACKETS = re.compile(r"\[[^\]]*\]?")
_EPOCHS = {False: datetime(1899, 12, 30), True: datetime(1904, 1, 1)}  # noqa: DTZ001, spreadsheets have no time zones
_LEAP_ERROR = 60
"""The calendar from 1900 counts a 29 February 1900, which did not exist."""
_LAST_DAY = 2_958_466
_DIGITS = 15


def classify(number: int, code: str | None) -> str:
    """The kind of a number format: ``d``, ``t``, ``dt``, ``e``, ``%`` or empty for plain numbers.

    Args:
        number: Its id, which identifies a built-in format.
        code: The format in the file, such as ``yyyy-mm-dd``; None for a built-in format.
    """
    if code is None:
        return _BUILT_IN.get(number, "")
    code = _LITERAL.sub("", code[:1000].partition(";")[0]).lower()
    if _ELAPSED.search(code):
        return "e"
    code = _BRACKETS.sub("", code).replace("general", "").replace("am/pm", "h").replace("a/p", "h")
    if "%" in code:
        return "%"
    has_time = "h" in code or "s" in code
    has_day = "d" in code or "y" in code or ("m" in code and not has_time)
    return "d" * has_day + "t" * has_time


def write_number(text: str, kind: str, *, since_1904: bool) -> str:
    """A cell's number as its format shows it, dates in ISO 8601; unchanged where the format does not fit."""
    try:
        value = float(text)
    except ValueError:
        return text
    if kind == "%":
        return f"{value * 100:.{_DIGITS}g}%"
    if not kind or not 0 <= value < _LAST_DAY:
        return _write_plain(text, value)
    return _write_elapsed(value) if kind == "e" else _write_date(value, kind, since_1904=since_1904)


def _write_plain(text: str, value: float) -> str:
    """A number without rounding errors: files store 17 digits, and spreadsheets show 15."""
    if len(text.lstrip("-")) <= _DIGITS and "e" not in text.lower():
        return text
    short = f"{value:.{_DIGITS}g}"
    return f"{value:.0f}" if "e" in short and value.is_integer() and abs(value) < 10**_DIGITS else short


def _write_elapsed(value: float) -> str:
    minutes, seconds = divmod(round(value * 86400), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"


def _write_date(value: float, kind: str, *, since_1904: bool) -> str:
    days = value + 1 if not since_1904 and value < _LEAP_ERROR else value
    moment = _EPOCHS[since_1904] + timedelta(seconds=round(days * 86400))
    if kind == "d":
        return f"{moment:%Y-%m-%d}" if moment.time() == moment.min.time() else f"{moment:%Y-%m-%d %H:%M:%S}"
    return f"{moment:%H:%M:%S}" if kind == "t" and value < 1 else f"{moment:%Y-%m-%d %H:%M:%S}"
