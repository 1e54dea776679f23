"""Bodies of requests and responses on dead letters."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from app.api.bodies.fields import (
    Message,
    Next,
    QueueName,
    TaskAgentId,
    TaskDocumentId,
    TaskId,
    TaskName,
    Total,
    example,
)
from app.api.bodies.tasks import ErrorBody
from app.domain import tasks
from app.domain.dead_letters import DeadLetterFilter
from app.domain.task_view import describe_dead_letter
from app.domain.tasks import Queue, Task

_ERROR = {
    "code": "task_crashed",
    "message": "The task's process died on every attempt.",
    "retryable": False,
    "traceback": None,
}
_ATTEMPT = {
    "attempt": 3,
    "started_at": "2026-11-24T09:41:07.120Z",
    "ended_at": "2026-11-24T09:41:09.311Z",
    "outcome": "crash",
    "stage": "parse",
    "worker": "high@host",
    "code": "task_crashed",
    "message": "The task's process died on every attempt.",
}
_DEAD_LETTER = {
    "task_id": "01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e",
    "task_name": "app.tasks.document_tasks.process_document",
    "queue": "high_priority",
    "agent_id": 1,
    "document_id": 123,
    "arguments": {},
    "metadata": {"filename": "report.pdf"},
    "error": _ERROR,
    "traceback": None,
    "attempts": 3,
    "crashes": 3,
    "history": [_ATTEMPT],
    "created_at": "2026-11-24T09:40:58.004Z",
    "dead_lettered_at": "2026-11-24T09:41:09.311Z",
    "announced_at": "2026-11-24T09:41:09.402Z",
}


class AttemptBody(BaseModel):
    """An unsuccessful attempt."""

    model_config = example(_ATTEMPT)

    attempt: int = Field(description="The number of the attempt, from 1.")
    started_at: datetime | None = Field(description="When it began.")
    ended_at: datetime = Field(description="When it ended.")
    outcome: str = Field(
        description="How it ended: retry, failure, crash, handed_back, superseded, cancelled or killed."
    )
    stage: str | None = Field(description="The stage in which it ended.")
    worker: str | None = Field(description="The worker that ran it, with its host: for operators, null for others.")
    code: str | None = Field(description="The code of the error.")
    message: str | None = Field(description="The message of the error.")


class DeadLetterBody(BaseModel):
    """A task that failed for good and waits for a decision: replay or discard it."""

    model_config = example(_DEAD_LETTER)

    task_id: TaskId
    task_name: TaskName
    queue: QueueName
    agent_id: TaskAgentId
    document_id: TaskDocumentId
    arguments: dict[str, Any] = Field(description="The task's arguments.")
    metadata: dict[str, Any] = Field(description="What the task is about, such as `filename`.")
    error: ErrorBody | None = Field(description="Why it failed.")
    traceback: str | None = Field(description="Where in the code it failed, if the error was not expected.")
    attempts: int = Field(description="The number of attempts.")
    crashes: int = Field(description="The number of attempts whose process died.")
    history: list[AttemptBody] = Field(description="The latest unsuccessful attempts, oldest first.")
    created_at: datetime = Field(description="When the task was submitted.")
    dead_lettered_at: datetime | None = Field(description="When it failed for good.")
    announced_at: datetime | None = Field(description="When an alert was sent; null before.")

    @classmethod
    def of(cls, task: Task, *, for_operator: bool) -> "DeadLetterBody":
        """Convert a row; only operators receive the names of workers."""
        body = cls.model_validate(describe_dead_letter(task))
        if not for_operator:
            for attempt in body.history:
                attempt.worker = None
        return body


class DeadLetterList(BaseModel):
    """Dead letters, the newest task first."""

    model_config = example({"dead_letters": [_DEAD_LETTER], "total": 1, "next": None})

    dead_letters: list[DeadLetterBody] = Field(description="The dead letters of this page.")
    total: Total
    next: Next


class FilterBody(BaseModel):
    """Selects dead letters. Omitted fields match everything."""

    model_config = example({"code": "task_crashed"}, extra="forbid")

    queue: Queue | None = Field(None, description="Only those of this queue.")
    agent_id: int | None = Field(None, ge=1, le=2**63 - 1, description="Only those of this agent.")
    code: str | None = Field(None, description="Only those with this error code, such as `task_crashed`.")
    name: tasks.TaskName | None = Field(None, description="Only those with this `task_name`.")

    def to_domain(self) -> DeadLetterFilter:
        """Convert to the domain's filter."""
        return DeadLetterFilter(self.queue, self.agent_id, self.code, self.name)


class ReplayRequest(BaseModel):
    """Which dead letters to replay. An empty filter selects all. With `dry_run` they are only counted."""

    model_config = example({"filter": {"code": "task_crashed"}, "dry_run": True}, extra="forbid")

    filter: FilterBody = Field(description="Which dead letters.")
    dry_run: bool = Field(default=False, description="Only count them.")


class ReplayResult(BaseModel):
    """The number of dead letters that matched, and of those that were queued again."""

    model_config = example({"dry_run": True, "matched": 12, "replayed": 0})

    dry_run: bool = Field(description="Whether they were only counted.")
    matched: int = Field(description="The number of dead letters that matched.")
    replayed: int = Field(description="The number of tasks that were queued again.")


class DeadLetterDiscarded(BaseModel):
    """The dead letter was discarded. Its task stays failed."""

    model_config = example(
        {
            "task_id": "01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e",
            "status": "discarded",
            "message": "Dead letter has been discarded",
        }
    )

    task_id: TaskId
    status: Literal["discarded"] = Field("discarded", description="Always `discarded`.")
    message: Message = "Dead letter has been discarded"
