"""Retention: for how many days an organization keeps what is over."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Subject(StrEnum):
    """What is deleted when its days are over."""

    TASKS = "tasks"
    """Ended tasks, except for dead letters."""
    RESULTS = "results"
    """The results of ended tasks, answers among them; their tasks stay."""
    EVENTS = "events"
    DELIVERIES = "deliveries"
    """Ended deliveries of webhooks."""
    AUDIT = "audit"
    """Entries of the audit log."""
    USAGE = "usage"
    """Records of usage that are in the sums."""
    DELETED_DOCUMENTS = "deleted_documents"
    """What is left of erased documents: ids, times and counts."""


Days = Mapping[Subject, int]


@dataclass(frozen=True, slots=True)
class RetentionLimits:
    """The installation's days for each subject, and between which days an organization may choose others.

    Without days for results, they are kept as long as their tasks.
    """

    defaults: Days
    lowest: int
    highest: int

    def minimum(self, subject: Subject) -> int:
        """The fewest days that an organization may choose.

        The audit log and the records behind statements are kept for at least as long as the installation says.
        """
        return self.defaults[subject] if subject in {Subject.AUDIT, Subject.USAGE} else self.lowest

    def apply(self, chosen: Days) -> dict[Subject, int]:
        """The days of each subject for an organization that has chosen some.

        A choice outside of the limits, which have changed since then, is moved to the nearest one. Results are not kept
        for longer than their tasks.
        """
        wanted = {**self.defaults, **{s: min(max(days, self.minimum(s)), self.highest) for s, days in chosen.items()}}
        tasks = wanted[Subject.TASKS]
        results = min(wanted.get(Subject.RESULTS, tasks), tasks)
        return {subject: results if subject is Subject.RESULTS else wanted[subject] for subject in Subject}
