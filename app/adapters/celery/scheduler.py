"""Celery Beat's scheduler: it submits ledger tasks instead of publishing messages.

Celery's own scheduler keeps its state in a file of one host, publishes a message that can be lost, and must run only
once. This one keeps its state in Postgres. The broker takes no part.
"""

from abc import abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from celery.beat import Scheduler
from celery.exceptions import ImproperlyConfigured
from celery.schedules import crontab

from app.domain.schedules import Schedule
from app.domain.tasks import TaskName

_MAX_INTERVAL = 30
"""Seconds between two looks at the schedules, at most, so that a clock which was set anew has an effect."""


class LedgerScheduler(Scheduler):
    """Runs as ``beat_scheduler``. A subclass submits the due tasks."""

    max_interval = _MAX_INTERVAL

    @abstractmethod
    def submit_due(self, schedules: Sequence[Schedule]) -> float:
        """Submit the tasks that are due; returns the seconds until the next one is, or until the next try."""

    def setup_schedule(self) -> None:
        """Read ``beat_schedule``.

        Raises:
            ImproperlyConfigured: an entry names no ledger task, or its schedule is not a ``crontab``.
        """
        self.schedules = [read_entry(self.app, name, entry) for name, entry in self.app.conf.beat_schedule.items()]

    def tick(self, *_: Any, **__: Any) -> float:
        """Submit what is due; returns the seconds until the next call."""
        return min(self.submit_due(self.schedules), self.max_interval)

    @property
    def info(self) -> str:
        """A line of Beat's banner."""
        return "    . db -> PostgreSQL"


def read_entry(app: Any, name: str, entry: dict[str, Any]) -> Schedule:
    """Read an entry of ``beat_schedule``.

    Raises:
        ImproperlyConfigured: it names no ledger task, or its schedule is not a ``crontab``.
    """
    times = entry["schedule"]
    if not isinstance(times, crontab):
        raise ImproperlyConfigured(f"beat_schedule: the schedule of {name!r} must be a crontab.")
    if entry["task"] not in list(TaskName):
        raise ImproperlyConfigured(f"beat_schedule: {entry['task']!r} of {name!r} is no task of the ledger.")
    times.app = app  # whose time zone the times are in

    def next_after(moment: datetime) -> datetime:
        start, until, _ = times.remaining_delta(moment)
        following: datetime = start + until
        return following

    return Schedule(name, TaskName(entry["task"]), next_after, entry.get("options", {}).get("catch_up", False))
