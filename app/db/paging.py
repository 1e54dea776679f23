"""Keyset pagination: the cursor is the last id of the previous page, so that all pages cost the same."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.records import Listing

Item = TypeVar("Item")


async def list_rows(
    connection: AsyncConnection,
    table: Table,
    conditions: Sequence[ColumnElement[bool]],
    build: Callable[[Any], Item],
    *,
    limit: int,
    after: Any,
) -> Listing[Item]:
    """List rows of ``table`` in descending order of ids, below the id ``after``.

    The total counts all rows that meet the conditions.
    """
    total = await connection.scalar(select(func.count()).select_from(table).where(*conditions))
    query = select(table).where(*conditions).order_by(table.c.id.desc()).limit(limit + 1)
    if after is not None:
        query = query.where(table.c.id < after)
    rows = (await connection.execute(query)).all()
    cursor = str(rows[limit - 1].id) if len(rows) > limit else None
    return Listing([build(row) for row in rows[:limit]], total or 0, cursor)
