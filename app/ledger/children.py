"""Children: what a task becomes when it becomes many. How they stand is counted from their rows, never kept."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Text, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import tasks
from app.domain.documents import DocumentStatus
from app.domain.ids import TaskId
from app.domain.states import ACTIVE, FINAL, RUNNING, Event, State
from app.domain.tasks import CHILDREN_STAGE, Attempt, Counts, NewTask, Task
from app.ledger.cancel import CANCELLED, MAY_REVIVE, REVIVED
from app.ledger.statement import fetch_task, fetch_tasks, guard, quoted, returning_tasks, to
from app.ledger.submit import as_row

IS_ACTIVE = f"c.state NOT IN ({quoted(FINAL)})"

_INSERT_PARENT = (
    text(
        f"""
    INSERT INTO tasks (id, organization_id, agent_id, name, queue, state, stage, arguments, metadata, status,
                       started_at)
    SELECT :id, a.organization_id, a.id, :name, :queue, '{State.EXPANDED}', '{CHILDREN_STAGE}', :arguments, :metadata,
           :status, now()
    FROM agents AS a WHERE a.id = :agent_id AND a.organization_id = :organization_id AND a.deleted_at IS NULL
    RETURNING *
    """
    )
    .bindparams(bindparam("arguments", type_=JSONB), bindparam("metadata", type_=JSONB))
    .columns(*tasks.c)
)


async def insert_parent(connection: AsyncConnection, task: NewTask, status: str) -> Task | None:
    """Insert a task that is many from the start. None when the organization has no such agent."""
    return await fetch_task(connection, _INSERT_PARENT, **as_row(task), status=status)


# Each with its document, or with the document that has the same bytes: then there is nothing left to do. One that
# cannot be read from the start is a failure from the start.
_SUBMIT = (
    text(
        f"""
        WITH given AS (
            SELECT * FROM jsonb_to_recordset(:children) AS m (
                task_id uuid, document_id bigint, name text, filename text, media_type text, size_bytes bigint,
                sha256 text, content_key text, blob_key text, source_url text, metadata jsonb, arguments jsonb,
                error jsonb)
        ),
        fresh AS (
            INSERT INTO documents (organization_id, agent_id, task_id, filename, media_type, size_bytes, sha256,
                                   content_key, blob_key, source_url, metadata, status)
            SELECT :organization_id, :agent_id, g.task_id, g.filename, g.media_type, g.size_bytes,
                   decode(g.sha256, 'hex'), CASE WHEN g.error IS NULL THEN decode(g.content_key, 'hex') END, g.blob_key,
                   g.source_url, g.metadata, CASE WHEN g.error IS NULL THEN '{DocumentStatus.QUEUED}'
                                             ELSE '{DocumentStatus.FAILED}' END
            FROM given AS g WHERE g.document_id IS NULL
            ORDER BY g.content_key
            ON CONFLICT (agent_id, content_key) WHERE content_key IS NOT NULL DO NOTHING
            RETURNING id, task_id, content_key
        ),
        taken_over AS (
            UPDATE documents AS d
            SET task_id = g.task_id, status = CASE d.status WHEN '{DocumentStatus.COMPLETED}' THEN d.status
                                           ELSE '{DocumentStatus.QUEUED}' END
            FROM given AS g WHERE d.id = g.document_id
        ),
        placed AS (
            SELECT g.task_id, g.name, g.filename, g.arguments,
                   CASE WHEN g.error IS NULL AND f.id IS NULL AND g.document_id IS NULL AND :rejects
                        THEN :duplicate_error ELSE g.error END AS error,
                   coalesce(f.id, g.document_id) AS document_id, coalesce(
                (SELECT d.id FROM documents AS d
                 WHERE d.agent_id = :agent_id AND d.content_key = decode(g.content_key, 'hex')),
                (SELECT same.id FROM fresh AS same WHERE same.content_key = decode(g.content_key, 'hex'))) AS known_id
            FROM given AS g LEFT JOIN fresh AS f ON f.task_id = g.task_id
        )
        INSERT INTO tasks (id, parent_id, organization_id, agent_id, document_id, name, queue, arguments, metadata,
                           state, status, current, result, error, completed_at)
        SELECT p.task_id, :parent_id, :organization_id, :agent_id, coalesce(p.document_id, p.known_id), p.name, :queue,
               coalesce(p.arguments, '{{}}'), jsonb_build_object('filename', p.filename),
               CASE WHEN p.error IS NOT NULL THEN '{State.FAILURE}'
                    WHEN p.document_id IS NULL THEN '{State.SUCCESS}' ELSE '{State.PENDING}' END,
               CASE WHEN p.error IS NOT NULL THEN p.error ->> 'message'
                    WHEN p.document_id IS NULL THEN 'These bytes are there already' ELSE 'Waiting in the queue' END,
               CASE WHEN p.error IS NULL AND p.document_id IS NULL THEN 100 ELSE 0 END,
               CASE WHEN p.error IS NULL AND p.document_id IS NULL
                    THEN jsonb_build_object('document_id', p.known_id, 'duplicate_of', p.known_id,
                                            'filename', p.filename) END,
               p.error,
               CASE WHEN p.error IS NOT NULL OR p.document_id IS NULL THEN now() END
        FROM placed AS p
        RETURNING *
        """
    )
    .bindparams(
        bindparam("children", type_=JSONB),
        bindparam("parent_id", type_=UUID_TYPE(as_uuid=True)),
        bindparam("organization_id", type_=BigInteger),
        bindparam("agent_id", type_=BigInteger),
        bindparam("queue", type_=Text),
        bindparam("rejects", type_=Boolean),
        bindparam("duplicate_error", type_=JSONB),
    )
    .columns(*tasks.c)
)


async def submit_children(
    connection: AsyncConnection,
    parent: Task,
    children: Sequence[Mapping[str, Any]],
    *,
    duplicate_error: Mapping[str, Any] | None = None,
) -> list[Task]:
    """Insert children of ``parent``, each with the document it is about; the caller commits, then admits.

    One whose bytes the agent has already is a success from the start, or fails of ``duplicate_error`` if that is given.

    Args:
        connection: Within a transaction.
        parent: Its queue, agent and organization are theirs.
        children: Each ``{task_id, name, filename, media_type, metadata}`` with ``{size_bytes, sha256 (hex), blob_key}``
            of a stored file or ``source_url`` of a page, the ``content_key`` (hex) by which duplicates are told,
            ``arguments``, the ``document_id`` it gives new content to, or the ``error`` it failed of already.
        duplicate_error: What to answer duplicates with.
    """
    return await fetch_tasks(
        connection,
        _SUBMIT,
        parent_id=parent.id,
        organization_id=parent.organization_id,
        agent_id=parent.agent_id,
        queue=parent.queue,
        children=list(children),
        rejects=duplicate_error is not None,
        duplicate_error=dict(duplicate_error) if duplicate_error else None,
    )


_EXPAND = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.EXPAND)}, arguments = t.arguments || :arguments, stage = '{CHILDREN_STAGE}', status = :status,
        worker_id = NULL, pid = NULL
    WHERE t.id = :task_id AND t.epoch = :epoch AND {guard(Event.EXPAND)} AND t.cancel_requested_at IS NULL
    """
).bindparams(bindparam("arguments", type_=JSONB))


async def expand(
    connection: AsyncConnection, attempt: Attempt, *, status: str, last_step: Mapping[str, Any] | None = None
) -> Task | None:
    """EXPANDED: its children, inserted in the same transaction, decide its end. None when cancelled or superseded.

    With a ``last_step``, ``{name, queue, arguments}``, its children are parts of one thing: it fails of the first of
    them that does, and when all have succeeded the last step is submitted as one more child, whose result is its own.
    """
    return await fetch_task(
        connection,
        _EXPAND,
        task_id=attempt.task_id,
        epoch=attempt.epoch,
        status=status,
        arguments={"last_step": dict(last_step)} if last_step else {},
    )


COUNTED = f"""
    count(*) AS total,
    count(*) FILTER (WHERE c.state IN ({quoted(RUNNING)}, '{State.EXPANDED}')) AS running,
    count(*) FILTER (WHERE c.state = '{State.SUCCESS}') AS succeeded,
    count(*) FILTER (WHERE c.state = '{State.FAILURE}') AS failed,
    count(*) FILTER (WHERE c.state = '{State.REVOKED}') AS revoked
"""

_COUNT = text(f"SELECT c.parent_id, {COUNTED} FROM tasks AS c WHERE c.parent_id = ANY (:ids) GROUP BY c.parent_id")


async def count_children(connection: AsyncConnection, task_ids: Sequence[UUID]) -> dict[UUID, Counts]:
    """How the children of these tasks stand; a task without children is left out."""
    rows = await connection.execute(_COUNT, {"ids": list(task_ids)})
    counts = {}
    for row in rows.mappings():
        known = {name: row[name] for name in ("total", "running", "succeeded", "failed", "revoked")}
        pending = known["total"] - known["running"] - known["succeeded"] - known["failed"] - known["revoked"]
        counts[row["parent_id"]] = Counts(**known, pending=pending)
    return counts


_COUNT_ALL = text("SELECT count(*) FROM tasks AS c WHERE c.parent_id = :task_id")


async def count_all_children(connection: AsyncConnection, task_id: TaskId) -> int:
    """How many children a task has."""
    return int((await connection.execute(_COUNT_ALL, {"task_id": task_id})).scalar_one())


_DROP = text(f"DELETE FROM tasks AS c WHERE c.parent_id = :task_id AND c.state IN ({quoted(FINAL)})")


async def drop_children(connection: AsyncConnection, task_id: TaskId) -> None:
    """Forget the ended children of a task that becomes many anew."""
    await connection.execute(_DROP, {"task_id": task_id})


_REVIVE_CHILDREN = returning_tasks(
    f"""
    UPDATE tasks AS t SET {REVIVED}
    WHERE t.parent_id = :task_id AND t.state = ANY (:states)
      AND (t.document_id IS NULL OR EXISTS (
          SELECT FROM documents AS d
          WHERE d.id = t.document_id AND d.deleted_at IS NULL AND (d.blob_key IS NOT NULL OR d.source_url IS NOT NULL)))
      AND {MAY_REVIVE}
    """
)


async def revive_children(connection: AsyncConnection, task_id: TaskId) -> list[Task]:
    """PENDING again: the children of a locked parent that did not succeed, or all where all did.

    Those that have nothing to work on stay as they are: children that could not be read, deleted documents.
    """
    failed = [State.FAILURE.value, State.REVOKED.value]
    revived = await fetch_tasks(connection, _REVIVE_CHILDREN, task_id=task_id, states=failed)
    if not revived:
        revived = await fetch_tasks(connection, _REVIVE_CHILDREN, task_id=task_id, states=[State.SUCCESS.value])
    return revived


_CANCEL_CHILDREN = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {CANCELLED}
    WHERE t.parent_id = ANY (:ids) AND t.state IN ({quoted(ACTIVE)}) AND t.cancel_requested_at IS NULL
    """
)


async def cancel_children(connection: AsyncConnection, task_ids: Sequence[UUID]) -> list[Task]:
    """Cancel every unfinished child of these tasks, as ``cancel`` does."""
    return await fetch_tasks(connection, _CANCEL_CHILDREN, ids=list(task_ids))
