"""Bodies of requests and responses on documents."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.api.bodies.tasks import ErrorBody, TaskAccepted, TaskBody, make_links, make_task_links
from app.domain.counting import count_of
from app.domain.documents import DocumentStatus
from app.domain.records import Document, StoredChunk
from app.domain.tasks import Counts, Task
from app.services.intake.uploads import Accepted

_CHECK_PROGRESS = "Use GET /api/v1/tasks/{task_id} to check progress"
_NOTHING_TO_PROCESS = "Nothing is left to process: use GET /api/v1/documents/{document_id} to see the document"


class UploadAccepted(BaseModel):
    """The upload is stored and its document waits to be processed, or the agent already has the document.

    `task_id` names a task that exists. It is null, and `links` has no `task` and no `events`, for a duplicate whose
    task was deleted after `TASK_RETENTION_DAYS`.
    """

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
                "processing_note": _CHECK_PROGRESS,
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
    task_id: str | None
    status: DocumentStatus = DocumentStatus.QUEUED
    filename: str
    duplicate_of: int | None = None
    message: str = "Document uploaded successfully and queued for processing"
    processing_note: str = _CHECK_PROGRESS
    links: dict[str, str]

    @classmethod
    def of(cls, accepted: Accepted) -> "UploadAccepted":
        """Convert the result of an upload."""
        return cls(
            id=accepted.document_id,
            document_id=accepted.document_id,
            task_id=str(accepted.task_id) if accepted.task_id else None,
            status=accepted.status,
            filename=accepted.filename,
            duplicate_of=accepted.duplicate_of,
            message=accepted.message,
            processing_note=_CHECK_PROGRESS if accepted.task_id else _NOTHING_TO_PROCESS,
            links=make_links(accepted.task_id, accepted.document_id),
        )


def locate(accepted: Accepted) -> str:
    """The `Location` of an upload: its task, or its document if it has no task."""
    links = make_links(accepted.task_id, accepted.document_id)
    return links.get("task", links["document"])


class CollectionUploadAccepted(BaseModel):
    """The upload is stored. `task_id` is null for a duplicate whose task was deleted after `TASK_RETENTION_DAYS`."""

    task_id: str | None
    document_id: int
    filename: str
    collection: str
    status: str = "PENDING"
    message: str


class BatchFile(BaseModel):
    """A file of a batch and its task. `error` is set if the file was rejected at once."""

    filename: str
    document_id: int | None
    task_id: str
    duplicate_of: int | None
    error: ErrorBody | None

    @classmethod
    def of(cls, child: Task) -> "BatchFile":
        """Convert a child task as it was submitted."""
        return cls(
            filename=child.metadata["filename"],
            document_id=child.document_id,
            task_id=str(child.id),
            duplicate_of=(child.result or {}).get("duplicate_of"),
            error=ErrorBody.model_validate(child.error) if child.error else None,
        )


class BatchAccepted(TaskAccepted):
    """The batch is stored. Its task counts the files and ends after the last of them."""

    counts: dict[str, int]
    files: list[BatchFile]

    @classmethod
    def of_batch(cls, parent: Task, children: Sequence[Task], counts: Counts) -> "BatchAccepted":
        """Convert a parent with its children."""
        return cls(
            task_id=str(parent.id),
            message=_describe_batch(children),
            links=make_task_links(parent),
            counts=asdict(counts),
            files=[BatchFile.of(child) for child in children],
        )


def _describe_batch(children: Sequence[Task]) -> str:
    """How many files were accepted; duplicates are."""
    accepted = sum(child.error is None for child in children)
    if accepted < len(children):
        return f"{accepted} of {len(children)} files accepted; `error` of the others says why"
    return f"{count_of(accepted, 'file')} accepted"


class DocumentBody(BaseModel):
    """A document. `completed` means that search finds it. `version` is the number of contents it has had."""

    id: int
    agent_id: int
    task_id: str | None
    filename: str
    media_type: str
    size_bytes: int | None
    sha256: str | None
    source_url: str | None
    version: int
    status: DocumentStatus
    page_count: int | None
    chunk_count: int | None
    embedding_model: str | None
    metadata: dict[str, Any]
    created_at: datetime
    completed_at: datetime | None

    @classmethod
    def of(cls, document: Document) -> "DocumentBody":
        """Convert a record."""
        return cls.model_validate(
            {
                **{name: getattr(document, name) for name in cls.model_fields},
                "task_id": str(document.task_id) if document.task_id else None,
                "sha256": document.sha256.hex() if document.sha256 else None,
            }
        )


class DocumentList(BaseModel):
    """Documents, the newest first."""

    documents: list[DocumentBody]
    total: int
    next: str | None


class DocumentStatusBody(BaseModel):
    """The status of a document, with the task that determines it."""

    id: int
    document_id: int
    filename: str
    status: DocumentStatus
    chunk_count: int | None
    page_count: int | None
    error: ErrorBody | None
    task: TaskBody | None


class ChunkBody(BaseModel):
    """A chunk: `text` is the range `start` to `end` (in characters) of the document's text.

    `context` is additional text by which search finds the chunk: the header of a table that begins in an earlier chunk.
    """

    id: int
    ordinal: int
    text: str
    context: str
    start: int
    end: int
    page: int | None

    @classmethod
    def of(cls, chunk: StoredChunk) -> "ChunkBody":
        """Convert a record."""
        return cls.model_validate(chunk, from_attributes=True)


class ChunkList(BaseModel):
    """A document's chunks in order."""

    chunks: list[ChunkBody]
    total: int
    next: str | None
