"""Schedules: tasks that are submitted at stated times."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from app.domain.tasks import TaskName


@dataclass(frozen=True, slots=True)
class Schedule:
    """A task that is submitted once for each of its times.

    Attributes:
        name: Identifies the schedule; part of the key of each submitted task.
        task: The task.
        next_after: Returns the first time of the schedule after a given one. Both have a time zone.
        catch_up: Whether each time that passed while no Beat ran has its task. Otherwise only the latest one has.
    """

    name: str
    task: TaskName
    next_after: Callable[[datetime], datetime]
    catch_up: bool = False

    def write_key(self, due: datetime) -> str:
        """The key under which the task of one time is submitted, such as ``sum-usage:2026-11-30T10:05Z``."""
        return f"{self.name}:{due.astimezone(UTC):%Y-%m-%dT%H:%M}Z"

    def list_due(self, first: datetime, now: datetime, limit: int) -> tuple[list[datetime], datetime]:
        """List the times whose tasks are to be submitted, at most ``limit``.

        Args:
            first: The time that is due next.
            now: The present.
            limit: The largest number of times.

        Returns:
            The times, and the time that is due after them.
        """
        due: list[datetime] = []
        while first <= now and len(due) < limit:
            due = [*due, first] if self.catch_up else [first]
            first = self.next_after(first)
        return due, first
