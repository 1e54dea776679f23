"""Children: the tasks that a parent consists of. Their counts are computed from their rows, never stored."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, CursorResult, Text, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.core import tasks
from app.domain.documents import DocumentStatus
from app.domain.ids import TaskId
from app.domain.states import ACTIVE, FINAL, RUNNING, WAITING, Event, State
from app.domain.tasks import CHILDREN_STAGE, Attempt, Counts, NewTask, Task
from app.ledger.cancel import CANCELLED, REVIVED, revivable
from app.ledger.statement import (
    NOT_CANCELLED,
    OF_ATTEMPT,
    TASK_COLUMNS,
    WITHOUT_WORKER,
    all_locked,
    ending_tasks,
    fetch_task,
    fetch_tasks,
    guard,
    quoted,
    returning_tasks,
    to,
)
from app.ledger.submit import USABLE, as_row

IS_ACTIVE = f"c.state NOT IN ({quoted(FINAL)})"

_INSERT_PARENT = (
    text(
        f"""
    INSERT INTO tasks AS t (id, organization_id, agent_id, name, queue, state, stage, arguments, metadata, status,
                       started_at)
    SELECT :id, a.organization_id, a.id, :name, :queue, '{State.EXPANDED}', '{CHILDREN_STAGE}', :arguments, :metadata,
           :status, now()
    FROM agents AS a WHERE a.id = :agent_id AND a.organization_id = :organization_id AND {USABLE}
    RETURNING {TASK_COLUMNS}
    """
    )
    .bindparams(bindparam("arguments", type_=JSONB), bindparam("metadata", type_=JSONB))
    .columns(*tasks.c)
)


async def insert_parent(connection: AsyncConnection, task: NewTask, status: str) -> Task | None:
    """Insert a task that is a parent from the start. None when the organization has no such agent."""
    return await fetch_task(connection, _INSERT_PARENT, **as_row(task), status=status)


# Inserts each child with its document, in one statement. A child whose bytes the agent has already refers to that
# document and is finished. A child with an error, such as an entry that cannot be read, has failed.
_SUBMIT = (
    text(
        f"""
        WITH
        -- The children as the caller describes them.
        given AS (
            SELECT * FROM jsonb_to_recordset(:children) AS m (
                task_id uuid, document_id bigint, name text, filename text, media_type text, size_bytes bigint,
                sha256 text, content_key text, blob_key text, source_url text, metadata jsonb, arguments jsonb,
                error jsonb)
        ),
        -- The documents of children that bring new ones. In the order of ``content_key``, so that two statements with
        -- common keys wait for each other and do not deadlock. A key that exists already inserts nothing.
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
        -- Existing documents that a child gives new content: from here on, the child decides their status.
        replaced AS (
            UPDATE documents AS d
            SET task_id = g.task_id, status = CASE d.status WHEN '{DocumentStatus.COMPLETED}' THEN d.status
                                           ELSE '{DocumentStatus.QUEUED}' END
            FROM given AS g WHERE d.id = g.document_id
        ),
        -- Each child with its document, or else with the document that has the same bytes (``known_id``): in the table
        -- before this statement, or inserted by it for another child. Where the caller rejects duplicates, that is the
        -- child's error.
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
        INSERT INTO tasks AS t (id, parent_id, organization_id, agent_id, document_id, name, queue, arguments, metadata,
                                state, status, current, result, error, completed_at)
        SELECT p.task_id, :parent_id, :organization_id, :agent_id, coalesce(p.document_id, p.known_id), p.name, :queue,
               coalesce(p.arguments, '{{}}'), jsonb_build_object('filename', p.filename),
               CASE WHEN p.error IS NOT NULL THEN '{State.FAILURE}'
                    WHEN p.document_id IS NULL THEN '{State.SUCCESS}' ELSE '{State.PENDING}' END,
               CASE WHEN p.error IS NOT NULL THEN p.error ->> 'message'
                    WHEN p.document_id IS NULL THEN 'The agent has these bytes already' ELSE 'Waiting in the queue' END,
               CASE WHEN p.error IS NULL AND p.document_id IS NULL THEN 100 ELSE 0 END,
               CASE WHEN p.error IS NULL AND p.document_id IS NULL
                    THEN jsonb_build_object('document_id', p.known_id, 'duplicate_of', p.known_id,
                                            'filename', p.filename) END,
               p.error,
               CASE WHEN p.error IS NOT NULL OR p.document_id IS NULL THEN now() END
        FROM placed AS p
        RETURNING {TASK_COLUMNS}
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
    """Insert children of ``parent``, each with its document. The caller commits, then admits.

    A child whose bytes the agent has already is inserted as SUCCESS, or as FAILURE if ``duplicate_error`` is given.

    Args:
        connection: Within a transaction.
        parent: The children get its queue, agent and organization.
        children: Each ``{task_id, name, filename, media_type, metadata}``, with ``{size_bytes, sha256 (hex),
            blob_key}`` of a stored file or the ``source_url`` of a page. Optional: ``content_key``
            (hex), which identifies duplicates; ``arguments``; ``document_id`` of a document that gets new content;
            ``error``, with which the child has failed already.
        duplicate_error: The error of children that are duplicates.

    Returns:
        The children's rows.
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
    SET {to(Event.EXPAND)}, arguments = (t.arguments - 'own_result' - 'last_step') || :arguments,
        stage = '{CHILDREN_STAGE}', status = :status,
        {WITHOUT_WORKER}
    WHERE {OF_ATTEMPT} AND {guard(Event.EXPAND)} AND {NOT_CANCELLED}
    """
).bindparams(bindparam("arguments", type_=JSONB))


async def expand(
    connection: AsyncConnection,
    attempt: Attempt,
    *,
    status: str,
    own_result: Mapping[str, Any] | None = None,
    last_step: Mapping[str, Any] | None = None,
) -> Task | None:
    """EXPANDED: its children, inserted in the same transaction, decide how it ends. None when cancelled or superseded.

    With a ``last_step``, a ``{name, queue, arguments}`` object, the children are parts of one whole: the parent fails
    if any of them fails. When all have succeeded, the last step is submitted as one more child, whose result becomes
    the parent's. With ``after_failures`` in the last step, it follows when all have ended, whatever became of them:
    the parent succeeds if the last step does, and its result has the counts of its children and the fields of the
    last step's result. With an ``own_result``, the parent has done work of its own, which succeeded: it succeeds
    whatever becomes of its children, unless it is cancelled, and its result has these fields too.
    """
    given = {"own_result": own_result, "last_step": last_step}
    return await fetch_task(
        connection,
        _EXPAND,
        task_id=attempt.task_id,
        epoch=attempt.epoch,
        status=status,
        arguments={name: dict(value) for name, value in given.items() if value},
    )


_FORGET_ATTACHMENTS = text(
    f"""
    UPDATE tasks AS t SET arguments = (t.arguments - 'attachments') #- '{{last_step,arguments,attachments}}'
    WHERE {all_locked("t.id = ANY (CAST(:ids AS uuid[]))")}
    """
)


async def forget_attachments(connection: AsyncConnection, task_ids: Sequence[UUID]) -> None:
    """Remove from these tasks what they hold of attachments that have become children."""
    await connection.execute(_FORGET_ATTACHMENTS, {"ids": list(task_ids)})


COUNTED = f"""
    count(*) AS total,
    count(*) FILTER (WHERE c.state IN ({quoted((*WAITING, State.QUEUED))})) AS pending,
    count(*) FILTER (WHERE c.state IN ({quoted(RUNNING)}, '{State.EXPANDED}')) AS running,
    count(*) FILTER (WHERE c.state = '{State.SUCCESS}') AS succeeded,
    count(*) FILTER (WHERE c.state = '{State.FAILURE}') AS failed,
    count(*) FILTER (WHERE c.state = '{State.REVOKED}') AS revoked
"""

_COUNT = text(f"SELECT c.parent_id, {COUNTED} FROM tasks AS c WHERE c.parent_id = ANY (:ids) GROUP BY c.parent_id")


async def count_children(connection: AsyncConnection, task_ids: Sequence[UUID]) -> dict[UUID, Counts]:
    """Count the children of these tasks by state. Tasks without children are left out."""
    return read_counts(await connection.execute(_COUNT, {"ids": list(task_ids)}))


def read_counts(rows: CursorResult[Any]) -> dict[UUID, Counts]:
    """Read the rows of ``COUNTED``, by their ``parent_id``."""
    return {(counts := dict(row)).pop("parent_id"): Counts(**counts) for row in rows.mappings()}


_COUNT_ALL = text("SELECT count(*) FROM tasks AS c WHERE c.parent_id = :task_id")


async def count_all_children(connection: AsyncConnection, task_id: TaskId) -> int:
    """Return the number of children of a task."""
    return int((await connection.execute(_COUNT_ALL, {"task_id": task_id})).scalar_one())


_DROP = text(f"DELETE FROM tasks AS c WHERE c.parent_id = :task_id AND c.state IN ({quoted(FINAL)})")


async def drop_children(connection: AsyncConnection, task_id: TaskId) -> None:
    """Delete the finished children of a task that expands again."""
    await connection.execute(_DROP, {"task_id": task_id})


# Only children whose document still has something to process: a stored file, or the address of a page.
_CAN_RUN_AGAIN = """
    t.parent_id = :task_id AND t.state = ANY (:states)
    AND (t.document_id IS NULL OR EXISTS (
        SELECT FROM documents AS d
        WHERE d.id = t.document_id AND d.deleted_at IS NULL AND (d.blob_key IS NOT NULL OR d.source_url IS NOT NULL)))
"""

_REVIVE_CHILDREN = returning_tasks(
    f"""
    UPDATE tasks AS t SET {REVIVED} WHERE {revivable(_CAN_RUN_AGAIN)}
    """
)


async def revive_children(connection: AsyncConnection, task_id: TaskId) -> list[Task]:
    """PENDING again: the failed and revoked children of a locked parent, or all of them if all succeeded.

    Children without anything to process stay as they are: entries that could not be read, and deleted documents.
    """
    failed = [State.FAILURE.value, State.REVOKED.value]
    revived = await fetch_tasks(connection, _REVIVE_CHILDREN, task_id=task_id, states=failed)
    if not revived:
        revived = await fetch_tasks(connection, _REVIVE_CHILDREN, task_id=task_id, states=[State.SUCCESS.value])
    return revived


# Children that were cancelled before keep the time of the first request.
_CANCEL_CHILDREN = ending_tasks(
    f"""
    UPDATE tasks AS t
    SET {CANCELLED}
    WHERE {all_locked(f"t.parent_id = ANY (:ids) AND t.state IN ({quoted(ACTIVE)}) AND {NOT_CANCELLED}")}
    """
)


async def cancel_children(connection: AsyncConnection, task_ids: Sequence[UUID]) -> list[Task]:
    """Cancel every unfinished child of these tasks, as ``cancel`` does."""
    return await fetch_tasks(connection, _CANCEL_CHILDREN, ids=list(task_ids))
