"""The JSON bodies that requests carry and answers hold, with examples."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.domain.identity import ApiKey, Scope
from app.domain.records import Agent, Document, StoredChunk
from app.domain.states import FINAL, State
from app.domain.tasks import Task

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:[-_][a-z0-9]+)*$", max_length=63)]


class Settings(BaseModel):
    """How an agent's documents are chunked, and its share of the workers."""

    model_config = ConfigDict(extra="forbid")

    chunk_size: int = Field(1000, ge=100, le=10_000, description="Characters a chunk at most.")
    chunk_overlap: int = Field(200, ge=0, le=5_000, description="Characters repeated from the chunk before.")
    chunker: Literal["sentence"] = "sentence"
    weight: int = Field(1, ge=1, le=100, description="The share of the queue this agent gets beside others.")
    max_in_flight: int | None = Field(None, ge=1, description="Tasks of this agent in the workers' hands at most.")


class AgentCreate(BaseModel):
    """A new agent."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "Support agent", "slug": "support"}})

    name: Name
    slug: Slug | None = None
    settings: Settings = Settings()


class SettingsUpdate(BaseModel):
    """Settings to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    chunk_size: int = Field(1000, ge=100, le=10_000)
    chunk_overlap: int = Field(200, ge=0, le=5_000)
    chunker: Literal["sentence"] = "sentence"
    weight: int = Field(1, ge=1, le=100)
    max_in_flight: int | None = Field(None, ge=1)


class AgentUpdate(BaseModel):
    """Changes to an agent; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"example": {"settings": {"chunk_size": 800}}})

    name: Name | None = None
    slug: Slug | None = None
    settings: SettingsUpdate = SettingsUpdate()


class AgentBody(BaseModel):
    """An agent."""

    id: int
    name: str
    slug: str
    settings: Settings
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, agent: Agent) -> "AgentBody":
        """Shape a record."""
        settings = Settings.model_validate(agent.settings, from_attributes=True)
        return cls(
            id=agent.id,
            name=agent.name,
            slug=agent.slug,
            settings=settings,
            created_at=agent.created_at,
            updated_at=agent.updated_at,
        )


class AgentList(BaseModel):
    """Agents, the newest first."""

    agents: list[AgentBody]
    total: int
    next: str | None


class Stage(BaseModel):
    """A stage an attempt went through, and for how long."""

    name: str
    ms: int


class ErrorBody(BaseModel):
    """Why a task failed."""

    code: str
    message: str
    retryable: bool
    traceback: str | None = None


class TaskBody(BaseModel):
    """A task. ``state`` is Celery's; ``current`` counts to ``total``."""

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
    state: str
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
    def of(cls, task: Task, position: int | None = None) -> "TaskBody":
        """Shape a row."""
        return cls(
            task_id=str(task.id),
            task_name=task.name,
            queue=task.queue,
            state=task.state.public,
            status=task.status,
            current=task.current,
            stage=task.stage,
            agent_id=task.agent_id,
            document_id=task.document_id,
            chunk_count=task.chunk_count,
            attempt=task.attempt,
            crashes=task.crashes,
            position=position,
            created_at=task.created_at,
            started_at=task.started_at,
            completed_at=task.completed_at,
            next_attempt_at=task.available_at if task.state is State.RETRY else None,
            stages=_time_stages(task),
            result=task.result,
            error=ErrorBody(**task.error) if task.error else None,
            metadata=dict(task.metadata),
            version=task.version,
        )

    def at_stage(self, entry: dict[str, Any]) -> "TaskBody":
        """The same task as it was when it entered a stage: for those who come to hear of it later."""
        return self.model_copy(
            update={
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


def _time_stages(task: Task) -> list[Stage]:
    """The wait in the queue, then each stage up to the next; the last up to the end, or not yet measured."""
    if task.started_at is None:
        return []
    entered = [stage["at"] for stage in task.stages]
    ends = [*entered[1:], int(task.completed_at.timestamp() * 1000) if task.completed_at else None]
    waited = max(0.0, (task.started_at - max(task.created_at, task.available_at)).total_seconds())
    return [
        Stage(name="queue", ms=round(waited * 1000)),
        *(
            Stage(name=stage["name"], ms=max(0, int(end - start)))
            for stage, start, end in zip(task.stages, entered, ends, strict=False)
            if end is not None
        ),
    ]


def replay(task: Task, after_version: int) -> Sequence[TaskBody]:
    """The events a follower has not seen: each stage entered since ``after_version``, then the task as it is."""
    body = TaskBody.of(task)
    stages = [dict(entry) for entry in task.stages if after_version < entry["version"] < task.version]
    return [*(body.at_stage(entry) for entry in stages), body]


class TaskList(BaseModel):
    """Tasks, the newest first."""

    tasks: list[TaskBody]
    total: int
    next: str | None


class TaskAccepted(BaseModel):
    """Work was taken on; its task tells how it goes."""

    task_id: str
    status: str = "queued"
    message: str
    links: dict[str, str]

    @classmethod
    def of(cls, task: Task, message: str) -> "TaskAccepted":
        """Point at a task."""
        return cls(task_id=str(task.id), message=message, links=_links(task))


def _links(task: Task) -> dict[str, str]:
    links = {"task": f"/api/v1/tasks/{task.id}", "events": f"/api/v1/tasks/{task.id}/events"}
    if task.document_id is not None:
        links["document"] = f"/api/v1/documents/{task.document_id}"
    return links


class UploadAccepted(BaseModel):
    """An upload was stored, and its document waits to be processed."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": 123,
                "document_id": 123,
                "task_id": "01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e",
                "status": "queued",
                "filename": "document.pdf",
                "duplicate_of": None,
                "message": "Document uploaded successfully and queued for processing",
                "processing_note": "Use GET /api/v1/tasks/{task_id} to check progress",
                "links": {
                    "task": "/api/v1/tasks/01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e",
                    "events": "/api/v1/tasks/01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e/events",
                    "document": "/api/v1/documents/123",
                },
            }
        }
    )

    id: int
    document_id: int
    task_id: str
    status: str = "queued"
    filename: str
    duplicate_of: int | None = None
    message: str = "Document uploaded successfully and queued for processing"
    processing_note: str = "Use GET /api/v1/tasks/{task_id} to check progress"
    links: dict[str, str]

    @classmethod
    def of(cls, task: Task) -> "UploadAccepted":
        """Shape the task of an upload."""
        document_id = task.document_id or 0
        return cls(
            id=document_id,
            document_id=document_id,
            task_id=str(task.id),
            filename=task.metadata["filename"],
            links=_links(task),
        )


class CollectionUploadAccepted(BaseModel):
    """An upload to a collection was stored."""

    task_id: str
    document_id: int
    filename: str
    collection: str
    status: str = "PENDING"
    message: str


class DocumentBody(BaseModel):
    """A document. ``completed`` means that search finds it."""

    id: int
    agent_id: int
    task_id: str | None
    filename: str
    media_type: str
    size_bytes: int
    sha256: str
    status: Literal["queued", "processing", "completed", "failed", "cancelled"]
    page_count: int | None
    chunk_count: int | None
    embedding_model: str | None
    metadata: dict[str, Any]
    created_at: datetime
    completed_at: datetime | None

    @classmethod
    def of(cls, document: Document) -> "DocumentBody":
        """Shape a record."""
        return cls.model_validate(
            {
                **{name: getattr(document, name) for name in cls.model_fields},
                "task_id": str(document.task_id) if document.task_id else None,
                "sha256": document.sha256.hex(),
            }
        )


class DocumentList(BaseModel):
    """Documents, the newest first."""

    documents: list[DocumentBody]
    total: int
    next: str | None


class DocumentStatus(BaseModel):
    """Where a document stands, with the task that decides it."""

    id: int
    document_id: int
    filename: str
    status: str
    chunk_count: int | None
    page_count: int | None
    error: ErrorBody | None
    task: TaskBody | None


class ChunkBody(BaseModel):
    """A chunk: ``text`` is ``start`` to ``end`` (characters) of the document's text."""

    id: int
    ordinal: int
    text: str
    start: int
    end: int
    page: int | None

    @classmethod
    def of(cls, chunk: StoredChunk) -> "ChunkBody":
        """Shape a record."""
        return cls.model_validate(chunk, from_attributes=True)


class ChunkList(BaseModel):
    """A document's chunks in order."""

    chunks: list[ChunkBody]
    total: int
    next: str | None


class TaskCancelled(BaseModel):
    """A cancel was taken on: ``cancelled``, or ``cancelling`` while a running task winds down."""

    task_id: str
    status: Literal["cancelled", "cancelling"]
    message: str

    @classmethod
    def of(cls, task: Task) -> "TaskCancelled":
        """Shape a row after a cancel."""
        if task.state in FINAL:
            return cls(task_id=str(task.id), status="cancelled", message="Task has been cancelled")
        return cls(task_id=str(task.id), status="cancelling", message="Task is being cancelled")


class TaskRevoked(BaseModel):
    """A revoke was taken on."""

    success: bool = True
    task_id: str
    message: str = "Task revoked successfully"


class SearchRequest(BaseModel):
    """A query to an agent's documents."""

    model_config = ConfigDict(
        populate_by_name=True, json_schema_extra={"example": {"query": "maximum draught at the Alder Gate", "top_k": 5}}
    )

    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    top_k: int = Field(10, ge=1, le=100)
    mode: Literal["hybrid", "vector", "text"] = "hybrid"
    where: dict[str, Any] | None = Field(
        None, alias="filter", description="Metadata a document must have; `document_id` narrows to documents."
    )


class SearchHit(BaseModel):
    """A chunk that was found; the score is comparable within one answer."""

    document_id: int
    filename: str
    chunk_id: int
    text: str
    score: float
    page: int | None
    start: int
    end: int
    metadata: dict[str, Any]


class SearchResults(BaseModel):
    """What was found, the best first."""

    results: list[SearchHit]
    took_ms: float


class AskRequest(BaseModel):
    """A question to an agent's documents."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"question": "What is the maximum draught at the Alder Gate?"}}
    )

    question: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
    top_k: int = Field(5, ge=1, le=50)


class ApiKeyCreate(BaseModel):
    """A new API key."""

    name: Name
    scopes: list[Scope] = Field(default=[Scope.READ, Scope.WRITE], min_length=1)


class ApiKeyBody(BaseModel):
    """An API key; of the secret only its beginning is known."""

    id: int
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> "ApiKeyBody":
        """Shape a record."""
        return cls.model_validate(key, from_attributes=True)


class ApiKeyMade(ApiKeyBody):
    """A new API key with its secret, which is shown only now."""

    secret: str


class ApiKeyList(BaseModel):
    """API keys, the newest first."""

    api_keys: list[ApiKeyBody]
    total: int
    next: str | None


class QueueBody(BaseModel):
    """A queue: ``depth`` tasks could run and wait, ``delayed`` ones wait for their time."""

    name: str
    paused: bool
    depth: int
    delayed: int
    running: int
    oldest_age_seconds: float | None
    rate_per_second: float
    workers: int
    slots: int


class QueueList(BaseModel):
    """Every queue."""

    queues: list[QueueBody]
    total: int
    next: str | None = None


class WorkerBody(BaseModel):
    """A worker that lives."""

    id: str
    name: str
    host: str
    pid: int
    queues: list[str]
    concurrency: int
    running: int
    started_at: datetime
    lease_expires_at: datetime


class WorkerList(BaseModel):
    """The workers that live."""

    workers: list[WorkerBody]
    total: int
    next: str | None = None
