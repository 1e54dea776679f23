"""Publication: stores an edition's chunks, words and vectors, and makes search find them in place of the former ones.

Every task that stores vectors takes the same two steps. ``EditionWriter.write`` runs before the last transaction, with
no session open: it writes the vectors to a store across the network. ``EditionWriter.apply`` runs within the last
transaction: it writes chunks, word counts, and the vectors of a store that is in Postgres.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.chunks import ChunkRow, add_chunks, count_words, replace_chunks
from app.db.documents.documents import get_document_for_work
from app.db.documents.editions import publish_edition, tidy_editions
from app.db.documents.first_editions import MOST_CHUNKS, add_first_edition
from app.db.documents.publishing import PublishedUsage, complete_document
from app.domain.counting import count_of
from app.domain.errors import DocumentDeletedError, DocumentSupersededError
from app.domain.ports import BlobStore
from app.domain.records import Content, Document
from app.domain.tasks import NewTask, Queue, Task, TaskName
from app.domain.usage import UsageKind
from app.domain.vectors import VectorBatch, VectorIndex
from app.ledger.submit import submit
from app.services.indexing.chunk_index import IndexedChunks
from app.services.indexing.vectors import Vectors

_TITLE = 300
"""The number of characters of a title that are indexed with each chunk."""


@dataclass(frozen=True, slots=True)
class Version:
    """What a document holds once this version is published. ``found`` is the metadata that its file contains.

    ``local_tokens`` and ``kind`` are for its usage: the tokens of a model that no provider charges, and the work.
    """

    content: Content
    found: Mapping[str, Any]
    page_count: int | None
    chunk_count: int
    characters: int
    embedding_model: str
    local_tokens: int = 0
    kind: str = UsageKind.DOCUMENT

    @property
    def status(self) -> str:
        """The status line of the task that published it."""
        return f"{self.content.filename} is ready: {count_of(self.chunk_count, 'chunk')}"

    def write_name(self, document: Document) -> str:
        """The name and the title of a document with this version, by whose words search finds it."""
        title = {**self.found, **document.metadata}.get("title")
        names = [self.content.filename, title[:_TITLE] if isinstance(title, str) else ""]
        return "\n".join(dict.fromkeys(filter(None, names)))

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
            "local_tokens": self.local_tokens,
            "kind": self.kind,
        }

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Version":
        """The inverse of ``as_json``."""
        return cls(**{**given, "content": Content.from_json(given["content"])})


@dataclass(frozen=True, slots=True)
class IndexEdition:
    """The edition that holds a version's vectors, and the index it is in.

    The index is None in tasks that an earlier release submitted, which had a single index: the active index then counts
    as lacking the edition, and it is embedded again. The edition is None where the transaction reserves it.
    """

    index_id: int | None
    edition: int | None


@dataclass(frozen=True, slots=True)
class WrittenEdition:
    """Chunks of an edition, or some of them, whose vectors are written as far as that happens before the transaction.

    ``rows`` is empty where only the vectors are new; ``counts`` are the numbers of rows with each lexeme, where they
    are counted already. The batch has the edition 0 where nothing is written before the transaction, which then
    reserves the number.
    """

    index: VectorIndex
    batch: VectorBatch
    rows: Sequence[ChunkRow] = ()
    counts: Mapping[str, int] | None = None


class EditionWriter:
    """Writes the chunks and vectors of editions."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    async def write(self, index: VectorIndex, batch: VectorBatch, rows: Sequence[ChunkRow] = ()) -> WrittenEdition:
        """Write the vectors that the transaction cannot write, before it begins.

        Args:
            index: Where the vectors belong.
            batch: The vectors.
            rows: The chunks with their words, which ``apply`` writes.

        Raises:
            VectorLengthError: when the index holds vectors of another length.
        """
        return WrittenEdition(await self._vectors.write(index, batch), batch, rows)

    async def write_new(self, index: VectorIndex, document: Document, indexed: IndexedChunks) -> WrittenEdition:
        """``write`` all of a new edition of a document, which ``publish`` publishes.

        The edition of a remote store is reserved first. If nothing of it can have been written, its number is released.

        Raises:
            DocumentDeletedError
            VectorLengthError: when the index holds vectors of another length.
        """
        batch = VectorBatch(document.agent_id, document.id, 0, indexed.vectors)
        if self._vectors.writes_within(index):
            return await self.write(index, batch, indexed.rows)
        batch = replace(batch, edition=await self._vectors.reserve(index, document.id))
        return WrittenEdition(await self._vectors.write_reserved(index, batch), batch, indexed.rows)

    async def publish(
        self, connection: AsyncConnection, document: Document, task_id: UUID, version: Version, edition: WrittenEdition
    ) -> None:
        """Publish a version and write its chunks, vectors and word counts, within the transaction that ends the task.

        Args:
            connection: The transaction.
            document: The document as the attempt has read it.
            task_id: The task that may publish: the document's latest indexing task.
            version: What the document holds from now on.
            edition: What ``write_new`` returned.

        Raises:
            DocumentDeletedError: when the document was deleted in the meantime.
            DocumentSupersededError: when a later task indexes the document, or a later edition is published.
        """
        index, rows = edition.index, edition.rows
        place = IndexEdition(index.id, edition.batch.edition or None)
        batch = replace(edition.batch, edition=await _complete(connection, document.id, task_id, version, place))
        if batch.edition == 1 and self._vectors.writes_within(index) and len(rows) <= MOST_CHUNKS:
            await add_first_edition(connection, index.id, batch, rows)
        else:
            await publish_edition(connection, index.id, document.id, batch.edition)
            await self.apply(connection, replace(edition, batch=batch), replaced=document)

    async def apply(
        self, connection: AsyncConnection, edition: WrittenEdition, replaced: Document | None = None
    ) -> None:
        """Write chunks, vectors and word counts within the transaction that ends the task.

        Args:
            connection: The transaction.
            edition: What ``write`` returned.
            replaced: The document whose former editions go at the same time; what one statement cannot remove is left
                to a sweep. None keeps them.
        """
        batch = edition.batch
        place = {"agent_id": batch.agent_id, "document_id": batch.document_id, "edition": batch.edition}
        if replaced:
            written = await replace_chunks(connection, **place, rows=edition.rows)
        else:
            written = await add_chunks(connection, **place, rows=edition.rows, counts=edition.counts)
        await self.apply_vectors(connection, edition)
        if (
            replaced
            and batch.edition > 1
            and (await tidy_editions(connection, batch.document_id) or not written.removed_all)
        ):
            await submit_sweep(connection, replaced)
        # Last, since it blocks every other transaction that counts the agent's words until this one ends.
        await count_words(connection, written.words)

    async def apply_vectors(self, connection: AsyncConnection, edition: WrittenEdition) -> None:
        """Write only the vectors within a transaction, where the store takes part in it."""
        await self._vectors.write_within(connection, edition.index, edition.batch)


def read_content(task: Task) -> Content | None:
    """The new content that a task carries for its document, if any."""
    given = task.arguments.get("content")
    return Content.from_json(given) if given else None


async def publish(
    connection: AsyncConnection, document_id: int, task_id: UUID, version: Version, place: IndexEdition
) -> None:
    """Complete a document with a version whose chunks are written; search finds them once the transaction commits.

    Args:
        connection: The transaction.
        document_id: The document.
        task_id: The task that may publish: the document's latest indexing task.
        version: What the document holds from now on.
        place: Where the version's vectors are.

    Raises:
        DocumentDeletedError: when the document was deleted in the meantime.
        DocumentSupersededError: when a later task indexes the document, or a later edition is published.
    """
    edition = await _complete(connection, document_id, task_id, version, place)
    await publish_edition(connection, place.index_id or 0, document_id, edition)


async def _complete(
    connection: AsyncConnection, document_id: int, task_id: UUID, version: Version, place: IndexEdition
) -> int:
    """Mark a document completed; returns the edition, which is reserved now if ``place`` has none."""
    published = await complete_document(
        connection,
        document_id,
        task_id=task_id,
        content=version.content,
        page_count=version.page_count,
        chunk_count=version.chunk_count,
        embedding_model=version.embedding_model,
        found=version.found,
        index_id=place.index_id or 0,
        edition=place.edition,
        usage=PublishedUsage(version.kind, version.characters, version.local_tokens),
    )
    if published is None:
        await raise_superseded(connection, document_id)
    return published


async def raise_superseded(connection: AsyncConnection, document_id: int) -> NoReturn:
    """Raise the error that says why a task may no longer set a document's content.

    Raises:
        DocumentDeletedError, DocumentSupersededError
    """
    document = await get_document_for_work(connection, document_id)
    raise DocumentDeletedError if document is None or document.deleted_at else DocumentSupersededError


async def submit_sweep(connection: AsyncConnection, document: Document) -> None:
    """Submit the task that removes the chunks and vectors of every edition but the document's present one."""
    await submit(connection, NewTask.for_document(document, TaskName.SWEEP_DOCUMENT, Queue.DEFAULT))


async def delete_former_file(blobs: BlobStore, document: Document, content: Content) -> None:
    """Delete the file that a document held before this content was published, unless it is the same file."""
    if document.blob_key and document.blob_key != content.blob_key:
        await blobs.delete(document.blob_key)
