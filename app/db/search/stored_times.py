"""Times that are stored as texts in ISO form, as SQL expressions."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import ARRAY, ColumnElement, DateTime, Integer, Interval, Text, any_, case, func, literal

from app.domain.times import PATTERN


def may_be_near(written: ColumnElement[str], times: Sequence[datetime]) -> ColumnElement[bool]:
    """Whether a text may state a time within a day of one of these.

    Further away, the order of the characters is the order of the times, whatever their zones. So only such texts need
    ``make_time``, which is slow.
    """
    days = {date.fromordinal(day).isoformat() for time in times for day in _list_days(time)}
    return func.left(written, 10) == any_(literal(sorted(days), ARRAY(Text)))


def make_time(written: ColumnElement[str]) -> ColumnElement[datetime]:
    """The time in UTC that a text states; null for any other text.

    It is added up from its parts, which cannot fail: a cast of the 30th of February would end the whole search.
    """
    days = func.make_interval(0, 0, 0, func.substr(written, 9, 2).cast(Integer) - 1)
    day = func.concat(func.left(written, 8), "01").cast(DateTime) + days
    time = func.coalesce(func.substring(written, "[T ]([0-9:.]+)"), "0:0").cast(Interval)
    hours = func.substring(written, ":.*([+-][0-9]{2}):?[0-9]{2}$")
    offset = case((hours.isnot(None), func.concat(hours, ":", func.right(written, 2))), else_="0:0").cast(Interval)
    # A date that does not exist becomes one of the next month, and is no time.
    exists = func.substr(written, 6, 2) == func.to_char(day, "MM")
    return case((written.op("~")(f"^{PATTERN}$"), case((exists, day + time - offset))))


def _list_days(time: datetime) -> range:
    """The ordinal numbers of a time's day and of those before and after it, as far as they exist."""
    day = time.toordinal()
    return range(max(1, day - 1), min(date.max.toordinal(), day + 1) + 1)
