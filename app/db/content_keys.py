"""Content keys: the bytes, or the address of a page, that count as a duplicate of a document.

A unique index holds each key once for each agent. A document has the key of the content that it is to have: from the
moment when a task with new content is submitted, and again its former one if that task fails or is cancelled.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection


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


# By bytes first: the document with the bytes of one file is not replaced by another file that has its name.
_FIND_REPLACED = text(
    """
    WITH
    given AS MATERIALIZED (
        SELECT g.number, g.key, g.filename
        FROM unnest(CAST(:keys AS bytea[]), CAST(:filenames AS text[])) WITH ORDINALITY AS g (key, filename, number)
        WHERE EXISTS (SELECT FROM agents AS a WHERE a.id = :agent_id AND a.deleted_at IS NULL)
    ),
    by_bytes AS MATERIALIZED (
        SELECT g.number, d.id, d.sha256
        FROM given AS g JOIN documents AS d ON d.agent_id = :agent_id AND d.content_key = g.key
        WHERE d.deleted_at IS NULL
    ),
    -- The latest document of the name, for the other files. One that never had a file, such as a refused file of a
    -- batch, comes after those that have one.
    by_name AS (
        SELECT g.number, latest.id, latest.sha256
        FROM given AS g
        CROSS JOIN LATERAL (
            SELECT d.id, d.sha256 FROM documents AS d
            WHERE d.agent_id = :agent_id AND d.filename = g.filename AND d.deleted_at IS NULL
                AND d.id NOT IN (SELECT b.id FROM by_bytes AS b)
            ORDER BY d.sha256 IS NULL, d.id DESC LIMIT 1
        ) AS latest
        WHERE g.number NOT IN (SELECT b.number FROM by_bytes AS b)
    )
    SELECT number, id, sha256 FROM by_bytes UNION ALL SELECT number, id, sha256 FROM by_name
    """
).bindparams(bindparam("agent_id", type_=BigInteger))


@dataclass(frozen=True, slots=True)
class NewContent:
    """The digest and the name of a file that may replace the content of a document."""

    sha256: bytes
    filename: str


@dataclass(frozen=True, slots=True)
class ReplacedDocument:
    """A document whose content a file replaces, and the digest of its present content."""

    id: int
    sha256: bytes | None


async def find_replaced(
    connection: AsyncConnection, agent_id: int, files: Sequence[NewContent]
) -> dict[NewContent, ReplacedDocument]:
    """Find the document that each file replaces: the agent's with these bytes, or else the latest with this name.

    Args:
        connection: The connection.
        agent_id: The agent.
        files: Files of which no two have the same bytes or the same name.
    """
    keys, filenames = [file.sha256 for file in files], [file.filename for file in files]
    rows = await connection.execute(_FIND_REPLACED, {"agent_id": agent_id, "keys": keys, "filenames": filenames})
    return {files[row.number - 1]: ReplacedDocument(row.id, row.sha256) for row in rows}


_EXPECT = text(
    """
    UPDATE documents AS d
    SET content_key = CASE WHEN d.source_url IS NULL THEN g.key ELSE d.content_key END, filename = g.filename
    FROM unnest(CAST(:document_ids AS bigint[]), CAST(:keys AS bytea[]), CAST(:filenames AS text[]))
        AS g (document_id, key, filename)
    WHERE d.id = g.document_id
    """
)


async def expect_content(connection: AsyncConnection, replaced: Mapping[NewContent, ReplacedDocument]) -> None:
    """Give locked documents the names and the keys of the files that are to replace their content.

    Both count as soon as the transaction commits, so that no second upload of a file adds a document while the first
    one waits. A page keeps its key.
    """
    parameters = {
        "document_ids": [document.id for document in replaced.values()],
        "keys": [file.sha256 for file in replaced],
        "filenames": [file.filename for file in replaced],
    }
    await connection.execute(_EXPECT, parameters)


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
