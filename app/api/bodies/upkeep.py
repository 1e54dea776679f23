"""Bodies of requests and responses on upkeep and retention."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

from app.api.bodies.fields import Message, Next, Total, example
from app.domain.retention import Subject
from app.domain.upkeep import Run, UpkeepKind

_TIME = "2026-11-30T02:20:01.120Z"
_RUN = {
    "id": 91,
    "name": "retention",
    "organization_id": 1,
    "task_id": "01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e",
    "started_at": _TIME,
    "ended_at": "2026-11-30T02:20:03.620Z",
    "seconds": 2.5,
    "counts": {"tasks": 1200, "events": 4800},
    "error": None,
}
_KIND = {"name": "retention", "due_at": "2026-12-01T02:20:00Z", "last": _RUN}


class RunBody(BaseModel):
    """A run of upkeep."""

    model_config = example(_RUN)

    id: int = Field(description="The run's number.")
    name: str = Field(description="What was done: `retention`, `storage`, or a chore of the workers' supervisors.")
    organization_id: int | None = Field(description="Whose data it concerns; null for the whole installation.")
    task_id: str | None = Field(
        description="The task that does it; null for a chore, of which only the last run is kept."
    )
    started_at: datetime = Field(description="When it began.")
    ended_at: datetime | None = Field(description="When it ended; null while it runs or waits to continue.")
    seconds: float | None = Field(description="How long it took; null while it runs.")
    counts: dict[str, int] = Field(description="What was deleted or found, by kind. A running task adds to them.")
    error: str | None = Field(description="Why it failed; null if it did not.")

    @classmethod
    def of(cls, run: Run) -> "RunBody":
        """Convert a run."""
        seconds = (run.ended_at - run.started_at).total_seconds() if run.ended_at else None
        return cls(
            id=run.id,
            name=run.name,
            organization_id=run.organization_id,
            task_id=str(run.task_id) if run.task_id else None,
            started_at=run.started_at,
            ended_at=run.ended_at,
            seconds=None if seconds is None else round(seconds, 3),
            counts=dict(run.counts),
            error=run.error,
        )


class UpkeepKindBody(BaseModel):
    """A kind of upkeep."""

    model_config = example(_KIND)

    name: str = Field(description="Its name, as `POST /upkeep/{name}/run` takes it.")
    due_at: datetime | None = Field(description="When it is due next; null before Celery Beat has started once.")
    last: RunBody | None = Field(description="Its last run; null if none is recorded.")

    @classmethod
    def of(cls, kind: UpkeepKind) -> "UpkeepKindBody":
        """Convert a kind."""
        return cls(name=kind.name, due_at=kind.due_at, last=RunBody.of(kind.last) if kind.last else None)


class UpkeepList(BaseModel):
    """What upkeep does and did. The runs are the newest first."""

    model_config = example({"upkeep": [_KIND], "runs": [_RUN], "total": 1, "next": None})

    upkeep: list[UpkeepKindBody] = Field(
        description="The kinds of upkeep, with the next time and the last run of each."
    )
    runs: list[RunBody] = Field(description="The runs of this page.")
    total: Total
    next: Next


class UpkeepStarted(BaseModel):
    """Upkeep was started."""

    model_config = example({"name": "storage", "task_id": _RUN["task_id"], "message": "Upkeep queued"})

    name: str = Field(description="What was started.")
    task_id: str | None = Field(description="Its task; null for a chore, which a supervisor does within seconds.")
    message: Message


_Days = Annotated[int | None, Field(ge=1, le=36_500)]
_CHOSEN = {"tasks": 14, "results": 7, "events": None, "deliveries": None, "audit": None, "usage": None}
_APPLIED = {"tasks": 14, "results": 7, "events": 30, "deliveries": 30, "audit": 400, "usage": 400}


class RetentionDays(BaseModel):
    """For how many days an organization keeps what is over. A subject that is null follows the installation."""

    model_config = example({**_CHOSEN, "deleted_documents": None}, extra="forbid")

    tasks: _Days = Field(None, description="Ended tasks. Dead letters stay until they are replayed or discarded.")
    results: _Days = Field(
        None, description="Results of ended tasks, answers among them. At most as long as the tasks."
    )
    events: _Days = Field(None, description="Events of the feed.")
    deliveries: _Days = Field(None, description="Ended deliveries of webhooks.")
    audit: _Days = Field(None, description="Entries of the audit log. At least as many days as the installation's.")
    usage: _Days = Field(
        None, description="Records of usage that are in the sums. At least as many days as the installation's."
    )
    deleted_documents: _Days = Field(None, description="What is left of deleted documents: ids, times and counts.")

    def to_domain(self) -> dict[Subject, int]:
        """The subjects for which a number of days is chosen."""
        return {Subject(name): days for name, days in self.model_dump().items() if days is not None}


class RetentionBody(BaseModel):
    """The retention of an organization."""

    model_config = example(
        {
            "organization_id": 1,
            "chosen": {**_CHOSEN, "deleted_documents": None},
            "days": {**_APPLIED, "deleted_documents": 30},
            "minimum": {**dict.fromkeys(_CHOSEN, 1), "audit": 400, "usage": 400, "deleted_documents": 1},
            "maximum": 3650,
        }
    )

    organization_id: int = Field(description="The organization.")
    chosen: RetentionDays = Field(
        description="What the organization has chosen; null where it follows the installation."
    )
    days: dict[str, int] = Field(description="The days that apply, by subject.")
    minimum: dict[str, int] = Field(description="The fewest days that may be chosen, by subject.")
    maximum: int = Field(description="The most days that may be chosen.")


class AlertsUpdate(BaseModel):
    """Who receives mails about the organization's dead letters."""

    model_config = example({"emails": ["team@example.com"]}, extra="forbid")

    emails: list[str] = Field(max_length=20, description="Mail addresses. An empty list sends no mail for them.")


class AlertsBody(BaseModel):
    """Who receives mails about the organization's dead letters."""

    model_config = example({"organization_id": 1, "emails": ["team@example.com"]})

    organization_id: int = Field(description="The organization.")
    emails: list[str] = Field(
        description="The organization's recipients. Those of the server's setting `DEAD_LETTER_EMAILS` are not listed."
    )
