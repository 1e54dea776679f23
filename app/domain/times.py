"""Dates and times as metadata states them: texts in ISO form."""

import re
from datetime import UTC, date, datetime

_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,6})?)?"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-5]):?[0-5][0-9])"
PATTERN = (
    r"(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    rf"(?:[T ]{_TIME}{_ZONE}?)?"
)
"""A date, such as ``2021-03-03``, or a date with a time, such as ``2021-03-03T10:00:00+02:00``. Postgres reads the same
pattern. Without a zone, a time is in UTC; a date is the start of its day in UTC."""


def read_time(text: str) -> datetime | None:
    """The time that a text states, in UTC and without a zone; None for any other text."""
    if not re.fullmatch(PATTERN, text):
        return None
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):  # the 30th of February, or before the year 1
        return None


def start_of_day(day: date) -> datetime:
    """The start of a day in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
