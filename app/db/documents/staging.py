"""Staged chunks: those of a large document, from the task that cuts it until its children embed them."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.chunks import CHUNK_COLUMNS, as_record, get_driver
from app.db.tables.core import staged_chunks
from app.domain.documents import Chunk


async def stage_chunks(connection: AsyncConnection, task_id: UUID, chunks: Sequence[Chunk]) -> None:
    """Stage chunks of a task. Within a transaction."""
    driver = await get_driver(connection)
    await driver.copy_records_to_table(
        "staged_chunks",
        columns=("task_id", *CHUNK_COLUMNS),
        records=((task_id, *as_record(chunk)) for chunk in chunks),
    )


async def read_staged(connection: AsyncConnection, task_id: UUID, first: int, last: int) -> list[Chunk]:
    """Read the staged chunks of a task from the ordinal ``first`` to ``last``."""
    query = select(*(staged_chunks.c[name] for name in CHUNK_COLUMNS)).where(
        staged_chunks.c.task_id == task_id, staged_chunks.c.ordinal.between(first, last)
    )
    rows = await connection.execute(query.order_by(staged_chunks.c.ordinal))
    return [Chunk(r.ordinal, r.text, r.start_char, r.end_char, r.page, r.context) for r in rows]


async def drop_staged(
    connection: AsyncConnection, task_id: UUID, first: int | None = None, last: int | None = None
) -> None:
    """Delete staged chunks of a task: all, or those from ``first`` to ``last``."""
    statement = delete(staged_chunks).where(staged_chunks.c.task_id == task_id)
    if first is not None and last is not None:
        statement = statement.where(staged_chunks.c.ordinal.between(first, last))
    await connection.execute(statement)


_DROP_OF_DOCUMENTS = text("""
    DELETE FROM staged_chunks AS s USING tasks AS t
    WHERE t.document_id = ANY (CAST(:document_ids AS bigint[])) AND s.task_id = t.id
""")


async def drop_document_staged(connection: AsyncConnection, document_ids: Sequence[int]) -> None:
    """Delete the staged chunks of all tasks of these documents."""
    await connection.execute(_DROP_OF_DOCUMENTS, {"document_ids": list(document_ids)})
