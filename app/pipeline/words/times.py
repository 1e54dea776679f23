"""Times of day in one notation, ``14:30``, so that a query finds those that a text writes differently."""

import re

_CLOCK = re.compile(r"(\d\d?)[:h](\d\d)(?::\d\d)?")
_TWELVE = re.compile(r"(\d\d?)(?:[:.](\d\d))?(am|pm)")
_NUMBER = re.compile(r"(\d\d?)(?:[:.](\d\d))?")
_HALVES = {"am": 0, "a.m": 0, "pm": 12, "p.m": 12}
_HOURS = frozenset(("h", "hs", "hrs"))
"""Also units of time, so that only a number with minutes is a time of day before them."""
CLOCK_WORDS = frozenset((*_HALVES, *_HOURS, "uhr", "uur", "o'clock"))
"""Words after a time of day."""
_MOST_HOURS, _MOST_MINUTES, _NOON = 23, 59, 12
_WRITTEN = re.compile(
    r"(?<![\d.,:])(\d\d?(?:[:.]\d\d)?) ?(?:([ap]m|uhr|uur|o'clock|hr?s?)\b|([ap]\.m)\b\.?)", re.IGNORECASE
)


def read_times(compound: str) -> list[str]:
    """The time of a compound such as ``14:30``, ``14h30`` or ``2:30pm``; none where it is no time."""
    if match := _CLOCK.fullmatch(compound):
        return _make(match[1], match[2])
    if match := _TWELVE.fullmatch(compound.lower()):
        return _make(match[1], match[2], match[3])
    return []


def read_time(number: str, word: str) -> list[str]:
    """The time of a number and the word after it, as in "2:30 pm" and "14.30 Uhr"; none where it is no time."""
    match = _NUMBER.fullmatch(number)
    if match is None or word not in CLOCK_WORDS or (word in _HOURS and not match[2]):
        return []
    return _make(match[1], match[2], word)


def unify_times(query: str) -> str:
    """A query with its times as ``14:30``: words such as "pm" belong to them, and are not looked for."""
    return _WRITTEN.sub(_unify, query)


def _unify(match: re.Match[str]) -> str:
    times = read_time(match[1], (match[2] or match[3]).lower())
    return times[0] if times else match[0]


def list_notations(time: str) -> list[str]:
    """How texts that were indexed without this rule may have a time: its digits, also with twelve hours."""
    hours, minutes = time.split(":")
    return [f"{int(hours)}{minutes}", f"{(int(hours) - 1) % _NOON + 1}{minutes}"]


def _make(hours: str, minutes: str | None, word: str = "") -> list[str]:
    hour, half = int(hours), _HALVES.get(word)
    if hour > (_MOST_HOURS if half is None else _NOON) or int(minutes or 0) > _MOST_MINUTES:
        return []
    hour = hour if half is None else hour % _NOON + half
    return [f"{hour:02}:{minutes or '00'}"]
