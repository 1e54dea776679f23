"""Publication: the moment from which search finds a document's new content, and no longer the old."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents import complete_document, get_document_for_work
from app.db.editions import publish_edition
from app.db.vector_indexes import lock_indexes_shared
from app.domain.errors import DocumentDeletedError, DocumentSupersededError
from app.domain.ids import new_task_id
from app.domain.records import Content, Document
from app.domain.tasks import NewTask, Queue, TaskName
from app.ledger.submit import submit


@dataclass(frozen=True, slots=True)
class Version:
    """What a document holds once it is published. ``found`` is what the file says of itself."""

    content: Content
    found: Mapping[str, Any]
    page_count: int | None
    chunk_count: int
    characters: int
    embedding_model: str

    @property
    def status(self) -> str:
        """What people are told."""
        return f"{self.content.filename} is ready: {self.chunk_count} chunks"

    def as_result(self, document_id: int) -> dict[str, Any]:
        """The result of the task that published it."""
        return {
            "document_id": document_id,
            "filename": self.content.filename,
            "page_count": self.page_count,
            "chunk_count": self.chunk_count,
            "characters": self.characters,
        }

    def as_json(self) -> dict[str, Any]:
        """The object kept in a task's arguments."""
        return {
            "content": self.content.as_json(),
            "found": dict(self.found),
            "page_count": self.page_count,
            "chunk_count": self.chunk_count,
            "characters": self.characters,
            "embedding_model": self.embedding_model,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Version":
        """Read what ``as_json`` wrote."""
        return cls(**{**given, "content": Content.from_json(given["content"])})


@dataclass(frozen=True, slots=True)
class Place:
    """Where the vectors of a version are: in which index, under which edition.

    The index is None in tasks of a version of Sluice that knew but one: the active one then has all to be made anew.
    """

    index_id: int | None
    edition: int


async def publish(connection: AsyncConnection, document_id: int, task_id: UUID, version: Version, place: Place) -> None:
    """Let a document hold this version, whose chunks search finds from now on.

    Raises:
        DocumentDeletedError: when it was deleted meanwhile.
        DocumentSupersededError: when another task than ``task_id`` has taken it over, or a later edition is there.
    """
    published = await complete_document(
        connection,
        document_id,
        task_id=task_id,
        content=version.content,
        page_count=version.page_count,
        chunk_count=version.chunk_count,
        embedding_model=version.embedding_model,
        edition=place.edition,
        found=version.found,
    )
    if not published:
        await explain_loss(connection, document_id)
    await lock_indexes_shared(connection)
    await publish_edition(connection, place.index_id or 0, document_id, place.edition)


async def explain_loss(connection: AsyncConnection, document_id: int) -> None:
    """Say why a task may not give a document its content.

    Raises:
        DocumentDeletedError, DocumentSupersededError
    """
    document = await get_document_for_work(connection, document_id)
    raise DocumentDeletedError if document is None or document.deleted_at else DocumentSupersededError


async def submit_sweep(connection: AsyncConnection, document: Document) -> None:
    """Have the chunks of other editions than the document's taken out of the index."""
    task = NewTask(
        id=new_task_id(),
        organization_id=document.organization_id,
        agent_id=document.agent_id,
        document_id=document.id,
        name=TaskName.SWEEP_DOCUMENT,
        queue=Queue.DEFAULT,
        metadata={"filename": document.filename},
    )
    await submit(connection, task)
