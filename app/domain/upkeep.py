"""Runs of upkeep: the chores that every supervisor takes part in, and the tasks that delete what is over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class UpkeepTask(StrEnum):
    """The upkeep that runs as tasks of the ledger."""

    RETENTION = "retention"
    """Deletes what an organization keeps no longer."""
    STORAGE = "storage"
    """Compares the files in storage with the rows that name them."""


SCHEDULES = {UpkeepTask.RETENTION: "apply-retention", UpkeepTask.STORAGE: "sweep-storage"}
"""The schedule that submits each, as Celery Beat names it."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run. A chore has no task, and of its runs only the last one is kept.

    ``state`` is that of the task, as the ledger names it; None for a chore, and when the task is deleted.
    """

    id: int
    name: str
    organization_id: int | None
    task_id: UUID | None
    started_at: datetime
    ended_at: datetime | None
    counts: Mapping[str, int]
    error: str | None
    state: str | None


@dataclass(frozen=True, slots=True)
class UpkeepKind:
    """A kind of upkeep: when it is due next, and its last run."""

    name: str
    due_at: datetime | None
    last: Run | None
