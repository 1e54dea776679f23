"""Bodies of requests and responses on dead letters."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.api.bodies.tasks import ErrorBody
from app.domain.task_view import describe_dead_letter
from app.domain.tasks import DeadLetterFilter, Queue, Task, TaskName


class AttemptBody(BaseModel):
    """An unsuccessful attempt. `outcome` is retry, failure, crash, handed_back, cancelled or killed."""

    attempt: int
    started_at: datetime | None
    ended_at: datetime
    outcome: str
    stage: str | None
    worker: str | None
    code: str | None
    message: str | None


class DeadLetterBody(BaseModel):
    """A task that failed for good. `history` lists its latest unsuccessful attempts."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "task_id": "01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e",
                "task_name": "app.tasks.document_tasks.process_document",
                "queue": "high_priority",
                "agent_id": 1,
                "document_id": 123,
                "arguments": {},
                "metadata": {"filename": "report.pdf"},
                "error": {
                    "code": "task_crashed",
                    "message": "The task's process died on every attempt.",
                    "retryable": False,
                    "traceback": None,
                },
                "traceback": None,
                "attempts": 3,
                "crashes": 3,
                "history": [
                    {
                        "attempt": 3,
                        "started_at": "2026-11-24T09:41:07.120Z",
                        "ended_at": "2026-11-24T09:41:09.311Z",
                        "outcome": "crash",
                        "stage": "parse",
                        "worker": "high@host",
                        "code": "task_crashed",
                        "message": "The task's process died on every attempt.",
                    }
                ],
                "created_at": "2026-11-24T09:40:58.004Z",
                "dead_lettered_at": "2026-11-24T09:41:09.311Z",
                "announced_at": "2026-11-24T09:41:09.402Z",
            }
        }
    )

    task_id: str
    task_name: str
    queue: str
    agent_id: int
    document_id: int | None
    arguments: dict[str, Any]
    metadata: dict[str, Any]
    error: ErrorBody | None
    traceback: str | None
    attempts: int
    crashes: int
    history: list[AttemptBody]
    created_at: datetime
    dead_lettered_at: datetime | None
    announced_at: datetime | None

    @classmethod
    def of(cls, task: Task) -> "DeadLetterBody":
        """Convert a row."""
        return cls.model_validate(describe_dead_letter(task))


class DeadLetterList(BaseModel):
    """Dead letters, the newest task first."""

    dead_letters: list[DeadLetterBody]
    total: int
    next: str | None


class FilterBody(BaseModel):
    """Selects dead letters. Omitted fields match everything. `code` is the error's code."""

    model_config = ConfigDict(extra="forbid")

    queue: Queue | None = Field(None, description="Only those of this queue.")
    agent_id: int | None = Field(None, ge=1, le=2**63 - 1, description="Only those of this agent.")
    code: str | None = Field(None, description="Only those with this error code, such as `task_crashed`.")
    name: TaskName | None = Field(None, description="Only those with this `task_name`.")

    def to_domain(self) -> DeadLetterFilter:
        """Convert to the domain's filter."""
        return DeadLetterFilter(self.queue, self.agent_id, self.code, self.name)


class ReplayRequest(BaseModel):
    """Which dead letters to replay. An empty filter selects all. With `dry_run` they are only counted."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"filter": {"code": "task_crashed"}, "dry_run": True}}
    )

    filter: FilterBody
    dry_run: bool = False


class ReplayResult(BaseModel):
    """The number of dead letters that matched, and of those that were queued again."""

    model_config = ConfigDict(json_schema_extra={"example": {"dry_run": True, "matched": 12, "replayed": 0}})

    dry_run: bool
    matched: int
    replayed: int


class DeadLetterDiscarded(BaseModel):
    """The dead letter was discarded. Its task stays failed."""

    task_id: str
    status: str = "discarded"
    message: str = "Dead letter has been discarded"
