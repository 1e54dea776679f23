"""Content keys: the bytes, or the address of a page, that count as a duplicate of a document.

A unique index holds each key once for each agent. A document has the key of the content that it is to have: from the
moment when a task with new content is submitted, and again its former one if that task fails or is cancelled.
"""

from collections.abc import Iterable

from sqlalchemy import case, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import documents


def _own_key(sha256: str) -> str:
    """The key of document ``d`` with the content of this digest. A page is identified by its address."""
    return f"""
        CASE WHEN d.source_url IS NULL THEN {sha256} ELSE sha256(convert_to('url:' || d.source_url, 'UTF8')) END"""


def _unless_taken(key: str) -> str:
    """``key``, or NULL where another document of the agent has it or the document is deleted."""
    return f"""
        CASE WHEN d.deleted_at IS NULL AND NOT EXISTS (
            SELECT FROM documents AS other
            WHERE other.agent_id = d.agent_id AND other.content_key = {key} AND other.id <> d.id) THEN {key} END"""


PRESENT_KEY = _unless_taken(_own_key("d.sha256"))
"""The key of the content that document ``d`` has."""

KEY_OF_TASK = _unless_taken(
    _own_key("""coalesce(
        (SELECT decode(t.arguments #>> '{content,sha256}', 'hex') FROM tasks AS t WHERE t.id = :task_id), d.sha256)""")
)
"""The key of the content that document ``d`` is to have: that of the task, if it carries new content."""


async def expect_content(connection: AsyncConnection, document_id: int, sha256: bytes, filename: str) -> None:
    """Give a locked document the name and the key of the file that is to replace its content.

    Both count as soon as the transaction commits, so that no second upload of the file adds a document while the first
    one waits. A page keeps its key.
    """
    key = case((documents.c.source_url.is_(None), sha256), else_=documents.c.content_key)
    expected = {"content_key": key, "filename": filename}
    await connection.execute(update(documents).where(documents.c.id == document_id).values(expected))


_LOCKS = 64  # for each agent: PostgreSQL holds all locks of a transaction in memory, and an archive has many files
_LIMIT_WAITING = text("SELECT set_config('lock_timeout', '10s', true)")
# In one order, so that two transactions wait for each other at the first common lock.
_LOCK_FILENAMES = text(
    f"""
    SELECT pg_advisory_xact_lock(hashtextextended('sluice:filename:' || :agent_id || ':' || bucket, 0))
    FROM (SELECT DISTINCT abs(hashtext(name)::bigint) % {_LOCKS} AS bucket
          FROM unnest(CAST(:filenames AS text[])) AS name ORDER BY bucket) AS buckets
    """
)


async def lock_filenames(connection: AsyncConnection, agent_id: int, filenames: Iterable[str]) -> None:
    """Wait until no other transaction replaces documents of these names; block others until this one ends.

    A transaction that looks for a document by name, to replace it or else to add it, takes this lock first. Advisory
    locks, because the document may not exist yet. Names share a fixed number of locks.

    Raises:
        TransactionConflictError: from ``Database``, after ten seconds.
    """
    await connection.execute(_LIMIT_WAITING)
    await connection.execute(_LOCK_FILENAMES, {"agent_id": str(agent_id), "filenames": list(filenames)})


_LOCK_DOCUMENT = text("SELECT pg_advisory_xact_lock(hashtextextended('sluice:document:' || :document_id, 0))")


async def lock_document(connection: AsyncConnection, document_id: int) -> None:
    """Wait until no other transaction submits a task for this document by its id; block others until this one ends.

    Before the document's tasks are locked: otherwise a task that is submitted in between could end, and wait for the
    document's row, while this transaction holds the row and waits for the task.

    Raises:
        TransactionConflictError: from ``Database``, after ten seconds.
    """
    await connection.execute(_LIMIT_WAITING)
    await connection.execute(_LOCK_DOCUMENT, {"document_id": str(document_id)})
