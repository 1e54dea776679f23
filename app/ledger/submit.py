"""Submit: insert a task as PENDING, in the transaction that writes the data it is about."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Source, fetch
from app.db.statements import Statement
from app.db.tables.core import tasks
from app.domain.ids import TaskId
from app.domain.tasks import NewTask, Task
from app.ledger.statement import fetch_tasks

USABLE = "a.deleted_at IS NULL AND NOT a.internal"
"""Clients may use the agent ``a``."""

_INSERT = insert(tasks).returning(*tasks.c)


async def submit(connection: AsyncConnection, task: NewTask) -> Task:
    """Insert ``task``. The caller commits, then admits."""
    rows = await fetch_tasks(connection, _INSERT, **as_row(task))
    return rows[0]


_INSERT_MANY = insert(tasks)


async def submit_all(connection: AsyncConnection, new_tasks: Sequence[NewTask]) -> None:
    """Insert one or more tasks. The caller commits, then admits."""
    await connection.execute(_INSERT_MANY, [as_row(task) for task in new_tasks])


def as_row(task: NewTask) -> dict[str, Any]:
    """A new task's columns."""
    return {
        "id": task.id,
        "organization_id": task.organization_id,
        "agent_id": task.agent_id,
        "document_id": task.document_id,
        "parent_id": task.parent_id,
        "name": task.name.value,
        "queue": task.queue.value,
        "arguments": dict(task.arguments),
        "metadata": dict(task.metadata),
    }


_NOTE_PERIOD = text("""
    INSERT INTO scheduled_tasks (key, task_id) VALUES (:key, :task_id) ON CONFLICT (key) DO NOTHING RETURNING task_id
""")


async def submit_once(connection: AsyncConnection, task: NewTask, key: str) -> Task | None:
    """Insert ``task`` unless a task was submitted under this key before; None in that case.

    Of several transactions with the same key, the later ones wait until the first has ended. The caller commits, then
    admits.

    Args:
        connection: The transaction.
        task: The task.
        key: What the task does and for which period, such as ``usage:2026-11-30T10``; unique in the installation.
    """
    noted = await connection.execute(_NOTE_PERIOD, {"key": key, "task_id": task.id})
    return await submit(connection, task) if noted.one_or_none() else None


# The only statement an upload waits for: it checks the agent, inserts both rows, and commits by itself. Its parameters
# are arrays, because uploads that arrive at the same time share a statement and a commit.
_INSERT_WITH_DOCUMENTS = Statement(
    f"""
    -- No row of an upload whose agent does not exist, or has a document with this content_key.
    WITH limits AS (
        SELECT set_config('lock_timeout', coalesce(CAST(:lock_timeout AS text), current_setting('lock_timeout')), true)
    ),
    given AS (
        SELECT g.* FROM limits, unnest(
            CAST(:task_id AS uuid[]), CAST(:organization_id AS bigint[]), CAST(:agent_id AS bigint[]),
            CAST(:name AS text[]), CAST(:queue AS text[]), CAST(:arguments AS jsonb[]), CAST(:metadata AS jsonb[]),
            CAST(:filename AS text[]), CAST(:media_type AS text[]), CAST(:size_bytes AS bigint[]),
            CAST(:sha256 AS bytea[]), CAST(:content_key AS bytea[]), CAST(:blob_key AS text[]),
            CAST(:source_url AS text[]), CAST(:document_metadata AS jsonb[])
        ) AS g (task_id, organization_id, agent_id, name, queue, arguments, metadata, filename, media_type, size_bytes,
                sha256, content_key, blob_key, source_url, document_metadata)
    ),
    document AS (
        INSERT INTO documents (
            organization_id, agent_id, task_id, filename, media_type, size_bytes, sha256, content_key, blob_key,
            source_url, metadata)
        SELECT a.organization_id, a.id, g.task_id, g.filename, g.media_type, g.size_bytes, g.sha256, g.content_key,
               g.blob_key, g.source_url, g.document_metadata
        FROM given AS g
        JOIN agents AS a ON a.id = g.agent_id AND a.organization_id = g.organization_id AND {USABLE}
        ORDER BY g.agent_id, g.content_key  -- so that two statements with the same files do not deadlock
        ON CONFLICT (agent_id, content_key) WHERE content_key IS NOT NULL DO NOTHING
        RETURNING id, task_id
    )
    INSERT INTO tasks AS t (id, organization_id, agent_id, document_id, name, queue, arguments, metadata)
    SELECT g.task_id, g.organization_id, g.agent_id, d.id, g.name, g.queue, g.arguments, g.metadata
    FROM document AS d JOIN given AS g ON g.task_id = d.task_id
    RETURNING t.id, t.document_id
    """
)
_COLUMNS = [name for name in _INSERT_WITH_DOCUMENTS.names if name != "lock_timeout"]
_JSON = {"arguments", "metadata", "document_metadata"}

Submission = tuple[NewTask, Mapping[str, Any]]
"""A new task, and the document that it processes, which is new too.

The document has ``filename``, ``media_type`` and ``document_metadata``; ``content_key``, which identifies duplicates;
``size_bytes``, ``sha256`` and ``blob_key`` of a stored file, or ``source_url`` of a page, the others None.
"""


async def submit_with_documents(
    source: Source, submissions: Sequence[Submission], lock_timeout: str | None = None
) -> dict[TaskId, int]:
    """Insert new documents and the tasks that process them, in one statement. The caller then admits.

    Returns the id of each inserted document by its task. Nothing is inserted for a submission whose organization has no
    such agent, or whose agent has a document with this ``content_key``. The whole statement waits for another
    transaction that has inserted such a document.

    Args:
        source: The database or an open transaction.
        submissions: The documents and tasks.
        lock_timeout: How long to wait for other transactions, such as ``50ms``; None for as long as any statement.

    Raises:
        TransactionConflictError: another transaction did not end within ``lock_timeout``. Nothing is inserted.
    """
    rows = [{**as_row(task), "task_id": task.id, **document} for task, document in submissions]
    columns: dict[str, Any] = {
        name: [json.dumps(row[name]) for row in rows] if name in _JSON else [row[name] for row in rows]
        for name in _COLUMNS
    }
    inserted = await fetch(source, _INSERT_WITH_DOCUMENTS, {"lock_timeout": lock_timeout, **columns})
    return {TaskId(task_id): document_id for task_id, document_id in inserted}


_ADOPT = text("UPDATE tasks SET parent_id = :parent_id WHERE id = ANY (CAST(:ids AS uuid[]))")


async def adopt(connection: AsyncConnection, parent_id: UUID, task_ids: Sequence[UUID]) -> None:
    """Make tasks that this transaction has inserted, of any agents, the children of a parent that has not ended."""
    await connection.execute(_ADOPT, {"parent_id": parent_id, "ids": list(task_ids)})
