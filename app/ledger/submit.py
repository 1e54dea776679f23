"""Submit: insert a task as PENDING, in the transaction that writes the data it is about."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import BigInteger, LargeBinary, Text, bindparam, insert, text
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import tasks
from app.domain.tasks import NewTask, Task
from app.ledger.statement import TASK_COLUMNS, fetch_task, fetch_tasks

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


# The only statement an upload waits for: it checks the agent, inserts both rows, and commits by itself.
_INSERT_WITH_DOCUMENT = (
    text(
        f"""
        -- No row when the agent does not exist, or has a document with this content_key.
        WITH document AS (
            INSERT INTO documents (
                organization_id, agent_id, task_id, filename, media_type, size_bytes, sha256, content_key, blob_key,
                source_url, metadata)
            SELECT a.organization_id, a.id, :task_id, :filename, :media_type, :size_bytes, :sha256, :content_key,
                   :blob_key, :source_url, :document_metadata
            FROM agents AS a
            WHERE a.id = :agent_id AND a.organization_id = :organization_id AND a.deleted_at IS NULL
            ON CONFLICT (agent_id, content_key) WHERE content_key IS NOT NULL DO NOTHING
            RETURNING *
        )
        INSERT INTO tasks AS t (id, organization_id, agent_id, document_id, name, queue, arguments, metadata)
        SELECT d.task_id, d.organization_id, d.agent_id, d.id, :name, :queue, :arguments, :metadata
        FROM document AS d
        RETURNING {TASK_COLUMNS}
        """
    )
    .bindparams(
        bindparam("task_id", type_=UUID(as_uuid=True)),
        *(bindparam(name, type_=LargeBinary) for name in ("sha256", "content_key")),
        bindparam("size_bytes", type_=BigInteger),
        *(bindparam(name, type_=JSONB) for name in ("document_metadata", "arguments", "metadata")),
        *(
            bindparam(name, type_=Text)
            for name in ("filename", "media_type", "blob_key", "source_url", "name", "queue")
        ),
    )
    .columns(*tasks.c)
)


async def submit_with_document(connection: AsyncConnection, task: NewTask, document: Mapping[str, Any]) -> Task | None:
    """Insert a new ``document`` and the ``task`` that processes it, in one statement. The caller then admits.

    Returns None, and inserts nothing, if the organization has no such agent, or if the agent has a document with this
    ``content_key``.

    Args:
        connection: In a transaction or not.
        task: The task.
        document: ``filename``, ``media_type`` and ``document_metadata``; ``content_key``, which identifies duplicates;
            ``size_bytes``, ``sha256`` and ``blob_key`` of a stored file, or ``source_url`` of a page, the others None.
    """
    return await fetch_task(
        connection,
        _INSERT_WITH_DOCUMENT,
        task_id=task.id,
        organization_id=task.organization_id,
        agent_id=task.agent_id,
        name=task.name.value,
        queue=task.queue.value,
        arguments=dict(task.arguments),
        metadata=dict(task.metadata),
        **document,
    )
