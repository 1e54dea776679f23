"""Queries on documents."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.paging import list_rows
from app.db.tables import chunks, documents
from app.domain.records import Document, Listing, StoredChunk


def _document(row: Any) -> Document:
    return Document(**row._asdict())


def _visible(organization_id: int) -> ColumnElement[bool]:
    return (documents.c.organization_id == organization_id) & documents.c.deleted_at.is_(None)


async def get_document(
    connection: AsyncConnection, organization_id: int, document_id: int, *, lock: bool = False
) -> Document | None:
    """One document, unless deleted or another organization's; with ``lock``, held until the transaction ends."""
    query = select(documents).where(documents.c.id == document_id, _visible(organization_id))
    if lock:
        query = query.with_for_update()
    row = (await connection.execute(query)).one_or_none()
    return _document(row) if row else None


async def get_document_for_work(connection: AsyncConnection, document_id: int) -> Document | None:
    """One document for the task that works on it, deleted or not."""
    row = (await connection.execute(select(documents).where(documents.c.id == document_id))).one_or_none()
    return _document(row) if row else None


async def list_documents(
    connection: AsyncConnection,
    organization_id: int,
    *,
    agent_id: int | None,
    status: str | None,
    limit: int,
    after: int | None,
) -> Listing[Document]:
    """Documents, the newest first."""
    conditions = [_visible(organization_id)]
    if agent_id is not None:
        conditions.append(documents.c.agent_id == agent_id)
    if status is not None:
        conditions.append(documents.c.status == status)
    return await list_rows(connection, documents, conditions, _document, limit=limit, after=after)


async def list_agent_documents(connection: AsyncConnection, agent_id: int) -> list[Document]:
    """Every document of an agent whose file or chunks may still be there."""
    rows = await connection.execute(select(documents).where(documents.c.agent_id == agent_id))
    return [_document(row) for row in rows]


async def set_indexing_task(connection: AsyncConnection, document_id: int, task_id: UUID) -> None:
    """Let this task decide the document's status from now on; a complete one stays so until the task replaces it."""
    status = func.coalesce(func.nullif(documents.c.status, "failed"), "queued")
    statement = (
        update(documents)
        .where(documents.c.id == document_id)
        .values(task_id=task_id, status=func.coalesce(func.nullif(status, "cancelled"), "queued"))
    )
    await connection.execute(statement)


async def complete_document(
    connection: AsyncConnection,
    document_id: int,
    *,
    page_count: int | None,
    chunk_count: int,
    embedding_model: str,
    found: Mapping[str, Any],
) -> bool:
    """Mark a document searchable. ``found`` is what the file says of itself; the uploader's metadata wins over it.

    False when it was deleted meanwhile.
    """
    statement = (
        update(documents)
        .where(documents.c.id == document_id, documents.c.deleted_at.is_(None))
        .values(
            status="completed",
            completed_at=func.now(),
            page_count=page_count,
            chunk_count=chunk_count,
            embedding_model=embedding_model,
            metadata=literal(dict(found), JSONB).concat(documents.c.metadata),
        )
        .returning(documents.c.id)
    )
    return (await connection.execute(statement)).one_or_none() is not None


async def hide_document(connection: AsyncConnection, document_id: int) -> None:
    """Mark a document deleted: no search and no list shows it from now on."""
    await connection.execute(update(documents).where(documents.c.id == document_id).values(deleted_at=func.now()))


async def hide_agent_documents(connection: AsyncConnection, agent_id: int) -> None:
    """Mark every document of an agent deleted."""
    await connection.execute(
        update(documents)
        .where(documents.c.agent_id == agent_id, documents.c.deleted_at.is_(None))
        .values(deleted_at=func.now())
    )


async def list_chunks(
    connection: AsyncConnection, document_id: int, *, limit: int | None = None, after: int | None = None
) -> Listing[StoredChunk]:
    """A document's chunks in order, after the ordinal ``after``."""
    total = await connection.scalar(select(func.count()).where(chunks.c.document_id == document_id))
    columns = (chunks.c.id, chunks.c.ordinal, chunks.c.text, chunks.c.start_char, chunks.c.end_char, chunks.c.page)
    query = select(*columns).where(chunks.c.document_id == document_id).order_by(chunks.c.ordinal)
    if after is not None:
        query = query.where(chunks.c.ordinal > after)
    if limit is not None:
        query = query.limit(limit + 1)
    rows = (await connection.execute(query)).all()
    more = limit is not None and len(rows) > limit
    items = [StoredChunk(r.id, r.ordinal, r.text, r.start_char, r.end_char, r.page) for r in rows[:limit]]
    return Listing(items, total or 0, str(items[-1].ordinal) if more else None)
