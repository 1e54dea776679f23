"""Dates, times and elapsed times as a section of a format code shows them."""

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from app.pipeline.parse.office.date_names import Names
from app.pipeline.parse.office.number_layout import Token

_EPOCH = date(1899, 12, 30)
_DAYS_TO_1904 = 1462
_LEAP_ERROR = 60
"""The calendar from 1900 counts a 29 February 1900, which did not exist."""
_END = 2_958_466
"""The first day of the year 10000."""
_SECONDS = 86_400
_BUDDHIST_YEARS = 543
_ELAPSED_UNITS = {"h": 3600, "m": 60, "s": 1}


class _Moment(NamedTuple):
    year: int
    month: int
    day: int
    weekday: int
    """Counts from Saturday."""
    seconds: int
    """Seconds of the day."""
    fraction: str
    """Digits of the fraction of a second, as many as the format shows."""
    total: int
    """Seconds since the beginning of the calendar, for elapsed times."""
    half: bool
    """Whether hours count to twelve."""
    names: Names


def prepare(tokens: Sequence[Token]) -> list[Token]:
    """The tokens of a date with ``m`` for minutes as ``n``, and the decimals of seconds as one token."""
    prepared: list[Token] = []
    before = ""
    for index, (kind, text) in enumerate(tokens):
        if kind == "date":
            unit = text[0].lower()
            if unit == "m" and len(text) < 3 and (before == "h" or _next_unit(tokens[index + 1 :]) == "s"):  # noqa: PLR2004, months have names from mmm
                unit = "n"
            prepared.append((unit, text))
            before = unit
        elif kind == "elapsed":
            before = text[0]
            prepared.append((kind, text))
        elif kind == "digit" and prepared and prepared[-1][0] in {".", "decimals"} and before == "s":
            prepared.append(("decimals", prepared.pop()[1] + text))
        else:
            prepared.append((kind, text))
    return prepared


def write(tokens: Sequence[Token], value: float, names: Names, *, since_1904: bool) -> str | None:
    """The serial number ``value`` as its format shows it; None where it is no date of the calendar."""
    if not 0 <= value < _END - _DAYS_TO_1904 * since_1904:
        return None
    decimals = max((len(text) - 1 for kind, text in tokens if kind == "decimals"), default=0)
    ticks = int(value * _SECONDS * 10**decimals + 0.5)
    total, fraction = divmod(ticks, 10**decimals)
    serial, seconds = divmod(total, _SECONDS)
    year, month, day = _split_day(serial + _DAYS_TO_1904 * since_1904)
    weekday = (serial + _DAYS_TO_1904 * since_1904) % 7
    half = any(kind == "half" for kind, _ in tokens)
    digits = f"{fraction:0{decimals}}" if decimals else ""
    moment = _Moment(year, month, day, weekday, seconds, digits, total, half, names)
    return "".join(_write_token(kind, text, moment) for kind, text in tokens).strip()


def _next_unit(tokens: Sequence[Token]) -> str:
    return next((text[0].lower() for kind, text in tokens if kind in {"date", "elapsed"}), "")


def _split_day(serial: int) -> tuple[int, int, int]:
    if serial in {0, _LEAP_ERROR}:
        return (1900, 2, 29) if serial else (1900, 1, 0)
    day = _EPOCH + timedelta(days=serial + (serial < _LEAP_ERROR))
    return day.year, day.month, day.day


def _write_token(kind: str, text: str, moment: _Moment) -> str:
    """One token: a unit by the number of its letters, or a literal."""
    writer = _WRITERS.get(kind)
    return writer(moment, text) if writer else text


def _write_month(moment: _Moment, text: str) -> str:
    at, names = moment.month - 1, moment.names
    return _write_name(names.months[at], names.short_months[at], moment.month, text)


def _write_day(moment: _Moment, text: str) -> str:
    at, names = moment.weekday, moment.names
    return _write_name(names.days[at], names.short_days[at], moment.day, text)


def _write_hour(moment: _Moment, text: str) -> str:
    hour = moment.seconds // 3600
    return _pad((hour + 11) % 12 + 1 if moment.half else hour, text)


def _write_name(name: str, short: str, number: int, text: str) -> str:
    if len(text) <= 2:  # noqa: PLR2004, one or two letters are a number
        return _pad(number, text)
    return {3: short, 5: name[0]}.get(len(text), name)


def _pad(number: int, text: str) -> str:
    return f"{number:0{min(len(text), 9)}}"


def _write_half(moment: _Moment, text: str) -> str:
    first, _, second = text.partition("/")
    return second if moment.seconds >= _SECONDS // 2 else first


_WRITERS: dict[str, Callable[[_Moment, str], str]] = {
    "y": lambda moment, text: f"{moment.year:04}" if len(text) > 2 else f"{moment.year % 100:02}",  # noqa: PLR2004, y and yy are short
    "e": lambda moment, _: str(moment.year),
    "b": lambda moment, _: str(moment.year + _BUDDHIST_YEARS),
    "g": lambda _, __: "",
    "m": _write_month,
    "d": _write_day,
    "h": _write_hour,
    "n": lambda moment, text: _pad(moment.seconds // 60 % 60, text),
    "s": lambda moment, text: _pad(moment.seconds % 60, text),
    "decimals": lambda moment, _: f".{moment.fraction}",
    "elapsed": lambda moment, text: _pad(moment.total // _ELAPSED_UNITS[text[0]], text),
    "half": _write_half,
}
