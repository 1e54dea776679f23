"""Reports of usage, and their periods: hours, days and months, all in UTC."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum


class Granularity(StrEnum):
    """The length of the periods that are reported."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"

    def find_start(self, moment: datetime) -> datetime:
        """The beginning of the period that contains a time."""
        start = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if self is not Granularity.HOUR:
            start = start.replace(hour=0)
        return start.replace(day=1) if self is Granularity.MONTH else start

    def find_next(self, start: datetime) -> datetime:
        """The beginning of the period after the one that begins at ``start``."""
        step = {Granularity.HOUR: timedelta(hours=1), Granularity.DAY: timedelta(days=1)}.get(self, timedelta(days=31))
        return self.find_start(start + step)

    def find_end(self, moment: datetime) -> datetime:
        """The earliest beginning of a period that is not before a time."""
        start = self.find_start(moment)
        return start if start == moment else self.find_next(start)


@dataclass(frozen=True, slots=True)
class UsageReport:
    """What to report.

    Attributes:
        granularity: The length of the periods.
        begin: The beginning of the first period.
        end: The end of the last one.
        agent_id: Only what this agent used; None for all.
        group_by: A row for each ``agent``, ``kind`` or ``model``.
    """

    granularity: Granularity
    begin: datetime
    end: datetime
    agent_id: int | None = None
    group_by: Sequence[str] = ()
