"""Erasure: removes what the tables hold of deleted documents and agents, but ids and counts. Nothing here commits.

Each statement changes a bounded number of rows and can be repeated.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.usage.records import COUNT_HIDDEN
from app.domain.tasks import TaskName


@dataclass(frozen=True, slots=True)
class DeletedDocument:
    """A deleted document that is not erased yet."""

    id: int
    agent_id: int
    organization_id: int
    blob_key: str | None
    source_url: str | None


_HIDE = text(f"""
    WITH hidden AS (
        UPDATE documents SET deleted_at = now(), content_key = NULL
        WHERE id = ANY (ARRAY(
            SELECT id FROM documents WHERE agent_id = CAST(:agent_id AS bigint) AND deleted_at IS NULL
            ORDER BY id LIMIT :limit FOR UPDATE))
        RETURNING organization_id, agent_id, counted_bytes
    ),
    counted AS ({COUNT_HIDDEN})
    SELECT count(*) FROM hidden
""")


async def hide_agent_documents(connection: AsyncConnection, agent_id: int, limit: int) -> int:
    """Mark documents of an agent deleted, ``limit`` at most; returns how many."""
    return int((await connection.execute(_HIDE, {"agent_id": agent_id, "limit": limit})).scalar_one())


_OF_AGENT = "FROM documents WHERE agent_id = CAST(:agent_id AS bigint) AND deleted_at IS NOT NULL AND erased_at IS NULL"

_UNERASED = text(f"SELECT id, agent_id, organization_id, blob_key, source_url {_OF_AGENT} ORDER BY id LIMIT :limit")


async def list_unerased(connection: AsyncConnection, agent_id: int, limit: int) -> list[DeletedDocument]:
    """List deleted documents of an agent that are not erased."""
    rows = await connection.execute(_UNERASED, {"agent_id": agent_id, "limit": limit})
    return [DeletedDocument(*row) for row in rows]


_COUNT_UNERASED = text(f"SELECT count(*) {_OF_AGENT}")


async def count_unerased(connection: AsyncConnection, agent_id: int) -> int:
    """Count the deleted documents of an agent that are not erased."""
    return int((await connection.execute(_COUNT_UNERASED, {"agent_id": agent_id})).scalar_one())


_COUNT = text("SELECT count(*) FROM documents WHERE agent_id = CAST(:agent_id AS bigint)")


async def count_agent_documents(connection: AsyncConnection, agent_id: int) -> int:
    """Count all documents of an agent, erased ones too."""
    return int((await connection.execute(_COUNT, {"agent_id": agent_id})).scalar_one())


_REMOVE_CHUNKS = text("""
    DELETE FROM chunks WHERE id = ANY (ARRAY(
        SELECT id FROM chunks WHERE document_id = ANY (CAST(:document_ids AS bigint[])) LIMIT :limit))
""")


async def remove_uncounted_chunks(connection: AsyncConnection, document_ids: Sequence[int], limit: int) -> int:
    """Delete chunks of a deleted agent's documents, with their vectors in Postgres; returns how many.

    The counts of words stay: ``remove_words`` deletes all of the agent's.
    """
    parameters = {"document_ids": list(document_ids), "limit": limit}
    return (await connection.execute(_REMOVE_CHUNKS, parameters)).rowcount


_REMOVE_WORDS = text("""
    DELETE FROM lexemes WHERE agent_id = CAST(:agent_id AS bigint) AND lexeme = ANY (ARRAY(
        SELECT lexeme FROM lexemes WHERE agent_id = CAST(:agent_id AS bigint) LIMIT :limit))
""")


async def remove_words(connection: AsyncConnection, agent_id: int, limit: int) -> int:
    """Delete counts of a deleted agent's words; returns how many."""
    return (await connection.execute(_REMOVE_WORDS, {"agent_id": agent_id, "limit": limit})).rowcount


# The vectors in Postgres are deleted with their chunks, and no process can add any: its task has ended.
_REMOVE_EDITIONS = text("""
    DELETE FROM editions AS e USING vector_indexes AS i
    WHERE e.document_id = ANY (CAST(:document_ids AS bigint[])) AND i.id = e.index_id AND i.store = 'pgvector'
        AND NOT EXISTS (SELECT FROM chunks AS c WHERE c.document_id = e.document_id)
""")

_IN_OTHER_STORES = text("""
    SELECT DISTINCT document_id FROM editions
    WHERE document_id = ANY (CAST(:document_ids AS bigint[])) AND swept_at IS NULL
""")


async def remove_editions(connection: AsyncConnection, document_ids: Sequence[int]) -> list[int]:
    """Delete the editions whose vectors were in Postgres; returns the documents that have some in another store."""
    parameters = {"document_ids": list(document_ids)}
    await connection.execute(_REMOVE_EDITIONS, parameters)
    return list((await connection.execute(_IN_OTHER_STORES, parameters)).scalars())


_ERASE = text("""
    UPDATE documents AS d
    SET erased_at = now(), filename = '', media_type = '', size_bytes = NULL, sha256 = NULL, blob_key = NULL,
        content_key = NULL, source_url = NULL, metadata = '{}', embedding_model = NULL
    WHERE d.id = ANY (ARRAY(
            SELECT id FROM documents WHERE id = ANY (CAST(:document_ids AS bigint[])) ORDER BY id FOR UPDATE))
        AND d.deleted_at IS NOT NULL AND NOT EXISTS (SELECT FROM chunks AS c WHERE c.document_id = d.id)
""")


async def erase_documents(connection: AsyncConnection, document_ids: Sequence[int]) -> int:
    """Empty the rows of deleted documents that have no chunks; returns how many."""
    return (await connection.execute(_ERASE, {"document_ids": list(document_ids)})).rowcount


_ERASE_ORIGINS = text("""
    UPDATE documents AS d SET metadata = d.metadata - 'parent_filename'
    WHERE d.id = ANY (ARRAY(
        SELECT id FROM documents
        WHERE agent_id = CAST(:agent_id AS bigint)
            AND metadata @> jsonb_build_object('parent_document_id', CAST(:document_id AS bigint))
        ORDER BY id FOR UPDATE))
""")


async def erase_origins(connection: AsyncConnection, document: DeletedDocument) -> None:
    """Remove the name of a document from the documents that were files within it."""
    await connection.execute(_ERASE_ORIGINS, {"agent_id": document.agent_id, "document_id": document.id})


_ERASE_AGENT = text("""
    UPDATE agents SET name = '', slug = '', settings = '{}' WHERE id = CAST(:agent_id AS bigint)
        AND deleted_at IS NOT NULL
""")


async def erase_agent(connection: AsyncConnection, agent_id: int) -> None:
    """Remove the names of a deleted agent."""
    await connection.execute(_ERASE_AGENT, {"agent_id": agent_id})


# A task that erases the document or the agent, unfinished or dead.
_UNFINISHED = "(t.completed_at IS NULL OR t.dead_lettered_at IS NOT NULL)"

_LEFT_DOCUMENTS = text(f"""
    SELECT d.organization_id, d.agent_id, d.id
    FROM documents AS d JOIN agents AS a ON a.id = d.agent_id
    WHERE d.deleted_at < now() - interval '1 minute' AND d.erased_at IS NULL AND a.deleted_at IS NULL
        AND NOT EXISTS (
            SELECT FROM tasks AS t
            WHERE t.document_id = d.id AND t.name = '{TaskName.DELETE_DOCUMENT}' AND {_UNFINISHED})
    LIMIT :limit
""")

# An erased agent has no slug. A document may have been added by a transaction that began before the deletion.
_LEFT_AGENTS = text(f"""
    SELECT a.organization_id, a.id FROM agents AS a
    WHERE a.deleted_at < now() - interval '1 minute'
        AND (a.slug <> '' OR EXISTS (
            SELECT FROM documents AS d WHERE d.agent_id = a.id AND d.deleted_at IS NULL
                AND a.deleted_at > now() - interval '1 day'))
        AND NOT EXISTS (
            SELECT FROM tasks AS t WHERE t.agent_id = a.id AND t.document_id IS NULL
                AND t.name = '{TaskName.DELETE_AGENT}' AND {_UNFINISHED})
    LIMIT :limit
""")


async def list_left(connection: AsyncConnection, limit: int) -> list[tuple[int, int, int | None]]:
    """List what is deleted and not erased, and what no task will erase: an earlier version, or a crash, left it.

    Each is (organization id, agent id, document id); the last is None for a whole agent.
    """
    documents = [tuple(row) for row in await connection.execute(_LEFT_DOCUMENTS, {"limit": limit})]
    agents = [(*row, None) for row in await connection.execute(_LEFT_AGENTS, {"limit": limit})]
    return [*documents, *agents]


_FORGET = text("""
    DELETE FROM documents WHERE id = ANY (ARRAY(
        SELECT d.id FROM documents AS d
        WHERE d.organization_id = :organization_id AND d.erased_at < now() - make_interval(days => :days)
            AND NOT EXISTS (SELECT FROM tasks AS t WHERE t.document_id = d.id)
            AND NOT EXISTS (SELECT FROM editions AS e WHERE e.document_id = d.id)
            AND NOT EXISTS (SELECT FROM chunks AS c WHERE c.document_id = d.id)
        LIMIT :limit
        FOR UPDATE SKIP LOCKED))
""")


async def forget_documents(connection: AsyncConnection, organization_id: int, days: int, limit: int) -> int:
    """Delete the rows of documents that were erased before ``days`` and that no task names; returns how many."""
    given = {"organization_id": organization_id, "days": days, "limit": limit}
    return (await connection.execute(_FORGET, given)).rowcount


_COUNT_FILES = text("""
    SELECT count(*) FROM documents
    WHERE blob_key IS NOT NULL AND created_at < now() - interval '1 hour'
        AND (CAST(:keys AS text[]) IS NULL OR blob_key = ANY (CAST(:keys AS text[])))
""")


async def count_files(connection: AsyncConnection, keys: Sequence[str] | None = None) -> int:
    """Count the documents that are older than an hour and have a file, or one of these files."""
    parameters = {"keys": None if keys is None else list(keys)}
    return int((await connection.execute(_COUNT_FILES, parameters)).scalar_one())
