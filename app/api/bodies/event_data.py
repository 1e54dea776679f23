"""What the events contain: the model, the description and an example of each type."""

from datetime import datetime
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field

from app.api.bodies.billing_events import QUOTA, REPORT, QuotaData, ReportData
from app.api.bodies.fields import TaskName, example
from app.domain.events import EventType

_TASK_ID = "01934b1c-8e2f-7c3a-9d4e-5f6a7b8c9d0e"
_ERROR = {"code": "no_extractable_text", "message": "The file contains no extractable text.", "retryable": False}
_COUNTS = {"total": 4, "succeeded": 3, "failed": 1, "revoked": 0}
_TASK = {
    "task_id": _TASK_ID,
    "task_name": "app.tasks.document_tasks.process_document",
    "queue": "high_priority",
    "agent_id": 1,
    "document_id": 123,
    "filename": "document.pdf",
    "metadata": {},
    "chunk_count": 45,
    "counts": None,
    "attempt": 1,
    "crashes": 0,
    "created_at": "2026-11-30T09:41:07.120Z",
    "started_at": "2026-11-30T09:41:07.124Z",
    "completed_at": "2026-11-30T09:41:07.311Z",
    "error": None,
    "dead_letter": False,
    "truncated": [],
}
_FAILED_TASK = {**_TASK, "chunk_count": None, "error": _ERROR}
_WEBHOOK = {
    "webhook_id": 7,
    "url": "https://example.com/hooks/sluice",
    "reason": "failing",
    "failing_since": "2026-11-25T08:12:44.310Z",
    "held_deliveries": 214,
}
_DOCUMENT = {
    "document_id": 123,
    "agent_id": 1,
    "task_id": _TASK_ID,
    "filename": "document.pdf",
    "metadata": {"year": 2026},
    "media_type": "application/pdf",
    "size_bytes": 48213,
    "version": 1,
    "page_count": 12,
    "chunk_count": 45,
    "error": None,
    "truncated": [],
}
_PROFILE = {
    "profile_id": 12,
    "agent_id": 1,
    "task_id": _TASK_ID,
    "status": "enriched",
    "fields": ["name", "emails"],
}
_CIRCUIT = {"provider": "openai-embeddings", "down_since": "2026-11-30T09:41:07.120Z", "reason": "Status 503"}


class EventError(BaseModel):
    """Why a task failed."""

    model_config = example(_ERROR, extra="forbid")

    code: str | None = Field(description="The kind of error, for programs.")
    message: str | None = Field(description="What went wrong, for people; 500 characters at most.")
    retryable: bool | None = Field(description="Whether the same work may succeed later.")


class EventCounts(BaseModel):
    """The number of files or pages of a task, by how they ended."""

    model_config = example(_COUNTS, extra="forbid")

    total: int = Field(description="All of them.")
    succeeded: int = Field(description="Those that succeeded.")
    failed: int = Field(description="Those that failed. Each of them has its own `document.failed`.")
    revoked: int = Field(description="Those that were cancelled.")


class _Bounded(BaseModel):
    filename: str | None = Field(description="The file's name, or the title of a web page; 250 characters at most.")
    metadata: dict[str, Any] | None = Field(description="The client's metadata; null if it has more than 2,000 bytes.")
    error: EventError | None = Field(description="Why it failed, or was overtaken by a newer task; null otherwise.")
    truncated: list[str] = Field(description="The fields that were cut or left out because of their length.")


class TaskData(_Bounded):
    """The task of a job. The full one, with its result, is at `GET /tasks/{task_id}`."""

    model_config = example(_TASK, extra="forbid")

    task_id: str = Field(description="The task's id, a UUID.")
    task_name: TaskName
    queue: str = Field(description="Its queue.")
    agent_id: int | None = Field(description="The agent that it was about.")
    document_id: int | None = Field(description="The document that it was about; null if it had none.")
    chunk_count: int | None = Field(description="The number of chunks that it stored; null if it stored none.")
    counts: EventCounts | None = Field(description="For a batch, an archive or a crawl: its files or pages by state.")
    attempt: int = Field(description="The number of attempts.")
    crashes: int = Field(description="The number of attempts whose process died.")
    created_at: datetime = Field(description="When it was submitted.")
    started_at: datetime | None = Field(description="When its last attempt began; null if there was none.")
    completed_at: datetime | None = Field(description="When it ended; null after a replay.")
    dead_letter: bool = Field(description="Whether it is a dead letter now: it failed, and waits for a decision.")


class DocumentData(_Bounded):
    """A document, without its text. The full one is at `GET /documents/{document_id}`."""

    model_config = example(_DOCUMENT, extra="forbid")

    document_id: int = Field(description="The document's id.")
    agent_id: int = Field(description="Its agent's id.")
    task_id: str | None = Field(description="The task that decided its state, a UUID.")
    media_type: str | None = Field(description="Its media type; null before it is known.")
    size_bytes: int | None = Field(description="The size of its content; null before it is known.")
    version: int = Field(description="The number of contents that it has had.")
    page_count: int | None = Field(description="The number of pages; null for a format without pages.")
    chunk_count: int | None = Field(description="The number of chunks; null for an archive.")


class ProfileData(BaseModel):
    """A customer profile, without its values. The full one is at `GET /profiles/{profile_id}`."""

    model_config = example(_PROFILE, extra="forbid")

    profile_id: int = Field(description="The profile's id.")
    agent_id: int = Field(description="Its agent's id.")
    task_id: str = Field(description="The task that enriched it, a UUID.")
    status: str = Field(description="`enriched`, or `stale` if the company's page no longer exists.")
    fields: list[str] = Field(description="The fields for which a value was found.")


class CircuitData(BaseModel):
    """A provider whose circuit has opened or closed. It concerns the whole installation."""

    model_config = example(_CIRCUIT, extra="forbid")

    provider: str = Field(description="The provider's name.")
    down_since: datetime | None = Field(description="Since when it has been down.")
    reason: str | None = Field(description="Its last error; null if the circuit has closed.")


class WebhookData(BaseModel):
    """A webhook that receives no events any more."""

    model_config = example(_WEBHOOK, extra="forbid")

    webhook_id: int = Field(description="The webhook's id.")
    url: str = Field(description="Its URL.")
    reason: Literal["gone", "failing"] = Field(
        description="`gone`: the receiver answered 410. `failing`: every attempt failed for days."
    )
    failing_since: datetime | None = Field(description="When the first of its latest failures was; null for none.")
    held_deliveries: int = Field(description="The number of deliveries that were not sent, and can be replayed.")


class EventKind(NamedTuple):
    """A type of event: when it is written, the model of its data, and an example of that."""

    description: str
    model: type[BaseModel]
    example: dict[str, Any]


KINDS: dict[EventType, EventKind] = {
    EventType.TASK_SUCCEEDED: EventKind("A job has succeeded.", TaskData, _TASK),
    EventType.TASK_FAILED: EventKind(
        "A job has failed for good, and is a dead letter.", TaskData, {**_FAILED_TASK, "dead_letter": True}
    ),
    EventType.TASK_CANCELLED: EventKind(
        "A job was cancelled, or overtaken by a newer one for the same document.",
        TaskData,
        {**_TASK, "chunk_count": None},
    ),
    EventType.TASK_REPLAYED: EventKind(
        "A dead letter was queued again.", TaskData, {**_FAILED_TASK, "started_at": None, "completed_at": None}
    ),
    EventType.TASK_DISCARDED: EventKind("A dead letter was discarded. Its task stays failed.", TaskData, _FAILED_TASK),
    EventType.DOCUMENT_COMPLETED: EventKind(
        "A document can be searched, for the first time or after it was indexed again.", DocumentData, _DOCUMENT
    ),
    EventType.DOCUMENT_REPLACED: EventKind(
        "The content of a document was replaced. Search finds the new one.", DocumentData, {**_DOCUMENT, "version": 2}
    ),
    EventType.DOCUMENT_FAILED: EventKind(
        "A document could not be indexed. One whose replacement fails keeps its content: only the job has failed.",
        DocumentData,
        {**_DOCUMENT, "page_count": None, "chunk_count": None, "error": _ERROR},
    ),
    EventType.DOCUMENT_DELETED: EventKind(
        "A document was deleted, by itself or with its agent.", DocumentData, _DOCUMENT
    ),
    EventType.PROFILE_ENRICHED: EventKind(
        "A customer profile was enriched, or its company's page no longer exists.", ProfileData, _PROFILE
    ),
    EventType.PROVIDER_CIRCUIT_OPENED: EventKind("A provider is down. Tasks that need it wait.", CircuitData, _CIRCUIT),
    EventType.PROVIDER_CIRCUIT_CLOSED: EventKind("A provider is up again.", CircuitData, {**_CIRCUIT, "reason": None}),
    EventType.WEBHOOK_DISABLED: EventKind(
        "A webhook was disabled, because its receiver answered 410 or failed for days.", WebhookData, _WEBHOOK
    ),
    EventType.QUOTA_WARNING: EventKind("80 % of a limit is used, for the first time in a month.", QuotaData, QUOTA),
    EventType.QUOTA_EXCEEDED: EventKind(
        "A limit is used up, for the first time in a month.", QuotaData, {**QUOTA, "used": 10000}
    ),
    EventType.REPORT_READY: EventKind("A scheduled report was made.", ReportData, REPORT),
}
"""Every type of event."""
