"""Stands in for the attempt of a task: a test decides when it is cancelled."""

from datetime import UTC, datetime
from typing import Any

from app.domain.ids import new_task_id
from app.domain.tasks import Progress
from app.ledger.report import AttemptStatus
from app.services.queue.attempts import AttemptLostError, Outcome


class FakeTask:
    """The fields of a task that its body reads."""

    def __init__(self, organization_id: int) -> None:
        self.id = new_task_id()
        self.organization_id = organization_id
        self.agent_id = 0
        self.arguments: dict[str, Any] = {}
        self.created_at = datetime.now(UTC)


class FakeAttempt:
    """An attempt whose progress goes nowhere. It is lost after ``reports`` reports."""

    def __init__(self, organization_id: int, reports: int = 10**9) -> None:
        self.task = FakeTask(organization_id)
        self.reports = reports

    async def report(self, _progress: Progress) -> None:
        """Count the report."""
        self.reports -= 1
        if self.reports < 0:
            raise AttemptLostError(AttemptStatus.CANCELLED)

    def follow(self, outcome: Outcome) -> None:
        """Take the arguments with which the task returns to its queue; after its end, begin a new task."""
        if outcome.continues is not None:
            self.task.arguments |= outcome.continues
        else:
            self.task = FakeTask(self.task.organization_id)

    def as_attempt(self) -> Any:
        """Itself, for a parameter of the real type."""
        return self
