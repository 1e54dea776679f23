"""HNSW indexes: a large agent, whose vectors take long to compare one by one, gets an index of its own.

The size at which this pays, and how the indexes are built and used: docs/adr/0005-vectors-in-postgres.md.
"""

import re
import time
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.long_work import lift_limits
from app.domain.vectors import IndexState

_BUILT_OVER_MS = 50.0
"""The estimated time of an exact search, in milliseconds, above which an agent gets an HNSW index."""

_DROPPED_UNDER_MS = 25.0
"""The estimated time of an exact search, in milliseconds, below which an agent's HNSW index is dropped."""

_ELEMENT_BYTES, _MOST_KILOBYTES = 2_000, 1_000_000
"""The memory that a build needs for each vector besides its numbers, and the most that it gets."""

_LOCK = 0x51_01CF  # an arbitrary number of an advisory lock: one process at a time builds
_REFRESH_SECONDS = 60.0
_NAME = re.compile(r"vectors_hnsw_(\d+)_(\d+)")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, order=True)
class HnswIndex:
    """The HNSW index on the vectors of one agent in one vector index."""

    index_id: int
    agent_id: int

    @property
    def name(self) -> str:
        """The name of the PostgreSQL index."""
        return f"vectors_hnsw_{self.index_id}_{self.agent_id}"


def belongs_to_schema(name: str | None, kind: str, _parents: object) -> bool:
    """Alembic's ``include_name``: whether migrations manage an object. They do not manage HNSW indexes."""
    return not (kind == "index" and name and _NAME.fullmatch(name))


class HnswIndexes:
    """The agents that have an HNSW index, as known at most a minute ago.

    A search that relies on an index which was dropped since then still works: it compares all vectors.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: frozenset[HnswIndex] = frozenset()
        self._refresh_at = 0.0

    async def has(self, index_id: int, agent_id: int) -> bool:
        """Return whether this agent's vectors in this vector index have a valid HNSW index."""
        if time.monotonic() >= self._refresh_at:
            self._refresh_at = time.monotonic() + _REFRESH_SECONDS
            async with self._database.statement() as connection:
                found = await find_hnsw_indexes(connection)
            self._known = frozenset(index for index, is_valid in found.items() if is_valid)
        return HnswIndex(index_id, agent_id) in self._known


_FIND = text(r"""
    SELECT c.relname AS name, i.indisvalid AS is_valid
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = CAST('vectors' AS regclass) AND c.relname LIKE 'vectors\_hnsw\_%'
""")


async def find_hnsw_indexes(connection: AsyncConnection) -> dict[HnswIndex, bool]:
    """Find the HNSW indexes, each with whether it is valid: one whose build was interrupted is not."""
    found = {}
    for row in await connection.execute(_FIND):
        if match := _NAME.fullmatch(row.name):
            found[HnswIndex(*map(int, match.groups()))] = bool(row.is_valid)
    return found


_TAKE_LOCK = text("SELECT pg_try_advisory_lock(:lock)")


async def maintain_hnsw_indexes(
    database: Database, *, built_over: float = _BUILT_OVER_MS, dropped_under: float = _DROPPED_UNDER_MS
) -> int:
    """Build the missing HNSW indexes, and drop those that are invalid or no longer needed; returns how many of both.

    A build takes minutes, while searches and writes go on. Does nothing while another process builds.

    Args:
        database: One connection of its pool is used, and closed at the end.
        built_over: The estimated time of an exact search above which an index is built, in milliseconds.
        dropped_under: The time below which one is dropped, in milliseconds; not more than ``built_over``.
    """
    async with database.statement() as connection:
        try:
            if not (await connection.execute(_TAKE_LOCK, {"lock": _LOCK})).scalar_one():
                return 0
            await lift_limits(connection, locally=False)
            return await _maintain(connection, built_over, dropped_under)
        finally:
            await connection.invalidate()  # the session ends, and with it the lock and the settings


# The empty lexeme counts all chunks of an agent. To fetch and compare a vector takes 400 ns, plus 1 ns for each
# dimension. HNSW supports up to 4,000 dimensions.
_FIND_LARGE = text(f"""
    SELECT * FROM (
        SELECT i.id AS index_id, a.id AS agent_id, i.dimensions, l.chunk_count AS vectors,
            l.chunk_count * (400.0 + i.dimensions) / 1e6 AS milliseconds
        FROM vector_indexes AS i, agents AS a JOIN lexemes AS l ON l.agent_id = a.id AND l.lexeme = ''
        WHERE i.state = '{IndexState.ACTIVE}' AND i.store = 'pgvector' AND i.dimensions <= 4000 AND a.deleted_at IS NULL
    ) AS agent
    WHERE milliseconds >= CAST(:milliseconds AS double precision)
    ORDER BY milliseconds DESC
""")


async def _maintain(connection: AsyncConnection, built_over: float, dropped_under: float) -> int:
    found = await find_hnsw_indexes(connection)
    large = {
        HnswIndex(row.index_id, row.agent_id): row
        for row in await connection.execute(_FIND_LARGE, {"milliseconds": dropped_under})
    }
    useless = [index for index, is_valid in found.items() if index not in large or not is_valid]
    for index in useless:
        await connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}"))
        log.info("hnsw_index_dropped", index=index.name, invalid=not found[index])
    lacking = [index for index, row in large.items() if row.milliseconds > built_over and not found.get(index)]
    for index in lacking:
        await _build(connection, index, large[index])
    return len(useless) + len(lacking)


# A build that exceeds this memory takes several times as long. Parallel workers would need it as shared memory, of
# which containers often have 64 MB only.
_ADD_MEMORY = text("""
    SELECT set_config('maintenance_work_mem', CAST(:kilobytes AS bigint) || 'kB', false),
        set_config('max_parallel_maintenance_workers', '0', false)
    WHERE pg_size_bytes(current_setting('maintenance_work_mem')) < CAST(:kilobytes AS bigint) * 1024
""")


async def _build(connection: AsyncConnection, index: HnswIndex, large: Any) -> None:
    began = time.monotonic()
    kilobytes = large.vectors * (_ELEMENT_BYTES + 2 * large.dimensions) // 1024
    await connection.execute(_ADD_MEMORY, {"kilobytes": min(kilobytes, _MOST_KILOBYTES)})
    # An HNSW index needs a fixed number of dimensions; the column has none, since it holds vectors of all models.
    await connection.execute(
        text(
            f"CREATE INDEX CONCURRENTLY {index.name} ON vectors"
            f" USING hnsw (CAST(embedding AS halfvec({large.dimensions})) halfvec_cosine_ops)"
            f" WITH (m = 32, ef_construction = 128)"
            f" WHERE agent_id = {index.agent_id} AND index_id = {index.index_id}"
        )
    )
    log.info("hnsw_index_built", index=index.name, vectors=large.vectors, seconds=round(time.monotonic() - began, 1))
