"""Lists of editions: those that a vector index lacks, and those that it should not hold."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.editions import LATE_SECONDS, Edition
from app.domain.states import State
from app.domain.tasks import CHILDREN_STAGE, TaskName
from app.domain.vectors import IndexState

# An incomplete edition is being written, lacks vectors, or is to be removed. It is lacking if search finds it.
_LACKS = f"NOT e.complete AND e.edition = d.edition AND d.deleted_at IS NULL AND i.state <> '{IndexState.RETIRED}'"

# The task names are literals, so that the plan uses the partial index on these tasks.
_HAS_TASK = """
    EXISTS (
        SELECT FROM tasks AS t
        WHERE t.document_id = d.id AND t.name = '{name}' AND (t.completed_at IS NULL OR t.dead_lettered_at IS NOT NULL)
            {narrowed})
"""
# Only a task of this index that was submitted after the edition was recorded as lacking.
_IS_EMBEDDED = _HAS_TASK.format(
    name=TaskName.REEMBED_DOCUMENT.value,
    narrowed="AND t.created_at >= e.noted_at AND t.arguments ->> 'index_id' = e.index_id::text",
)

_EDITION = "e.index_id, e.document_id, e.edition, e.agent_id, d.organization_id"

_JOINED = """
    editions AS e JOIN documents AS d ON d.id = e.document_id JOIN vector_indexes AS i ON i.id = e.index_id
"""

_LACKING = text(f"""
    SELECT {_EDITION} FROM {_JOINED}
    WHERE {_LACKS} AND e.index_id = CAST(:index_id AS bigint) AND NOT {_IS_EMBEDDED}
    LIMIT :limit
""")


async def list_lacking(connection: AsyncConnection, index_id: int, limit: int) -> list[Edition]:
    """List editions that search finds and an index lacks, unless a task is embedding them or has failed for good."""
    rows = await connection.execute(_LACKING, {"index_id": index_id, "limit": limit})
    return [Edition(**row) for row in rows.mappings()]


_LACKS_OLD = text(f"""
    SELECT EXISTS (
        SELECT FROM {_JOINED}
        WHERE {_LACKS} AND e.index_id = CAST(:index_id AS bigint)
            AND e.noted_at < now() - make_interval(secs => :seconds))
""")


async def lacks_old(connection: AsyncConnection, index_id: int, seconds: float) -> bool:
    """Return whether an index lacks an edition that search has found for longer than ``seconds``."""
    parameters = {"index_id": index_id, "seconds": seconds}
    return bool((await connection.execute(_LACKS_OLD, parameters)).scalar_one())


_COUNT_LACKING = text(f"SELECT count(*) FROM {_JOINED} WHERE {_LACKS} AND e.index_id = CAST(:index_id AS bigint)")


async def count_lacking(connection: AsyncConnection, index_id: int) -> int:
    """Count the documents that search finds and an index lacks."""
    return int((await connection.execute(_COUNT_LACKING, {"index_id": index_id})).scalar_one())


_COUNT_COMPLETE = text("SELECT count(*) FROM editions WHERE index_id = CAST(:index_id AS bigint) AND complete")


async def count_complete(connection: AsyncConnection, index_id: int) -> int:
    """Count the documents that an index holds completely."""
    return int((await connection.execute(_COUNT_COMPLETE, {"index_id": index_id})).scalar_one())


# Stale: the document is deleted, or has a later edition. An edition later than the document's is not stale while the
# document's task may still publish it: until the task has ended, or, if it is a parent, until it is revoked, since its
# failed children may be run again.
_IS_STALE = f"""
    NOT e.complete AND i.state <> '{IndexState.RETIRED}' AND (
        d.deleted_at IS NOT NULL OR e.edition < d.edition OR (e.edition > d.edition AND NOT EXISTS (
            SELECT FROM tasks AS t
            WHERE t.id = d.task_id AND (
                t.completed_at IS NULL OR (t.stage = '{CHILDREN_STAGE}' AND t.state <> '{State.REVOKED}')))))
"""

_STALE = text(f"""
    SELECT {_EDITION} FROM {_JOINED}
    WHERE e.document_id = CAST(:document_id AS bigint) AND {_IS_STALE}
    ORDER BY e.index_id, e.edition
""")


async def list_stale(connection: AsyncConnection, document_id: int) -> list[Edition]:
    """List editions of a document that search will never find."""
    rows = await connection.execute(_STALE, {"document_id": document_id})
    return [Edition(**row) for row in rows.mappings()]


_IS_SWEPT = _HAS_TASK.format(name=TaskName.SWEEP_DOCUMENT.value, narrowed="")

_UNSWEPT = text(f"""
    SELECT DISTINCT ON (e.document_id) {_EDITION} FROM {_JOINED}
    WHERE {_IS_STALE} AND (e.swept_at IS NULL OR e.reserved_at < now() - make_interval(secs => :late))
        AND NOT {_IS_SWEPT}
    ORDER BY e.document_id
    LIMIT :limit
""")


async def list_unswept(connection: AsyncConnection, limit: int, late: float = LATE_SECONDS) -> list[Edition]:
    """List stale editions that are not swept, or that may have been written to since; one for each document.

    Documents with an unfinished sweep task are left out.
    """
    rows = await connection.execute(_UNSWEPT, {"late": late, "limit": limit})
    return [Edition(**row) for row in rows.mappings()]
