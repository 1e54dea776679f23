"""The numbers of a text, so that they compare in any notation: 12,500 and 12.500,00, four and 4, 07 and 7."""

import re
from collections.abc import Iterator

_NUMBER = re.compile(r"\d+(?:[.,'’\u00a0\u202f]\d+)*")  # noqa: RUF001
_GROUPED = re.compile(r"\d{1,3}(?:[.,'’\u00a0\u202f]\d{3})+")  # noqa: RUF001
_WORDS = {
    word: str(value)
    for value, words in enumerate(
        (
            "two zwei deux dos due dois twee два 二 两",
            "three drei trois tres tre tres drie три 三",
            "four vier quatre cuatro quattro quatro четыре 四",
            "five fünf cinq cinco cinque vijf пять 五",
            "six sechs seis sei zes шесть 六",
            "seven sieben sept siete sette sete zeven семь 七",
            "eight acht huit ocho otto oito восемь 八",
            "nine neun neuf nueve nove negen девять 九",
            "ten zehn dix diez dieci dez tien десять 十",
            "eleven elf onze once undici одиннадцать",
            "twelve zwölf douze doce dodici doze twaalf двенадцать",
        ),
        2,
    )
    for word in words.split()
}
_TIME = re.compile(
    r"(?<![\d:.,])(?P<hour>\d{1,2})(?:[:.](?P<minute>[0-5]\d))?(?:\s?(?P<half>[ap])\.?\s?m\b|(?<=:\d\d)(?![\d:]))",
    re.IGNORECASE,
)
"""A time of day with a colon, or with "a.m." or "p.m." behind it."""
_HALF, _DAY = 12, 24
_LETTERS = re.compile(r"[^\W\d_]+")
_LIST_MARKER = re.compile(r"^\s*(?:[-*•]\s+)?(?:\(?\d{1,2}[.)]\s+)?")


def list_numbers(text: str) -> list[frozenset[str]]:
    """The numbers written with digits, each as the values that its notation allows, without numbers of list items.

    A time of day is one number; without "a.m." or "p.m." it may be of either half of the day.
    """
    text = _LIST_MARKER.sub("", text)
    times = [frozenset(_read_asked_time(match)) for match in _TIME.finditer(text) if _is_time(match)]
    rest = _TIME.sub(lambda match: " " if _is_time(match) else match[0], text)
    return [*times, *(frozenset(_read_asked(found)) for found in _NUMBER.findall(rest))]


def list_values(text: str) -> frozenset[str]:
    """Every value that a number of the text may have, also one written as a word, from two to twelve."""
    times = (_write_time(match) for match in _TIME.finditer(text) if _is_time(match))
    rest = _TIME.sub(lambda match: " " if _is_time(match) and match["half"] else match[0], text)
    digits = (value for found in _NUMBER.findall(rest) for value in _read(found))
    words = (_WORDS[word] for word in _LETTERS.findall(text.lower()) if word in _WORDS)
    return frozenset((*times, *digits, *words))


def _is_time(match: re.Match[str]) -> bool:
    hour = int(match["hour"])
    return 0 < hour <= _HALF if match["half"] else hour < _DAY


def _write_time(match: re.Match[str]) -> str:
    """A time as ``19:30``."""
    hour, half = int(match["hour"]), (match["half"] or "").lower()
    if half:
        hour = hour % _HALF + _HALF * (half == "p")
    return f"{hour}:{match['minute'] or '00'}"


def _read_asked_time(match: re.Match[str]) -> Iterator[str]:
    """The values that a text may have where this time is said."""
    yield _write_time(match)
    hour, minute = int(match["hour"]), match["minute"] or "00"
    if not match["half"] and hour <= _HALF:
        yield f"{hour % _HALF + _HALF}:{minute}"
    yield _plain(str(hour), minute)


def _read_asked(number: str) -> Iterator[str]:
    """The values that a text may have where this number is said, hours and times of day such as "7.30" among them."""
    yield from _read(number)
    if re.fullmatch(r"\d\d?", number) and int(number) < _DAY:
        yield from (f"{int(number)}:00", f"{int(number) % _HALF + _HALF}:00")
    elif re.fullmatch(r"\d{1,2}\.[0-5]\d", number):
        hour, minute = number.split(".")
        yield from (f"{int(hour)}:{minute}", f"{int(hour) % _HALF + _HALF}:{minute}")


def _read(number: str) -> Iterator[str]:
    """The values of a number: 2,400 may be 2400 or 2.4; of several parts, such as a date, each part too."""
    parts = re.split(r"\D", number)
    if match := _GROUPED.match(number):
        rest = number[match.end() :]
        if not rest or re.fullmatch(r"[.,]\d+", rest):
            yield _plain(re.sub(r"\D", "", match[0]), rest[1:])
    if len(parts) == 2:  # noqa: PLR2004 - a whole number and its decimals
        yield _plain(parts[0], parts[1])
    elif len(parts) != 2 and not _GROUPED.fullmatch(number):  # noqa: PLR2004
        yield from (_plain(part) for part in parts)


def _plain(whole: str, decimals: str = "") -> str:
    decimals = decimals.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{decimals}" if decimals else "")
