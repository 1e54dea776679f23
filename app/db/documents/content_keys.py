"""Content keys: the bytes, or the address of a page, that count as a duplicate of a document.

A unique index holds each key once for each agent. A document has the key of the content that it is to have: from the
moment when a task with new content is submitted, and again its former one if that task fails or is cancelled.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.documents import DocumentStatus
from app.domain.errors import DuplicateDocumentError
from app.domain.states import State


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


def key_of_digest(sha256: str) -> str:
    """The key of document ``d`` with the content of this digest; NULL where another document of the agent has it."""
    return _unless_taken(_own_key(sha256))


PRESENT_KEY = key_of_digest("d.sha256")
"""The key of the content that document ``d`` has."""


def _own_key_of(task: str) -> str:
    return _own_key(f"coalesce(decode({task}.arguments #>> '{{content,sha256}}', 'hex'), d.sha256)")


def key_of_task(task: str) -> str:
    """The key of the content that document ``d`` is to have: that of the row ``task``, if it carries new content.

    NULL where another document of the agent has it or the document is deleted.
    """
    return _unless_taken(_own_key_of(task))


_BRINGS_CONTENT = f"""
    d.deleted_at IS NULL AND (d.status <> '{DocumentStatus.COMPLETED}' OR t.arguments ? 'content')"""
"""Task ``t`` gives document ``d`` content that search does not find in it yet."""

REVIVED_KEY = f"""
    CASE WHEN {_BRINGS_CONTENT} AND t.state = '{State.PENDING}' THEN {_own_key_of("t")} ELSE {key_of_task("t")} END"""
"""The key of document ``d`` when task ``t`` is to process it.

Not NULL where another document has received the same content since the caller looked: the unique index then refuses it,
and the transaction is repeated. So two documents of the same content never result.
"""

_OTHER_WITH_CONTENT = f"""
    FROM documents AS d
    JOIN documents AS other ON other.agent_id = d.agent_id AND other.id <> d.id
        AND other.content_key = {_own_key_of("t")}
    WHERE d.id = t.document_id AND {_BRINGS_CONTENT}
"""

IS_DUPLICATE = f"EXISTS (SELECT {_OTHER_WITH_CONTENT})"
"""Another document has the content that task ``t`` would give to its own: it was uploaded again in the meantime."""

CONTENT_OF_TASK = f"""
    (SELECT d.agent_id || ':' || encode({_own_key_of("t")}, 'hex') FROM documents AS d
     WHERE d.id = t.document_id AND {_BRINGS_CONTENT})"""
"""A key that two tasks ``t`` share if they would give two documents the same content; NULL for other tasks."""

_FIND_OTHER = text(
    f"""
    SELECT o.id FROM tasks AS t CROSS JOIN LATERAL (SELECT other.id {_OTHER_WITH_CONTENT}) AS o WHERE t.id = :task_id
    """
)


async def refuse_duplicate(connection: AsyncConnection, task_id: UUID) -> None:
    """Check that no other document has the content which this task would give to its own document.

    Raises:
        DuplicateDocumentError: naming the other document.
    """
    if other := await connection.scalar(_FIND_OTHER, {"task_id": task_id}):
        raise DuplicateDocumentError(f"Document {other} has the same content.")


# By bytes first: the document with the bytes of one file is not replaced by another file that has its name.
_FIND_REPLACED = text(
    """
    WITH
    given AS MATERIALIZED (
        SELECT g.number, g.key, g.filename
        FROM unnest(CAST(:keys AS bytea[]), CAST(:filenames AS text[])) WITH ORDINALITY AS g (key, filename, number)
        WHERE EXISTS (SELECT FROM agents AS a
                      WHERE a.id = :agent_id AND a.organization_id = :organization_id AND a.deleted_at IS NULL)
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
).bindparams(bindparam("organization_id", type_=BigInteger), bindparam("agent_id", type_=BigInteger))


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
    connection: AsyncConnection, organization_id: int, agent_id: int, files: Sequence[NewContent]
) -> dict[NewContent, ReplacedDocument]:
    """Find the document that each file replaces: the agent's with these bytes, or else the latest with this name.

    Args:
        connection: The connection.
        organization_id: The agent's organization. The agent of another one has no documents here.
        agent_id: The agent.
        files: Files of which no two have the same bytes or the same name.
    """
    keys, filenames = [file.sha256 for file in files], [file.filename for file in files]
    owner = {"organization_id": organization_id, "agent_id": agent_id}
    rows = await connection.execute(_FIND_REPLACED, {**owner, "keys": keys, "filenames": filenames})
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
