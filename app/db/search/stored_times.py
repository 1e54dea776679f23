"""Times that are stored as texts in ISO form, as SQL expressions."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, DateTime, Text, any_, func, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.domain.times import PATTERN


def may_be_near(written: ColumnElement[str], times: Sequence[datetime]) -> ColumnElement[bool]:
    """Whether a text may state a time within a day of one of these.

    Further away, the order of the characters is the order of the times, whatever their zones. So only such texts need
    ``make_time``, which is slow.
    """
    days = {date.fromordinal(day).isoformat() for time in times for day in _list_days(time)}
    return func.left(written, 10) == any_(literal(sorted(days), ARRAY(Text)))


class _StoredTime(FunctionElement[datetime]):
    """The time in UTC that a text states; see ``make_time``."""

    name = "stored_time"
    type = DateTime()
    inherit_cache = True


# As one template: a tree of SQLAlchemy's expressions takes it many times as long to write.
_DAY = (
    "(CAST(concat(left({0}, 8), '01') AS timestamp) + make_interval(0, 0, 0, CAST(substr({0}, 9, 2) AS integer) - 1))"
)
_TIME = "CAST(coalesce(substring({0}, '[T ]([0-9:.]+)'), '0:0') AS interval)"
_HOURS = "substring({0}, ':.*([+-][0-9]{{2}}):?[0-9]{{2}}$')"
_OFFSET = f"CAST(coalesce({_HOURS} || ':' || right({{0}}, 2), '0:0') AS interval)"
# A date that does not exist becomes one of the next month, and is no time.
_EXISTS = f"substr({{0}}, 6, 2) = to_char({_DAY}, 'MM')"
_STORED_TIME = f"""CASE WHEN {{0}} ~ '^{PATTERN.replace("{", "{{").replace("}", "}}")}$'
    THEN CASE WHEN {_EXISTS} THEN {_DAY} + {_TIME} - {_OFFSET} END END"""


@compiles(_StoredTime)
def _write_stored_time(element: _StoredTime, compiler: SQLCompiler, **options: Any) -> str:
    written = compiler.process(element.clauses, **options)
    return f"({_STORED_TIME.format(f'({written})')})"


def make_time(written: ColumnElement[str]) -> ColumnElement[datetime]:
    """The time in UTC that a text states; null for any other text.

    It is added up from its parts, which cannot fail: a cast of the 30th of February would end the whole search.
    """
    return _StoredTime(written)


def _list_days(time: datetime) -> range:
    """The ordinal numbers of a time's day and of those before and after it, as far as they exist."""
    day = time.toordinal()
    return range(max(1, day - 1), min(date.max.toordinal(), day + 1) + 1)
