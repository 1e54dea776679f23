"""Bodies of responses on documents."""

from datetime import datetime

from pydantic import BaseModel, Field

from app.api.bodies.fields import (
    AgentId,
    ChunkCount,
    ChunkPage,
    Context,
    DocumentId,
    End,
    Filename,
    Metadata,
    Next,
    PageCount,
    Start,
    Total,
    example,
)
from app.api.bodies.tasks import (
    TASK,
    TASK_ID,
    ErrorBody,
    TaskBody,
)
from app.domain.documents import DocumentStatus
from app.domain.records import Document, PageText, StoredChunk

_DOCUMENT = {
    "id": 123,
    "agent_id": 1,
    "task_id": TASK_ID,
    "filename": "document.pdf",
    "media_type": "application/pdf",
    "size_bytes": 184_320,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "source_url": None,
    "version": 1,
    "status": "completed",
    "page_count": 40,
    "chunk_count": 45,
    "embedding_model": "wordllama-256",
    "metadata": {"year": 2026},
    "created_at": "2026-11-23T09:41:07.120Z",
    "completed_at": "2026-11-23T09:41:09.311Z",
}
_CHUNK = {
    "id": 4711,
    "ordinal": 0,
    "text": "The Alder Gate opens at dawn.",
    "context": "",
    "start": 0,
    "end": 29,
    "page": 1,
}
_PAGE = {"page": 12, "text": "The Alder Gate opens at dawn.", "start": 18_204, "end": 18_233}


class DocumentBody(BaseModel):
    """A document."""

    model_config = example(_DOCUMENT)

    id: DocumentId
    agent_id: AgentId
    task_id: str | None = Field(description="The task that determines its status; null once it is forgotten.")
    filename: Filename
    media_type: str = Field(description="The media type of its content, as detected.")
    size_bytes: int | None = Field(description="The size of its file; null until a web page is read.")
    sha256: str | None = Field(description="The SHA-256 of its file, in hexadecimal; null until a web page is read.")
    source_url: str | None = Field(description="The address of a web page; null for a file.")
    version: int = Field(description="The number of contents that it has had.")
    status: DocumentStatus = Field(description="Its status. `completed` means that search finds it.")
    page_count: PageCount
    chunk_count: ChunkCount
    embedding_model: str | None = Field(description="The model of its vectors; null until it is completed.")
    metadata: Metadata
    created_at: datetime = Field(description="When it was uploaded.")
    completed_at: datetime | None = Field(description="When search found its present content first; null before.")

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

    model_config = example({"documents": [_DOCUMENT], "total": 1, "next": None})

    documents: list[DocumentBody] = Field(description="The documents of this page.")
    total: Total
    next: Next


class DocumentStatusBody(BaseModel):
    """The status of a document, with the task that determines it."""

    model_config = example(
        {
            "id": 123,
            "document_id": 123,
            "filename": "document.pdf",
            "status": "processing",
            "chunk_count": None,
            "page_count": None,
            "error": None,
            "task": TASK,
        }
    )

    id: int = Field(description="The document's id.")
    document_id: int = Field(description="The same as `id`.")
    filename: Filename
    status: DocumentStatus = Field(description="Its status. `completed` means that search finds it.")
    chunk_count: ChunkCount
    page_count: PageCount
    error: ErrorBody | None = Field(description="Why its task failed; null if it did not.")
    task: TaskBody | None = Field(description="The task that determines its status; null once it is forgotten.")


class ChunkBody(BaseModel):
    """A chunk: a part of a document's text, as search finds it."""

    model_config = example(_CHUNK)

    id: int = Field(description="The chunk's id.")
    ordinal: int = Field(description="Its place in the document, from 0.")
    text: str = Field(description="The range `start` to `end` of the document's text.")
    context: Context
    start: Start
    end: End
    page: ChunkPage

    @classmethod
    def of(cls, chunk: StoredChunk) -> "ChunkBody":
        """Convert a record."""
        return cls.model_validate(chunk, from_attributes=True)


class ChunkList(BaseModel):
    """A document's chunks in order."""

    model_config = example({"chunks": [_CHUNK], "total": 1, "next": None})

    chunks: list[ChunkBody] = Field(description="The chunks of this page.")
    total: Total
    next: Next


class PageBody(BaseModel):
    """The text that was read from a page."""

    model_config = example(_PAGE)

    page: int | None = Field(description="Its number, from 1; null for the only page of a format without pages.")
    text: str = Field(description="The range `start` to `end` of the document's text; empty if no text was read.")
    start: int | None = Field(description="Where it begins in the document's text, in characters; null without text.")
    end: int | None = Field(description="Where it ends, in characters, exclusive; null without text.")

    @classmethod
    def of(cls, page: PageText) -> "PageBody":
        """Convert a record."""
        return cls(page=page.number, text=page.text, start=page.start, end=page.end)


class PageList(BaseModel):
    """The text of a document by pages, in order."""

    model_config = example({"pages": [_PAGE], "total": 40, "next": "12"})

    pages: list[PageBody] = Field(description="The pages of this part of the list, with those that have no text.")
    total: Total
    next: Next
