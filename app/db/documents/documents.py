"""Queries on documents."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Text,
    any_,
    bindparam,
    cast,
    func,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.content_keys import REVIVED_KEY
from app.db.documents.editions import hide_editions
from app.db.paging import list_rows
from app.db.tables.core import chunks, documents
from app.db.tenants.visibility import sees_document
from app.db.usage.records import COUNT_HIDDEN
from app.domain.documents import DocumentStatus
from app.domain.errors import InvalidMetadataError
from app.domain.identity import Access
from app.domain.metadata import MAX_BYTES
from app.domain.records import Document, Listing, StoredChunk


def _document(row: Any) -> Document:
    return Document(**{**row._asdict(), "status": DocumentStatus(row.status)})


async def get_document(
    connection: AsyncConnection, access: Access, document_id: int, *, lock: bool = False
) -> Document | None:
    """One document, unless it does not exist for the caller; with ``lock``, locked until the transaction ends."""
    query = select(documents).where(documents.c.id == document_id, sees_document(access))
    if lock:
        query = query.with_for_update()
    row = (await connection.execute(query)).one_or_none()
    return _document(row) if row else None


async def get_document_for_work(
    connection: AsyncConnection, document_id: int, *, lock: bool = False
) -> Document | None:
    """One document for the task that processes it, deleted or not; with ``lock``, locked until the transaction ends."""
    query = select(documents).where(documents.c.id == document_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return _document(row) if row else None


async def list_documents(
    connection: AsyncConnection,
    access: Access,
    *,
    agent_id: int | None,
    status: DocumentStatus | None,
    limit: int,
    after: int | None,
) -> Listing[Document]:
    """List documents, the newest first."""
    conditions = [sees_document(access)]
    if agent_id is not None:
        conditions.append(documents.c.agent_id == agent_id)
    if status is not None:
        conditions.append(documents.c.status == status)
    return await list_rows(connection, documents, conditions, _document, limit=limit, after=after)


async def find_by_content(connection: AsyncConnection, agent_id: int, content_key: bytes) -> Document | None:
    """Find the agent's document with this ``content_key``: a second upload of the same content is a duplicate of it."""
    query = select(documents).where(documents.c.agent_id == agent_id, documents.c.content_key == content_key)
    row = (await connection.execute(query)).one_or_none()
    return _document(row) if row else None


async def find_all_by_content(
    connection: AsyncConnection, agent_id: int, content_keys: Sequence[bytes]
) -> dict[bytes, int]:
    """Find the ids of the agent's documents with these keys, by key."""
    query = select(documents.c.content_key, documents.c.id).where(
        documents.c.agent_id == agent_id, documents.c.content_key.in_(content_keys)
    )
    return {row.content_key: row.id for row in await connection.execute(query)}


async def lock_documents(connection: AsyncConnection, document_ids: Sequence[int]) -> None:
    """Lock documents until the transaction ends, in the order of their ids."""
    query = (
        select(documents.c.id)
        .where(documents.c.id == any_(literal(list(document_ids), ARRAY(BigInteger))))
        .order_by(documents.c.id)
    )
    await connection.execute(query.with_for_update())


_MERGED_BYTES = 2 * MAX_BYTES  # as much again as an upload may bring, for what the file states about itself


async def merge_metadata(connection: AsyncConnection, document_id: int, metadata: Mapping[str, Any]) -> None:
    """Merge the uploader's metadata into a document's: new keys are added, given ones replaced.

    Raises:
        InvalidMetadataError: the result is too long. The caller must roll back.
    """
    merged = documents.c.metadata.concat(literal(dict(metadata), JSONB))
    size = func.octet_length(cast(documents.c.metadata, Text))
    statement = update(documents).where(documents.c.id == document_id).values(metadata=merged).returning(size)
    if (await connection.execute(statement)).scalar_one() > _MERGED_BYTES:
        raise InvalidMetadataError(f"With the document's present metadata it is longer than {_MERGED_BYTES} bytes.")


_SET_INDEXING_TASK = text(
    f"""
    UPDATE documents AS d
    SET task_id = t.id,
        status = CASE WHEN d.status IN ('{DocumentStatus.FAILED}', '{DocumentStatus.CANCELLED}')
                      THEN '{DocumentStatus.QUEUED}' ELSE d.status END,
        content_key = {REVIVED_KEY}
    FROM tasks AS t
    WHERE d.id = :document_id AND t.id = :task_id
    """
).bindparams(bindparam("task_id", type_=UUID_TYPE(as_uuid=True)))


async def set_indexing_task(connection: AsyncConnection, document_id: int, task_id: UUID) -> None:
    """Let this task decide the document's status. A failed or cancelled document becomes queued again.

    From now on, the bytes that the task will process are a duplicate of the document.

    Raises:
        TransactionConflictError: from ``Database``, when another document has received the same content just now.
    """
    await connection.execute(_SET_INDEXING_TASK, {"document_id": document_id, "task_id": task_id})


_HIDE = text(f"""
    WITH hidden AS (
        UPDATE documents SET deleted_at = now(), content_key = NULL
        WHERE id = CAST(:document_id AS bigint) AND deleted_at IS NULL
        RETURNING organization_id, agent_id, counted_bytes
    )
    {COUNT_HIDDEN}
""")


async def hide_document(connection: AsyncConnection, document_id: int) -> None:
    """Mark a document deleted: searches and lists omit it from now on."""
    await connection.execute(_HIDE, {"document_id": document_id})
    await hide_editions(connection, [document_id])


_CHUNK_COLUMNS = [chunks.c[name] for name in ("id", "ordinal", "text", "context", "start_char", "end_char", "page")]


def _published(document_id: int) -> ColumnElement[bool]:
    """The chunks that search finds of a document."""
    edition = select(documents.c.edition).where(documents.c.id == document_id).scalar_subquery()
    return (chunks.c.document_id == document_id) & (chunks.c.edition == edition)


async def list_chunks(
    connection: AsyncConnection, document_id: int, *, limit: int | None = None, after: int | None = None
) -> Listing[StoredChunk]:
    """List a document's chunks in order, after the ordinal ``after``."""
    found = _published(document_id)
    total = await connection.scalar(select(func.count()).where(found))
    query = select(*_CHUNK_COLUMNS).where(found).order_by(chunks.c.ordinal)
    if after is not None:
        query = query.where(chunks.c.ordinal > after)
    if limit is not None:
        query = query.limit(limit + 1)
    rows = (await connection.execute(query)).all()
    more = limit is not None and len(rows) > limit
    items = [StoredChunk(*row) for row in rows[:limit]]
    return Listing(items, total or 0, str(items[-1].ordinal) if more else None)


async def count_pages(connection: AsyncConnection, document_id: int) -> int:
    """Return the number of a document's last page with text; 1 for a format without pages, 0 without text."""
    query = select(func.max(func.coalesce(chunks.c.page, 1))).where(_published(document_id))
    return await connection.scalar(query) or 0


async def list_chunks_of_pages(
    connection: AsyncConnection, document_id: int, first: int, last: int
) -> Sequence[StoredChunk]:
    """List the chunks on pages from ``first`` to ``last``, in order. Text without a page is on the first."""
    pages = func.coalesce(chunks.c.page, 1).between(first, last)
    query = select(*_CHUNK_COLUMNS).where(_published(document_id), pages).order_by(chunks.c.ordinal)
    return [StoredChunk(*row) for row in await connection.execute(query)]
