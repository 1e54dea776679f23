"""What requests and answers on documents hold."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from app.api.bodies.tasks import ErrorBody, TaskBody, link
from app.domain.records import Document, StoredChunk
from app.domain.tasks import Task


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
            links=link(task),
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
