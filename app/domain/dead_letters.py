"""What selects dead letters."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """Selects dead letters. A field of None matches everything. ``code`` is the error's code."""

    queue: str | None = None
    agent_id: int | None = None
    code: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetterCount:
    """How many dead letters of a time have this task name and error code."""

    name: str
    code: str | None
    number: int


@dataclass(frozen=True, slots=True)
class DeadLetterSummary:
    """A dead letter without any text of its document."""

    task_id: UUID
    name: str
    code: str | None
    agent_id: int
    document_id: int | None
    dead_lettered_at: datetime
