"""Parents: tasks that have become many wait for their children without a worker, and end as those do.

That the last child has ended is found by whoever ended it, in a statement of its own, and by the sweep when that
process died: docs/adr/0004-parents.md.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import tasks
from app.domain.ids import TaskId
from app.domain.states import Event, State, target
from app.domain.tasks import Task
from app.ledger.children import COUNTED, IS_ACTIVE
from app.ledger.statement import fetch_task, fetch_tasks, guard, returning_tasks, to

_FAILURES_LISTED = 100

_IS_WHOLE = "t.arguments ? 'last_step'"
"""Its children are parts of one thing, none of which may fail."""

# Told to those who watch the parent; its end is told by _GATHER.
_UPDATE_PROGRESS = text(
    f"""
    WITH counted AS (SELECT {COUNTED} FROM tasks AS c WHERE c.parent_id = :task_id)
    UPDATE tasks AS t
    SET version = t.version + 1,
        current = greatest(t.current, least(99, CASE WHEN {_IS_WHOLE}
            THEN 50 + 30 * (n.succeeded + n.failed + n.revoked) / greatest(1, n.total)
            ELSE 100 * (n.succeeded + n.failed + n.revoked) / greatest(1, n.total) END)),
        status = format('%s of %s done', n.succeeded + n.failed + n.revoked, n.total)
    FROM counted AS n
    WHERE t.id = :task_id AND t.state = '{State.EXPANDED}' AND t.cancel_requested_at IS NULL
    RETURNING t.*
    """
).columns(*tasks.c)


async def update_progress(connection: AsyncConnection, task_id: TaskId) -> Task | None:
    """Bring a parent's progress up to that of its children. None when it is not expanded."""
    return await fetch_task(connection, _UPDATE_PROGRESS, task_id=task_id)


_HAS_ACTIVE_CHILDREN = text(f"SELECT EXISTS (SELECT FROM tasks AS c WHERE c.parent_id = :task_id AND {IS_ACTIVE})")


async def has_active_children(connection: AsyncConnection, task_id: TaskId) -> bool:
    """Whether a task has children that have not ended."""
    return bool((await connection.execute(_HAS_ACTIVE_CHILDREN, {"task_id": task_id})).scalar_one())


_LOCK_PARENT = text("SELECT t.* FROM tasks AS t WHERE t.id = :task_id FOR UPDATE").columns(*tasks.c)


async def lock_parent(connection: AsyncConnection, task_id: TaskId) -> Task | None:
    """Hold a parent's row until the transaction ends, so that it neither ends nor is reopened meanwhile."""
    return await fetch_task(connection, _LOCK_PARENT, task_id=task_id)


_OUTCOME = f"""
    CASE WHEN n.revoked > 0 AND t.cancel_requested_at IS NOT NULL THEN '{target(Event.GATHER_REVOKED)}'
         WHEN {_IS_WHOLE} AND last.id IS NULL AND n.failed > 0 THEN '{target(Event.GATHER_FAILURE)}'
         WHEN {_IS_WHOLE} AND last.id IS NULL THEN '{target(Event.GATHER_REVOKED)}'
         WHEN n.succeeded > 0 THEN '{target(Event.GATHER)}'
         WHEN n.failed > 0 THEN '{target(Event.GATHER_FAILURE)}'
         ELSE '{target(Event.GATHER_REVOKED)}' END
"""

# What its children came to is the parent's end: a success if any was, and its failures are told by name.
_GATHER = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET version = t.version + 1, state = {_OUTCOME}, completed_at = clock_timestamp(),
        current = CASE WHEN n.succeeded > 0 AND n.revoked = 0 AND NOT ({_IS_WHOLE} AND last.id IS NULL) THEN 100
                       ELSE t.current END,
        status = CASE WHEN n.revoked > 0 AND t.cancel_requested_at IS NOT NULL THEN 'Cancelled'
                      WHEN {_IS_WHOLE} AND last.id IS NULL AND n.failed = 0 THEN 'Cancelled'
                      WHEN n.failed > 0 THEN format('%s of %s done, %s failed', n.succeeded, n.total, n.failed)
                      ELSE coalesce(last.status, format('%s of %s done', n.succeeded, n.total)) END,
        chunk_count = coalesce(last.chunk_count, t.chunk_count),
        result = coalesce(last.result, jsonb_build_object(
            'total', n.total, 'succeeded', n.succeeded, 'failed', n.failed, 'revoked', n.revoked,
            'failures', coalesce(f.listed, '[]'))),
        error = CASE WHEN n.failed = 0 OR (n.revoked > 0 AND t.cancel_requested_at IS NOT NULL) THEN NULL
                     WHEN {_IS_WHOLE}
                     THEN (SELECT c.error FROM tasks AS c WHERE c.id = CAST(f.listed -> 0 ->> 'task_id' AS uuid))
                     WHEN n.succeeded = 0 THEN jsonb_build_object('code', 'all_children_failed',
                         'message', 'None of its parts could be processed.', 'retryable', false) END
    FROM (SELECT {COUNTED} FROM tasks AS c WHERE c.parent_id = :task_id) AS n,
         (SELECT jsonb_agg(jsonb_build_object(
                'task_id', c.id, 'document_id', c.document_id, 'filename', c.metadata ->> 'filename',
                'code', c.error ->> 'code', 'message', c.error ->> 'message') ORDER BY c.id) AS listed
          FROM (SELECT * FROM tasks AS failed WHERE failed.parent_id = :task_id AND failed.state = '{State.FAILURE}'
                ORDER BY failed.id LIMIT {_FAILURES_LISTED}) AS c) AS f
         LEFT JOIN LATERAL (SELECT c.* FROM tasks AS c WHERE c.parent_id = :task_id AND c.name = :last_step
                            AND c.state = '{State.SUCCESS}') AS last ON true
    WHERE t.id = :task_id AND {guard(Event.GATHER)}
      AND NOT EXISTS (SELECT FROM tasks AS c WHERE c.parent_id = :task_id AND {IS_ACTIVE})
    """
)


async def gather(connection: AsyncConnection, parent: Task) -> Task | None:
    """End a locked parent whose children have all ended. None when it is not expanded, or some have not."""
    last_step = parent.arguments.get("last_step") or {}
    return await fetch_task(connection, _GATHER, task_id=parent.id, last_step=last_step.get("name"))


_LOCK_ANCESTORS = text(
    """
    WITH RECURSIVE ancestors (id) AS (
        SELECT c.parent_id FROM tasks AS c WHERE c.id = ANY (:ids) AND c.parent_id IS NOT NULL
        UNION
        SELECT p.parent_id FROM tasks AS p JOIN ancestors AS a ON p.id = a.id WHERE p.parent_id IS NOT NULL
    )
    SELECT t.* FROM tasks AS t WHERE t.id IN (SELECT id FROM ancestors) ORDER BY t.id FOR UPDATE
    """
).columns(*tasks.c)


async def lock_ancestors(connection: AsyncConnection, task_ids: Sequence[UUID]) -> list[Task]:
    """Hold the rows of all parents of these tasks, and of theirs, until the transaction ends."""
    return await fetch_tasks(connection, _LOCK_ANCESTORS, ids=list(task_ids))


_HAS_LEFT_TO_DO = text(
    f"""
    SELECT NOT EXISTS (SELECT FROM tasks AS c WHERE c.parent_id = :task_id
                       AND (c.name = :last_step OR c.state <> '{State.SUCCESS}'))
    """
)


async def needs_last_step(connection: AsyncConnection, parent: Task) -> bool:
    """Whether a locked parent has a last step that was not submitted, and all else is done."""
    last_step = parent.arguments.get("last_step")
    if parent.state is not State.EXPANDED or not last_step or parent.cancel_requested_at:
        return False
    parameters = {"task_id": parent.id, "last_step": last_step["name"]}
    return bool((await connection.execute(_HAS_LEFT_TO_DO, parameters)).scalar_one())


_REOPEN = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.REOPEN)}, status = 'Its parts run again', current = 0, result = NULL, error = NULL,
        completed_at = NULL, cancel_requested_at = NULL
    WHERE t.id = :task_id AND {guard(Event.REOPEN)}
    """
)


async def reopen(connection: AsyncConnection, task_id: TaskId) -> Task | None:
    """EXPANDED again, since children of a locked parent were revived. None when it had not ended."""
    return await fetch_task(connection, _REOPEN, task_id=task_id)


# For the sweep: parents whose children have all ended, and cancelled ones whose children do not know it yet.
_LEFT_OPEN = text(
    f"""
    SELECT t.id FROM tasks AS t
    WHERE t.state = '{State.EXPANDED}' AND NOT EXISTS (SELECT FROM tasks AS c WHERE c.parent_id = t.id AND {IS_ACTIVE})
    """
)


async def list_left_open(connection: AsyncConnection) -> list[TaskId]:
    """The parents whose children have all ended."""
    return [TaskId(task_id) for task_id in (await connection.execute(_LEFT_OPEN)).scalars()]


_CANCELLED_PARENTS = text(
    f"""
    SELECT t.id FROM tasks AS t
    WHERE t.state = '{State.EXPANDED}' AND t.cancel_requested_at IS NOT NULL AND EXISTS (
        SELECT FROM tasks AS c WHERE c.parent_id = t.id AND {IS_ACTIVE} AND c.cancel_requested_at IS NULL)
    """
)


async def list_cancelled_parents(connection: AsyncConnection) -> list[TaskId]:
    """The parents that were cancelled while children of theirs do not know it."""
    return [TaskId(task_id) for task_id in (await connection.execute(_CANCELLED_PARENTS)).scalars()]
