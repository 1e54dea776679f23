"""Bodies of requests and responses on tasks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.api.bodies.fields import (
    ChunkCount,
    Links,
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
from app.api.bodies.results import Result
from app.domain.states import FINAL, State
from app.domain.task_view import describe
from app.domain.tasks import Counts, Task

TASK_ID = "01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e"
LINKS = {"task": f"/api/v1/tasks/{TASK_ID}", "events": f"/api/v1/tasks/{TASK_ID}/events"}
ACCEPTED = {"task_id": TASK_ID, "status": "queued", "message": "Question queued", "links": LINKS}
COUNTS = {"total": 4, "pending": 1, "running": 1, "succeeded": 2, "failed": 0, "revoked": 0}
_ERROR = {
    "code": "no_extractable_text",
    "message": "The file contains no extractable text.",
    "retryable": False,
    "traceback": None,
}
TASK = {
    "task_id": TASK_ID,
    "task_name": "app.tasks.document_tasks.process_document",
    "queue": "high_priority",
    "state": "PROGRESS",
    "status": "Extracting text from document.pdf (page 12 of 40)",
    "current": 29,
    "total": 100,
    "stage": "parse",
    "agent_id": 1,
    "document_id": 123,
    "chunk_count": None,
    "parent_id": None,
    "counts": None,
    "attempt": 1,
    "crashes": 0,
    "position": None,
    "created_at": "2026-11-23T09:41:07.120Z",
    "started_at": "2026-11-23T09:41:07.124Z",
    "completed_at": None,
    "next_attempt_at": None,
    "stages": [{"name": "queue", "ms": 4}, {"name": "load", "ms": 3}],
    "result": None,
    "error": None,
    "metadata": {"filename": "document.pdf"},
    "version": 5,
}

PublicState = Literal["PENDING", "STARTED", "PROGRESS", "RETRY", "SUCCESS", "FAILURE", "REVOKED"]


class Stage(BaseModel):
    """A stage of an attempt, and its duration."""

    model_config = example({"name": "parse", "ms": 31})

    name: str = Field(description="The stage's name, such as `queue`, `load`, `parse`, `chunk`, `embed` or `store`.")
    ms: int = Field(description="How long it took, in milliseconds.")


class ErrorBody(BaseModel):
    """Why a task failed."""

    model_config = example(_ERROR)

    code: str = Field(description="The kind of error, for programs. It never changes.")
    message: str = Field(description="What went wrong, for people.")
    retryable: bool = Field(description="Whether the same work may succeed later.")
    traceback: str | None = Field(None, description="Where in the code it happened, if it was not expected.")


class CountsBody(BaseModel):
    """The number of a parent's children by state."""

    model_config = example(COUNTS)

    total: int = Field(description="All children.")
    pending: int = Field(description="Those that wait, also for a retry.")
    running: int = Field(description="Those that run.")
    succeeded: int = Field(description="Those that succeeded.")
    failed: int = Field(description="Those that failed.")
    revoked: int = Field(description="Those that were cancelled.")


class TaskBody(BaseModel):
    """A task: its state, its progress and, at its end, its result or its error."""

    model_config = example(TASK)

    task_id: TaskId
    task_name: TaskName
    queue: QueueName
    state: PublicState = Field(description="Its state, in Celery's terms. SUCCESS, FAILURE and REVOKED are final.")
    status: str = Field(description="What it does or how it ended, for people.")
    current: int = Field(description="Its progress, from 0 to `total`. It never goes back within an attempt.")
    total: int = Field(100, description="Always 100.")
    stage: str | None = Field(description="The stage that it is in; null before the first one.")
    agent_id: TaskAgentId
    document_id: TaskDocumentId
    chunk_count: ChunkCount
    parent_id: str | None = Field(None, description="The task of which it is a child; null if it is none's.")
    counts: CountsBody | None = Field(None, description="Its children by state; null if it has none.")
    attempt: int = Field(description="The number of attempts, with the present one.")
    crashes: int = Field(description="The number of attempts whose process died.")
    position: int | None = Field(
        None,
        description="Its place among the agent's waiting tasks, from 1. Null in lists, in events and once it runs.",
    )
    created_at: datetime = Field(description="When it was submitted.")
    started_at: datetime | None = Field(description="When its last attempt began; null before the first one.")
    completed_at: datetime | None = Field(description="When it ended; null before.")
    next_attempt_at: datetime | None = Field(description="In the state RETRY: when its next attempt may begin.")
    stages: list[Stage] = Field(description="The wait in the queue, and the stages that have ended.")
    result: Result
    error: ErrorBody | None = Field(
        description="Why it failed, or that a newer task has overtaken it; null for every other task."
    )
    metadata: dict[str, Any] = Field(description="What the task is about, such as `filename`.")
    version: int = Field(description="Rises with every change. It is the id of the task's events.")

    @classmethod
    def of(cls, task: Task, position: int | None = None, counts: Counts | None = None) -> "TaskBody":
        """Convert a row."""
        return cls.model_validate(describe(task, position, counts))

    @property
    def is_final(self) -> bool:
        """Whether the task has ended."""
        return self.state in FINAL

    def at_stage(self, number: int, entry: Mapping[str, Any]) -> "TaskBody":
        """The task as it was when it entered its stage with this number, for clients that connect later."""
        return self.model_copy(
            update={
                "stages": self.stages[: number + 1],  # the wait in the queue, and the stages before
                "chunk_count": None,
                "counts": None,
                "state": State.PROGRESS.value,
                "status": entry["status"],
                "current": entry["current"],
                "stage": entry["name"],
                "version": entry["version"],
                "completed_at": None,
                "result": None,
                "error": None,
            }
        )


def list_unseen(task: Task, after_version: int, counts: Counts | None = None) -> Sequence[TaskBody]:
    """The events that a client has not seen: each stage entered after ``after_version``, then the current task."""
    body = TaskBody.of(task, counts=counts)
    return [
        *(
            body.at_stage(number, entry)
            for number, entry in enumerate(task.stages)
            if after_version < entry["version"] < task.version
        ),
        body,
    ]


class TaskList(BaseModel):
    """Tasks, the newest first."""

    model_config = example({"tasks": [TASK], "total": 1, "next": None})

    tasks: list[TaskBody] = Field(description="The tasks of this page.")
    total: Total
    next: Next


class TaskAccepted(BaseModel):
    """The work is queued. Follow its task for progress and result."""

    model_config = example(ACCEPTED)

    task_id: TaskId
    status: Literal["queued"] = Field("queued", description="Always `queued`.")
    message: Message
    links: Links

    @classmethod
    def of(cls, task: Task, message: str) -> "TaskAccepted":
        """Make a response that refers to a task."""
        return cls(task_id=str(task.id), message=message, links=make_task_links(task))


def make_task_links(task: Task) -> dict[str, str]:
    """The paths of a task, its events and its document."""
    return make_links(task.id, task.document_id)


def make_links(task_id: UUID | None, document_id: int | None) -> dict[str, str]:
    """The paths of a task, its events and its document, as far as they exist."""
    links = {}
    if task_id is not None:
        links = {"task": f"/api/v1/tasks/{task_id}", "events": f"/api/v1/tasks/{task_id}/events"}
    if document_id is not None:
        links["document"] = f"/api/v1/documents/{document_id}"
    return links


class TaskCancelled(BaseModel):
    """The task is cancelled (`cancelled`), or running and about to stop (`cancelling`)."""

    model_config = example({"task_id": TASK_ID, "status": "cancelled", "message": "Task has been cancelled"})

    task_id: TaskId
    status: Literal["cancelled", "cancelling"] = Field(
        description="`cancelled`: it has ended. `cancelling`: it runs, and stops shortly."
    )
    message: Message

    @classmethod
    def of(cls, task: Task) -> "TaskCancelled":
        """Convert a row after a cancel."""
        if task.state in FINAL:
            return cls(task_id=str(task.id), status="cancelled", message="Task has been cancelled")
        return cls(task_id=str(task.id), status="cancelling", message="Task is being cancelled")


class TaskRevoked(BaseModel):
    """The task was revoked."""

    model_config = example({"success": True, "task_id": TASK_ID, "message": "Task revoked successfully"})

    success: bool = Field(default=True, description="Always true.")
    task_id: TaskId
    message: Message = "Task revoked successfully"
