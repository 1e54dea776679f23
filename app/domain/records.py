"""Agents and documents as the services return them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from app.domain.documents import Chunk, DocumentStatus
from app.domain.vectors import VectorIndex

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """How an agent's documents are processed. Chunk sizes are in characters."""

    chunk_size: int = 1000
    chunk_overlap: int = 200
    chunker: str = "sentence"
    weight: int = 1
    max_in_flight: int | None = None


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent: the owner of documents and of a share of the workers."""

    id: int
    organization_id: int
    name: str
    slug: str
    settings: AgentSettings
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Content:
    """A stored file: the content of one version of a document."""

    blob_key: str
    media_type: str
    size_bytes: int
    sha256: bytes
    filename: str

    def as_json(self) -> dict[str, Any]:
        """The object stored in a task's arguments."""
        return {**asdict(self), "sha256": self.sha256.hex()}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Content":
        """The inverse of ``as_json``."""
        return cls(**{**given, "sha256": bytes.fromhex(given["sha256"])})


@dataclass(frozen=True, slots=True)
class Document:
    """A document's row. A web page that was not read yet has no content."""

    id: int
    organization_id: int
    agent_id: int
    task_id: UUID | None
    filename: str
    media_type: str
    size_bytes: int | None
    sha256: bytes | None
    blob_key: str | None
    content_key: bytes | None
    source_url: str | None
    version: int
    edition: int
    last_edition: int
    status: DocumentStatus
    metadata: Mapping[str, Any]
    page_count: int | None
    chunk_count: int | None
    embedding_model: str | None
    created_at: datetime
    completed_at: datetime | None
    deleted_at: datetime | None
    erased_at: datetime | None = None
    counted_bytes: int | None = None

    @property
    def content(self) -> Content | None:
        """The stored file, if there is one."""
        if self.blob_key is None or self.sha256 is None or self.size_bytes is None:
            return None
        return Content(self.blob_key, self.media_type, self.size_bytes, self.sha256, self.filename)


@dataclass(frozen=True, slots=True)
class Work:
    """What a task on a document reads before it starts. ``index`` is the active one; None to read it later."""

    document: Document
    settings: AgentSettings
    index: VectorIndex | None


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk's row. ``context`` is additional text by which search finds it."""

    id: int
    ordinal: int
    text: str
    context: str
    start: int
    end: int
    page: int | None

    def as_chunk(self) -> Chunk:
        """The chunk as the pipeline made it."""
        return Chunk(self.ordinal, self.text, self.start, self.end, self.page, self.context)


@dataclass(frozen=True, slots=True)
class PageText:
    """The text of a page, from its first to its last character that is not white space; no positions without text.

    ``number`` is None for the only page of a format without pages.
    """

    number: int | None
    text: str
    start: int | None
    end: int | None


@dataclass(frozen=True, slots=True)
class Listing(Generic[Item]):
    """A page of a list: its items, the total number of items, and the cursor of the next page."""

    items: list[Item]
    total: int
    next: str | None
