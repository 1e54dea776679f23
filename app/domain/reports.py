"""Scheduled reports: how often, of which period, and to whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

MOST_ADDRESSES = 20


class Frequency(StrEnum):
    """How often a report is made."""

    DAILY = "daily"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class ReportSchedule:
    """The schedule of an organization's report; without a frequency, there is none.

    Attributes:
        frequency: How often.
        webhook: Whether the event ``report.ready`` is raised.
        email: The addresses that receive a mail.
    """

    frequency: Frequency | None = None
    webhook: bool = True
    email: tuple[str, ...] = ()

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> "ReportSchedule":
        """The schedule in the settings of an organization."""
        if not stored:
            return cls()
        return cls(Frequency(stored["frequency"]), bool(stored["webhook"]), tuple(stored["email"]))

    def as_json(self) -> dict[str, Any] | None:
        """What the settings of an organization store."""
        if self.frequency is None:
            return None
        return {"frequency": self.frequency.value, "webhook": self.webhook, "email": list(self.email)}

    def find_period(self, today: date) -> date | None:
        """The first day of the period whose report is due on a day: the day before, or the month before on the 1st."""
        yesterday = today - timedelta(days=1)
        if self.frequency is Frequency.DAILY:
            return yesterday
        is_due = self.frequency is Frequency.MONTHLY and today.day == 1
        return yesterday.replace(day=1) if is_due else None


def name_period(frequency: Frequency, first: date) -> str:
    """The name of a period, such as ``2026-10`` or ``2026-10-31``."""
    return f"{first:%Y-%m}" if frequency is Frequency.MONTHLY else first.isoformat()
