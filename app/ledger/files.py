"""Files: the files in storage that tasks name, in addition to those that documents name.

A task that replaces a document's content carries the new file in its arguments. Each attempt to read a web page stores
it under a key of its own. The document names one of them once it is published; the others are of no use.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.states import FINAL
from app.domain.tasks import TaskName
from app.ledger.statement import quoted


def make_page_key(task_id: UUID, attempt: int) -> str:
    """The storage key of the web page that an attempt of a task reads, or of the specification that it writes."""
    return f"{task_id.hex[-2:]}/{task_id.hex}-page-{attempt}"


def select_named(source: str) -> str:
    """A query of the keys (``key``) that the tasks in ``source`` name, each with its ``document_id``."""
    return f"""
        SELECT n.arguments #>> '{{content,blob_key}}' AS key, n.document_id
        FROM {source} AS n WHERE n.arguments ? 'content'
        UNION ALL
        -- Of a page that was read and waits to be processed: ``attempt`` does not count it yet.
        SELECT n.arguments #>> '{{page,content,blob_key}}' AS key, n.document_id
        FROM {source} AS n WHERE n.arguments ? 'page'
        UNION ALL
        -- As make_page_key does.
        SELECT right(hex, 2) || '/' || hex || '-page-' || number, n.document_id
        FROM {source} AS n, replace(CAST(n.id AS text), '-', '') AS hex, generate_series(1, n.attempt) AS number
        WHERE n.name IN ('{TaskName.PROCESS_WEBPAGE}', '{TaskName.GENERATE_SPECS}', '{TaskName.WRITE_SPECS}')
    """


_LIST_NAMED = text(
    f"""
    WITH given AS (SELECT * FROM tasks WHERE document_id = ANY (CAST(:document_ids AS bigint[])))
    SELECT DISTINCT key FROM ({select_named("given")}) AS named
    """
)


async def list_named_files(connection: AsyncConnection, document_ids: Sequence[int]) -> set[str]:
    """List the storage keys that tasks may have written for these documents, published or not."""
    return set((await connection.execute(_LIST_NAMED, {"document_ids": list(document_ids)})).scalars())


# A file is in use if a document names it, or a task that may still run or be retried: see MAY_REVIVE in cancel.py. The
# keys of a task's pages, archive entries and attachments begin with its id; a large document's page and attachments are
# needed until it is published.
_LIST_UNUSED = text(
    f"""
    SELECT g.key FROM unnest(CAST(:keys AS text[])) AS g (key)
    WHERE NOT EXISTS (SELECT FROM documents AS d WHERE d.blob_key = g.key)
        AND NOT EXISTS (
            SELECT FROM tasks AS t LEFT JOIN documents AS d ON d.id = t.document_id
            WHERE t.arguments ? 'content' AND t.arguments #>> '{{content,blob_key}}' = g.key
                AND (t.state NOT IN ({quoted(FINAL)}) OR d.task_id = t.id))
        AND NOT EXISTS (
            SELECT FROM tasks AS t LEFT JOIN documents AS d ON d.id = t.document_id
            WHERE t.id = CAST(substring(g.key FROM '^../([0-9a-f]{{32}})-') AS uuid) AND (
                t.state NOT IN ({quoted(FINAL)})
                OR (d.task_id = t.id AND (
                    t.arguments #>> '{{last_step,arguments,version,content,blob_key}}' = g.key
                    OR t.arguments #> '{{last_step,arguments,attachments,entries}}'
                        @> jsonb_build_array(jsonb_build_object('blob_key', g.key))))))
    """
)


async def list_unused_files(connection: AsyncConnection, keys: Sequence[str]) -> list[str]:
    """Return which of these files no document names, and no task that may still read them."""
    return list((await connection.execute(_LIST_UNUSED, {"keys": list(keys)})).scalars())


_DISCARD = text("INSERT INTO discarded_files (key) SELECT unnest(CAST(:keys AS text[])) ON CONFLICT DO NOTHING")


async def discard_files(connection: AsyncConnection, keys: Sequence[str]) -> None:
    """Record files that nothing will read any more, so that upkeep deletes them."""
    if keys:
        await connection.execute(_DISCARD, {"keys": sorted(keys)})


_RELEASE = text("UPDATE tasks AS t SET arguments = t.arguments - 'content' WHERE t.id = :task_id")


async def release_content(connection: AsyncConnection, task_id: UUID, keys: Sequence[str]) -> None:
    """Record that a locked task no longer needs the file that it names as new content, nor the files of ``keys``."""
    await connection.execute(_RELEASE, {"task_id": task_id})
    await discard_files(connection, keys)


_LIST_DISCARDED = text("SELECT key FROM discarded_files ORDER BY discarded_at LIMIT :limit")


async def list_discarded_files(connection: AsyncConnection, limit: int) -> list[str]:
    """List files whose row was deleted and that still have to be deleted, the oldest first."""
    return list((await connection.execute(_LIST_DISCARDED, {"limit": limit})).scalars())


_FORGET_DISCARDED = text("DELETE FROM discarded_files WHERE key = ANY (CAST(:keys AS text[]))")


async def forget_discarded_files(connection: AsyncConnection, keys: Sequence[str]) -> None:
    """Record that these files are deleted."""
    await connection.execute(_FORGET_DISCARDED, {"keys": list(keys)})
