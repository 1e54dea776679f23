"""Large agents: where comparing all of an agent's vectors takes long, they get a graph, an HNSW index of their own.

From which size on that pays, and how the graph is made and read: docs/adr/0005-vectors-in-postgres.md.
"""

import re
import time
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database

_BUILT_OVER_MS = 50.0
"""How long an exact search may take, by estimate, before the agent gets a graph."""

_DROPPED_UNDER_MS = 25.0
"""Where exact searches take less than this, a graph is taken away."""

_LOCK = 0x51_01CF  # an arbitrary number: one process at a time builds
_LOOK_SECONDS = 60.0
_NAME = re.compile(r"vectors_hnsw_(\d+)_(\d+)")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, order=True)
class HnswIndex:
    """The HNSW index on the vectors of one agent in one index of vectors."""

    index_id: int
    agent_id: int

    @property
    def name(self) -> str:
        """Its name in the database."""
        return f"vectors_hnsw_{self.index_id}_{self.agent_id}"


def belongs_to_schema(name: str | None, kind: str, _parents: object) -> bool:
    """Alembic's ``include_name``: whether migrations manage an object. They do not manage HNSW indexes."""
    return not (kind == "index" and name and _NAME.fullmatch(name))


class HnswIndexes:
    """Which agents have a graph, as it was a minute ago at most.

    Nothing breaks where that has changed since: a search that counts on a graph which is gone compares all vectors.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: frozenset[HnswIndex] = frozenset()
        self._look_at = 0.0

    async def has(self, index_id: int, agent_id: int) -> bool:
        """Whether this agent's vectors in this index have a graph."""
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_SECONDS
            async with self._database.statement() as connection:
                found = await find_hnsw_indexes(connection)
            self._known = frozenset(graph for graph, is_valid in found.items() if is_valid)
        return HnswIndex(index_id, agent_id) in self._known


_FIND = text(r"""
    SELECT c.relname AS name, i.indisvalid AS is_valid
    FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
    WHERE i.indrelid = CAST('vectors' AS regclass) AND c.relname LIKE 'vectors\_hnsw\_%'
""")


async def find_hnsw_indexes(connection: AsyncConnection) -> dict[HnswIndex, bool]:
    """The graphs there are, each with whether it is whole: what a build that was broken off leaves is not."""
    found = {}
    for row in await connection.execute(_FIND):
        if match := _NAME.fullmatch(row.name):
            found[HnswIndex(*map(int, match.groups()))] = bool(row.is_valid)
    return found


_TAKE_LOCK = text("SELECT pg_try_advisory_lock(:lock)")

# A parallel build needs its memory in /dev/shm, which containers have little of; and it would take a second core.
_LIFT_LIMITS = text("""
    SELECT set_config(name, setting, false) FROM (VALUES
        ('statement_timeout', '0'), ('transaction_timeout', '0'), ('lock_timeout', '0'),
        ('maintenance_work_mem', '512MB'), ('max_parallel_maintenance_workers', '0')) AS wanted (name, setting)
    WHERE name IN (SELECT name FROM pg_settings)
""")


async def maintain_hnsw_indexes(
    database: Database, *, built_over: float = _BUILT_OVER_MS, dropped_under: float = _DROPPED_UNDER_MS
) -> int:
    """Build the graphs that are lacking, and drop those that are broken or of no more use; returns how many of both.

    A graph takes minutes to build; meanwhile searches and writers go on. Does nothing while another process is at it.

    Args:
        database: A connection of its pool is used, and closed at the end.
        built_over: Milliseconds that an exact search takes, by estimate, where a graph is built.
        dropped_under: Milliseconds below which one is dropped; not more than ``built_over``.
    """
    async with database.statement() as connection:
        try:
            if not (await connection.execute(_TAKE_LOCK, {"lock": _LOCK})).scalar_one():
                return 0
            await connection.execute(_LIFT_LIMITS)
            return await _tend(connection, built_over, dropped_under)
        finally:
            await connection.invalidate()  # with it go the lock and the settings


# An agent's chunks are counted as its words are, under the empty one. A vector takes 400 ns plus one a number to fetch
# and compare. HNSW takes up to 4,000 numbers.
_FIND_LARGE = text("""
    SELECT * FROM (
        SELECT i.id AS index_id, a.id AS agent_id, i.dimensions, l.chunk_count AS vectors,
            l.chunk_count * (400.0 + i.dimensions) / 1e6 AS milliseconds
        FROM vector_indexes AS i, agents AS a JOIN lexemes AS l ON l.agent_id = a.id AND l.lexeme = ''
        WHERE i.state = 'active' AND i.store = 'pgvector' AND i.dimensions <= 4000 AND a.deleted_at IS NULL
    ) AS agent
    WHERE milliseconds >= CAST(:milliseconds AS double precision)
    ORDER BY milliseconds DESC
""")


async def _tend(connection: AsyncConnection, built_over: float, dropped_under: float) -> int:
    found = await find_hnsw_indexes(connection)
    large = {
        HnswIndex(row.index_id, row.agent_id): row
        for row in await connection.execute(_FIND_LARGE, {"milliseconds": dropped_under})
    }
    useless = [graph for graph, is_valid in found.items() if graph not in large or not is_valid]
    for graph in useless:
        await connection.execute(text(f"DROP INDEX CONCURRENTLY IF EXISTS {graph.name}"))
        log.info("hnsw_index_dropped", graph=graph.name, broken=not found[graph])
    lacking = [graph for graph, row in large.items() if row.milliseconds > built_over and not found.get(graph)]
    for graph in lacking:
        await _build(connection, graph, large[graph])
    return len(useless) + len(lacking)


async def _build(connection: AsyncConnection, graph: HnswIndex, large: Any) -> None:
    began = time.monotonic()
    # The expression gives the numbers a length, which the column, being for every index, has not.
    await connection.execute(
        text(
            f"CREATE INDEX CONCURRENTLY {graph.name} ON vectors"
            f" USING hnsw (CAST(embedding AS halfvec({large.dimensions})) halfvec_cosine_ops)"
            f" WITH (m = 32, ef_construction = 128)"
            f" WHERE agent_id = {graph.agent_id} AND index_id = {graph.index_id}"
        )
    )
    log.info("hnsw_index_built", graph=graph.name, vectors=large.vectors, seconds=round(time.monotonic() - began, 1))
