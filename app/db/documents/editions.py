"""Editions: what each vector index holds of each document, or may hold after a crash.

A row is inserted before any vector is written, and deleted after the last one is removed. So the vectors that a dead
process has left in a remote store are found here, without a search in the store.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.vectors import IndexState

LATE_SECONDS = 3600.0
"""How long after an edition was reserved a process that was frozen may still write its vectors."""


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of a document in one index."""

    index_id: int
    document_id: int
    edition: int
    agent_id: int
    organization_id: int


_RESERVE = text("""
    -- The row lock on the document makes concurrent attempts get different numbers.
    WITH reserved AS (
        UPDATE documents SET last_edition = greatest(last_edition, edition) + 1
        WHERE id = CAST(:document_id AS bigint) AND deleted_at IS NULL
        RETURNING id, agent_id, last_edition
    )
    INSERT INTO editions (index_id, document_id, edition, agent_id)
    SELECT CAST(:index_id AS bigint), id, last_edition, agent_id FROM reserved
    RETURNING edition
""")


async def reserve_edition(connection: AsyncConnection, index_id: int, document_id: int) -> int | None:
    """Reserve a document's next edition, a number that no other attempt gets; None when the document is deleted."""
    parameters = {"index_id": index_id, "document_id": document_id}
    edition: int | None = (await connection.execute(_RESERVE, parameters)).scalar_one_or_none()
    return edition


_PUBLISH = text("""
    UPDATE editions
    SET complete = (index_id = CAST(:index_id AS bigint) AND edition = CAST(:edition AS integer))
    WHERE document_id = CAST(:document_id AS bigint)
        AND (complete OR index_id = CAST(:index_id AS bigint) AND edition = CAST(:edition AS integer))
""")

LACKING = f"""
    INSERT INTO editions (index_id, document_id, edition, agent_id)
    SELECT i.id, d.id, CAST(:edition AS integer), d.agent_id
    FROM vector_indexes AS i, documents AS d
    WHERE i.state IN ('{IndexState.ACTIVE}', '{IndexState.BUILDING}') AND i.id <> CAST(:index_id AS bigint)
        AND d.id = CAST(:document_id AS bigint)
    ON CONFLICT DO NOTHING
"""
"""Records that the other indexes that are active or being built lack an edition. A conflicting row records the same."""

_LACK = text(LACKING)


async def publish_edition(connection: AsyncConnection, index_id: int, document_id: int, edition: int) -> None:
    """Record that search finds this edition from now on, and no former one, and that this index holds all its vectors.

    Other indexes that are active or being built are recorded as lacking it.
    """
    parameters = {"index_id": index_id, "document_id": document_id, "edition": edition}
    await connection.execute(_PUBLISH, parameters)
    await connection.execute(_LACK, parameters)


_HIDE = text(
    "UPDATE editions SET complete = false WHERE document_id = ANY (CAST(:document_ids AS bigint[])) AND complete"
)


async def hide_editions(connection: AsyncConnection, document_ids: Sequence[int]) -> None:
    """Record that search finds no edition of these documents any more."""
    await connection.execute(_HIDE, {"document_ids": list(document_ids)})


_FOUND = "d.deleted_at IS NULL AND d.edition > 0 AND d.chunk_count > 0"

_PLAN = text(f"""
    -- The next documents in the order of ids; planned_to is the last id that is done, NULL when all are.
    WITH part AS (
        SELECT d.id, d.edition, d.agent_id, {_FOUND} AS found FROM documents AS d, vector_indexes AS i
        WHERE i.id = CAST(:index_id AS bigint) AND d.id > i.planned_to
        ORDER BY d.id LIMIT :limit
    ),
    -- As if search had always found them: no index is activated without the documents that existed when it was added.
    lacking AS (
        INSERT INTO editions (index_id, document_id, edition, agent_id, noted_at)
        SELECT CAST(:index_id AS bigint), id, edition, agent_id, '-infinity' FROM part WHERE found
        ON CONFLICT DO NOTHING
    )
    UPDATE vector_indexes
    SET planned_to = CASE WHEN (SELECT count(*) FROM part) < :limit THEN NULL ELSE (SELECT max(id) FROM part) END
    WHERE id = CAST(:index_id AS bigint)
    RETURNING planned_to IS NULL
""")


async def plan_index(connection: AsyncConnection, index_id: int, limit: int) -> bool:
    """Record that an index lacks the editions that search finds, for the next ``limit`` documents.

    Returns whether all documents are done. Editions published since the index was added are recorded when they are
    published.
    """
    return bool((await connection.execute(_PLAN, {"index_id": index_id, "limit": limit})).scalar_one())


_IS_PLANNED = text("SELECT planned_to IS NULL FROM vector_indexes WHERE id = CAST(:index_id AS bigint)")


async def is_planned(connection: AsyncConnection, index_id: int) -> bool:
    """Return whether ``plan_index`` has done all documents."""
    return bool((await connection.execute(_IS_PLANNED, {"index_id": index_id})).scalar_one())


_RENEW = text("""
    INSERT INTO editions (index_id, document_id, edition, agent_id)
    SELECT CAST(:index_id AS bigint), id, CAST(:edition AS integer), agent_id FROM documents
    WHERE id = CAST(:document_id AS bigint)
    ON CONFLICT (index_id, document_id, edition) DO UPDATE SET reserved_at = now(), swept_at = NULL
    RETURNING done_to
""")


async def renew_edition(connection: AsyncConnection, index_id: int, document_id: int, edition: int) -> int | None:
    """Record that vectors of an edition are about to be written to an index, also to one it was not reserved in.

    Returns the last ordinal that an earlier attempt has written there, or None.
    """
    parameters = {"index_id": index_id, "document_id": document_id, "edition": edition}
    done_to: int | None = (await connection.execute(_RENEW, parameters)).scalar_one_or_none()
    return done_to


_PLACE = """
    (index_id, document_id, edition)
        = (CAST(:index_id AS bigint), CAST(:document_id AS bigint), CAST(:edition AS integer))
"""

# Only if search still finds this edition. The caller has locked the document's row, so that this does not change.
_COMPLETE = text(f"""
    UPDATE editions SET complete = true, done_to = NULL
    WHERE {_PLACE} AND EXISTS (
        SELECT FROM documents AS d
        WHERE d.id = document_id AND d.edition = editions.edition AND d.deleted_at IS NULL)
""")


async def complete_edition(connection: AsyncConnection, index_id: int, document_id: int, edition: int) -> None:
    """Record that an index holds all vectors of the edition that search finds."""
    parameters = {"index_id": index_id, "document_id": document_id, "edition": edition}
    await connection.execute(_COMPLETE, parameters)


_RECORD_PROGRESS = text(f"UPDATE editions SET done_to = CAST(:ordinal AS integer) WHERE {_PLACE}")


async def record_progress(
    connection: AsyncConnection, index_id: int, document_id: int, edition: int, ordinal: int
) -> None:
    """Record the last chunk of an edition whose vector was written to an index."""
    parameters = {"index_id": index_id, "document_id": document_id, "edition": edition, "ordinal": ordinal}
    await connection.execute(_RECORD_PROGRESS, parameters)


_UNRESERVE = text(f"DELETE FROM editions WHERE {_PLACE} AND NOT complete")


async def unreserve_edition(connection: AsyncConnection, index_id: int, document_id: int, edition: int) -> None:
    """Delete an edition of which no vector was written."""
    parameters = {"index_id": index_id, "document_id": document_id, "edition": edition}
    await connection.execute(_UNRESERVE, parameters)


HIDDEN_EDITIONS = """
    SELECT e.document_id, e.edition
    FROM editions AS e JOIN documents AS d ON d.id = e.document_id
    WHERE e.agent_id = CAST(:agent_id AS bigint) AND e.index_id = CAST(:index_id AS bigint) AND NOT e.complete
        AND (e.edition <> d.edition OR d.deleted_at IS NOT NULL)
"""
"""The editions of an agent in an index that search must not find."""

_HIDDEN = text(f"{HIDDEN_EDITIONS} ORDER BY e.document_id, e.edition")


async def list_hidden(connection: AsyncConnection, index_id: int, agent_id: int) -> list[tuple[int, int]]:
    """List the editions of an agent in an index that search must not find, each (document id, edition)."""
    rows = await connection.execute(_HIDDEN, {"index_id": index_id, "agent_id": agent_id})
    return [(row.document_id, row.edition) for row in rows]


_FORGET = text(f"""
    DELETE FROM editions WHERE {_PLACE} AND reserved_at < now() - make_interval(secs => :late)
""")

_MARK = text(f"UPDATE editions SET swept_at = now() WHERE {_PLACE}")


async def forget_edition(connection: AsyncConnection, swept: Edition, late: float = LATE_SECONDS) -> None:
    """Record that an edition's vectors are removed. Its row is deleted once no late process can write to it."""
    place = {"index_id": swept.index_id, "document_id": swept.document_id, "edition": swept.edition}
    if not (await connection.execute(_FORGET, {**place, "late": late})).rowcount:
        await connection.execute(_MARK, place)


_DROP = text("""
    WITH chosen AS MATERIALIZED (
        SELECT index_id, document_id, edition FROM editions WHERE index_id = CAST(:index_id AS bigint) LIMIT :limit
    )
    DELETE FROM editions AS e USING chosen AS c
    WHERE e.index_id = c.index_id AND e.document_id = c.document_id AND e.edition = c.edition
""")


async def drop_editions(connection: AsyncConnection, index_id: int, limit: int) -> int:
    """Delete editions of an index whose vectors are removed, ``limit`` at most; returns how many."""
    return (await connection.execute(_DROP, {"index_id": index_id, "limit": limit})).rowcount


# Of a pgvector index, once the edition's chunks are deleted: its vectors are deleted with them.
_TIDY = text("""
    DELETE FROM editions AS e USING vector_indexes AS i, documents AS d
    WHERE e.document_id = CAST(:document_id AS bigint) AND i.id = e.index_id AND i.store = 'pgvector'
        AND d.id = e.document_id AND e.edition < d.edition
        AND NOT EXISTS (SELECT FROM chunks AS c WHERE c.document_id = e.document_id AND c.edition = e.edition)
""")

_REMAINS = text("""
    SELECT EXISTS (
        SELECT FROM editions AS e JOIN documents AS d ON d.id = e.document_id
        WHERE e.document_id = CAST(:document_id AS bigint) AND e.edition < d.edition AND e.swept_at IS NULL)
""")


async def tidy_editions(connection: AsyncConnection, document_id: int) -> bool:
    """Delete the editions whose vectors were deleted with their chunks; True if others need a sweep."""
    await connection.execute(_TIDY, {"document_id": document_id})
    return bool((await connection.execute(_REMAINS, {"document_id": document_id})).scalar_one())
