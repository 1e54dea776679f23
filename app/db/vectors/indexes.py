"""Queries on vector indexes. At most one is active, and at most one is being built to replace it."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.vectors import vector_indexes
from app.domain.vectors import EmbeddingSpec, IndexState, VectorIndex

_UNREAD_SECONDS = 30.0
_AGAIN_SECONDS = 600.0
PUBLICATION_LOCK = 0x51_01D0
"""The number, chosen at random, of the advisory lock that a transaction which publishes an edition holds shared.

An advisory lock serves its waiters in order, which a row lock does not.
"""
_RETIRED = {"state": IndexState.RETIRED.value, "retired_at": func.now()}
INDEX_COLUMNS = ("id", "store", "provider", "model", "dimensions", "asked_dimensions", "place", "state")
"""The columns that ``build_index`` reads, in its order."""


def build_index(values: Iterable[Any]) -> VectorIndex:
    """Build the index with these values of ``INDEX_COLUMNS``."""
    index_id, store, provider, model, dimensions, asked_dimensions, place, state = values
    return VectorIndex(
        index_id, store, EmbeddingSpec(provider, model, dimensions, asked_dimensions), place, IndexState(state)
    )


async def find_index(connection: AsyncConnection, state: IndexState) -> VectorIndex | None:
    """Find the index that is active, or the one that is being built."""
    row = (await connection.execute(_select().where(vector_indexes.c.state == state.value))).one_or_none()
    return build_index(row) if row else None


async def get_index(connection: AsyncConnection, index_id: int) -> VectorIndex | None:
    """Return one index; None when it does not exist."""
    row = (await connection.execute(_select().where(vector_indexes.c.id == index_id))).one_or_none()
    return build_index(row) if row else None


async def list_indexes(connection: AsyncConnection) -> list[VectorIndex]:
    """List all indexes, the oldest first."""
    return [build_index(row) for row in await connection.execute(_select().order_by(vector_indexes.c.id))]


_DROPPABLE = text(f"""
    SELECT {", ".join(INDEX_COLUMNS)}, retired_at < now() - make_interval(secs => :late) AS over
    FROM vector_indexes
    WHERE state = '{IndexState.RETIRED}' AND retired_at < now() - make_interval(secs => :unread)
        AND (dropped_at IS NULL OR dropped_at < now() - make_interval(secs => :again))
    ORDER BY id
""")


async def list_droppable(connection: AsyncConnection, late: float) -> list[tuple[VectorIndex, bool]]:
    """List retired indexes that no search reads and that may hold vectors, each with whether it is final.

    An index that was dropped may get vectors again from a process that was frozen, until ``late`` seconds after it was
    retired. Until then it is listed again from time to time; after that, the next drop is final.
    """
    rows = await connection.execute(_DROPPABLE, {"late": late, "unread": _UNREAD_SECONDS, "again": _AGAIN_SECONDS})
    return [(build_index(row[:-1]), row.over) for row in rows]


async def mark_dropped(connection: AsyncConnection, index_id: int) -> None:
    """Record that an index holds no vectors any more."""
    await connection.execute(
        update(vector_indexes).where(vector_indexes.c.id == index_id).values(dropped_at=func.now())
    )


_LOCK_EXCLUSIVE = text("SELECT pg_advisory_xact_lock(:lock)")


async def lock_indexes(connection: AsyncConnection) -> None:
    """Wait for transactions that publish editions, and block new ones until this transaction ends."""
    await connection.execute(_LOCK_EXCLUSIVE, {"lock": PUBLICATION_LOCK})


async def add_index(
    connection: AsyncConnection, store: str, spec: EmbeddingSpec, place: Mapping[str, Any], state: IndexState
) -> VectorIndex | None:
    """Add an index; None when there is one in that state already."""
    values = {
        "store": store,
        "provider": spec.provider,
        "model": spec.model,
        "dimensions": spec.dimensions,
        "asked_dimensions": spec.requested_dimensions,
        "place": dict(place),
        "state": state.value,
        "planned_to": 0,
        "activated_at": func.now() if state is IndexState.ACTIVE else None,
    }
    statement = upsert(vector_indexes).values(values).on_conflict_do_nothing()
    row = (await connection.execute(statement.returning(*_columns()))).one_or_none()
    return build_index(row) if row else None


async def fix_dimensions(connection: AsyncConnection, index_id: int, dimensions: int) -> int:
    """Record the number of dimensions of an index unless it is recorded already; returns the recorded one."""
    statement = (
        update(vector_indexes)
        .where(vector_indexes.c.id == index_id)
        .values(dimensions=func.coalesce(vector_indexes.c.dimensions, dimensions))
        .returning(vector_indexes.c.dimensions)
    )
    return int((await connection.execute(statement)).scalar_one())


async def activate(connection: AsyncConnection, index_id: int) -> None:
    """Activate the index that was built, and retire the active one. Call ``lock_indexes`` before."""
    await retire_active(connection)
    await connection.execute(
        update(vector_indexes)
        .where(vector_indexes.c.id == index_id, vector_indexes.c.state == IndexState.BUILDING.value)
        .values(state=IndexState.ACTIVE.value, activated_at=func.now())
    )


async def retire_building(connection: AsyncConnection) -> bool:
    """Retire the index that is being built; False when there is none."""
    statement = update(vector_indexes).where(vector_indexes.c.state == IndexState.BUILDING.value).values(_RETIRED)
    return (await connection.execute(statement)).rowcount > 0


_IS_EMPTY = text(f"""
    SELECT NOT EXISTS (SELECT FROM editions)
        AND NOT EXISTS (SELECT FROM vector_indexes WHERE state = '{IndexState.BUILDING}')
        AND NOT EXISTS (SELECT FROM documents WHERE edition > 0 AND deleted_at IS NULL)
""")


async def is_empty(connection: AsyncConnection) -> bool:
    """Return whether no index holds vectors, none is being built, and no document needs one."""
    return bool((await connection.execute(_IS_EMPTY)).scalar_one())


async def retire_active(connection: AsyncConnection) -> None:
    """Retire the active index, to activate another in the same transaction. Call ``lock_indexes`` before."""
    await connection.execute(
        update(vector_indexes).where(vector_indexes.c.state == IndexState.ACTIVE.value).values(_RETIRED)
    )


async def forget_index(connection: AsyncConnection, index_id: int) -> None:
    """Delete an index that holds no vectors any more."""
    await connection.execute(delete(vector_indexes).where(vector_indexes.c.id == index_id))


def _columns() -> list[Any]:
    return [vector_indexes.c[name] for name in INDEX_COLUMNS]


def _select() -> Any:
    return select(*_columns())
