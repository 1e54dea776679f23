"""Bodies of requests and responses on tasks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from app.domain.states import FINAL, State
from app.domain.task_view import describe
from app.domain.tasks import Counts, Task

PublicState = Literal["PENDING", "STARTED", "PROGRESS", "RETRY", "SUCCESS", "FAILURE", "REVOKED"]


class Stage(BaseModel):
    """A stage of an attempt, and its duration in milliseconds."""

    name: str
    ms: int


class ErrorBody(BaseModel):
    """Why a task failed."""

    code: str
    message: str
    retryable: bool
    traceback: str | None = None


class TaskBody(BaseModel):
    """A task. `state` is a Celery state; `current` counts up to `total`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "task_id": "01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e",
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
                "stages": [{"name": "queue", "ms": 4}, {"name": "load", "ms": 3}, {"name": "parse", "ms": 31}],
                "result": None,
                "error": None,
                "metadata": {"filename": "document.pdf"},
                "version": 5,
            }
        }
    )

    task_id: str
    task_name: str
    queue: str
    state: PublicState
    status: str
    current: int
    total: int = 100
    stage: str | None
    agent_id: int
    document_id: int | None
    chunk_count: int | None
    parent_id: str | None = None
    counts: dict[str, int] | None = None
    attempt: int
    crashes: int
    position: int | None = None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    next_attempt_at: datetime | None
    stages: list[Stage]
    result: Any
    error: ErrorBody | None
    metadata: dict[str, Any]
    version: int

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

    tasks: list[TaskBody]
    total: int
    next: str | None


class TaskAccepted(BaseModel):
    """The work is queued. Follow its task for progress and result."""

    task_id: str
    status: str = "queued"
    message: str
    links: dict[str, str]

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

    task_id: str
    status: Literal["cancelled", "cancelling"]
    message: str

    @classmethod
    def of(cls, task: Task) -> "TaskCancelled":
        """Convert a row after a cancel."""
        if task.state in FINAL:
            return cls(task_id=str(task.id), status="cancelled", message="Task has been cancelled")
        return cls(task_id=str(task.id), status="cancelling", message="Task is being cancelled")


class TaskRevoked(BaseModel):
    """The task was revoked."""

    success: bool = True
    task_id: str
    message: str = "Task revoked successfully"
