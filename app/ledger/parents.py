"""Parents: tasks that wait for their children, without a worker, and end when the last child has ended.

The process that ends the last child ends the parent, in a later transaction. If it dies in between, the sweep finds the
parent (``list_left_open``). See docs/adr/0004-parents.md.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.core import tasks
from app.domain.ids import TaskId
from app.domain.states import Event, State, target
from app.domain.tasks import Task, TaskName
from app.ledger.children import COUNTED, IS_ACTIVE
from app.ledger.statement import (
    CANCEL_REQUESTED,
    NOT_CANCELLED,
    TASK_COLUMNS,
    ending_tasks,
    fetch_task,
    fetch_tasks,
    guard,
    returning_tasks,
    to,
)

_FAILURES_LISTED = 100

_IS_WHOLE = "t.arguments ? 'last_step'"
"""The children are parts of one whole, so all of them must succeed."""

_TOLERATES = "coalesce(CAST(t.arguments #>> '{last_step,after_failures}' AS boolean), false)"
"""The last step follows when all children have ended, whatever became of them; only its own success counts."""

_UNREPORTED = f"'{State.PENDING}', '{State.QUEUED}', '{State.STARTED}'"
_STEP_OF = "FROM tasks AS c WHERE c.parent_id = :task_id AND c.name = t.arguments #>> '{last_step,name}'"

_HAS_RESULT = "(t.arguments ? 'own_result' OR last.id IS NOT NULL)"
"""The task's own work has succeeded, whatever becomes of its children, such as the attachments of a mail."""

# Publishes the parent's progress; _GATHER publishes its final state. The parts of a whole make up the range 50 to 80:
# the parent's own attempt did the work before them, and the last step does the work after them. Where the last step
# tolerates failures it does most of the work, so that it reports from 50 on. 100 means ended.
_UPDATE_PROGRESS = text(
    f"""
    -- The children by state.
    WITH counted AS (SELECT {COUNTED} FROM tasks AS c WHERE c.parent_id = :task_id)
    UPDATE tasks AS t
    SET version = t.version + 1,
        current = greatest(t.current, least(99, CASE
            WHEN {_TOLERATES} THEN coalesce((SELECT max(c.current) {_STEP_OF}),
                20 + 30 * (n.succeeded + n.failed + n.revoked) / greatest(1, n.total))
            WHEN {_IS_WHOLE}
            THEN 50 + 30 * (n.succeeded + n.failed + n.revoked) / greatest(1, n.total)
            ELSE 100 * (n.succeeded + n.failed + n.revoked) / greatest(1, n.total) END)),
        -- All other children have ended when such a step exists. Until it reports, their number is shown.
        status = coalesce(CASE WHEN {_TOLERATES} THEN (
                              SELECT max(CASE WHEN c.state IN ({_UNREPORTED})
                                              THEN format('%s of %s done', n.total - 1, n.total - 1)
                                              ELSE c.status END) {_STEP_OF}) END,
                          format('%s of %s done', n.succeeded + n.failed + n.revoked, n.total))
    FROM counted AS n
    WHERE t.id = :task_id AND t.state = '{State.EXPANDED}' AND {NOT_CANCELLED}
    RETURNING {TASK_COLUMNS}
    """
).columns(*tasks.c)


async def update_progress(connection: AsyncConnection, task_id: TaskId) -> Task | None:
    """Update a parent's progress from its children. None when it is not expanded, or cancelled."""
    return await fetch_task(connection, _UPDATE_PROGRESS, task_id=task_id)


_HAS_ACTIVE_CHILDREN = text(f"SELECT EXISTS (SELECT FROM tasks AS c WHERE c.parent_id = :task_id AND {IS_ACTIVE})")


async def has_active_children(connection: AsyncConnection, task_id: TaskId) -> bool:
    """Return whether a task has children that have not ended."""
    return bool((await connection.execute(_HAS_ACTIVE_CHILDREN, {"task_id": task_id})).scalar_one())


_LOCK_PARENT = text(f"SELECT {TASK_COLUMNS} FROM tasks AS t WHERE t.id = :task_id FOR UPDATE").columns(*tasks.c)


async def lock_parent(connection: AsyncConnection, task_id: TaskId) -> Task | None:
    """Lock a parent's row until the transaction ends, so that it neither ends nor is reopened at the same time."""
    return await fetch_task(connection, _LOCK_PARENT, task_id=task_id)


# The first match decides. A cancel counts only if it reached a child: those that had ended before keep their outcome.
# A whole without the result of its last step fails if a part failed, and was cancelled otherwise.
_OUTCOME = f"""
    CASE WHEN n.revoked > 0 AND {CANCEL_REQUESTED} THEN '{target(Event.GATHER_REVOKED)}'
         WHEN {_IS_WHOLE} AND last.id IS NULL AND n.failed > 0 THEN '{target(Event.GATHER_FAILURE)}'
         WHEN {_IS_WHOLE} AND last.id IS NULL THEN '{target(Event.GATHER_REVOKED)}'
         WHEN n.succeeded > 0 OR {_HAS_RESULT} THEN '{target(Event.GATHER)}'
         WHEN n.failed > 0 THEN '{target(Event.GATHER_FAILURE)}'
         ELSE '{target(Event.GATHER_REVOKED)}' END
"""

_IS_CRAWL = f"t.name = '{TaskName.CRAWL_SITE}'"

# Why a page of a crawl is no document; NULL for other children.
_SKIP_CODE = f"""
    CASE WHEN c.state = '{State.SUCCESS}' AND c.result ? 'skipped' THEN coalesce(c.result ->> 'code', 'skipped')
         WHEN c.state = '{State.REVOKED}' THEN c.error ->> 'code' END"""

# Ends the parent. The statement itself checks that no child is active, since one may have been revived since the caller
# looked. A parent of independent children succeeds if any child did; its result lists the children that failed. A crawl
# without pages has the error of the page where it starts. A last step that tolerates failures gives its result beside
# the counts; the content that it has read is no longer needed.
_GATHER = ending_tasks(
    f"""
    UPDATE tasks AS t
    SET version = t.version + 1, state = {_OUTCOME}, completed_at = clock_timestamp(),
        current = CASE WHEN n.succeeded > 0 AND n.revoked = 0 AND NOT ({_IS_WHOLE} AND last.id IS NULL) THEN 100
                       WHEN {_HAS_RESULT} AND NOT (n.revoked > 0 AND {CANCEL_REQUESTED}) THEN 100
                       ELSE t.current END,
        status = CASE WHEN n.revoked > 0 AND {CANCEL_REQUESTED} THEN 'Cancelled'
                      WHEN {_IS_WHOLE} AND last.id IS NULL AND n.failed = 0 THEN 'Cancelled'
                      WHEN n.failed > 0 AND last.id IS NOT NULL
                      THEN format('%s (%s of %s tasks failed)', last.status, n.failed, n.total)
                      WHEN n.failed > 0 THEN format('%s of %s done, %s failed', n.succeeded, n.total, n.failed)
                      ELSE coalesce(last.status, format('%s of %s done', n.succeeded, n.total)) END,
        chunk_count = coalesce(last.chunk_count, t.chunk_count),
        arguments = CASE WHEN {_TOLERATES} AND last.id IS NOT NULL THEN t.arguments - 'content' ELSE t.arguments END,
        result = coalesce(CASE WHEN NOT {_TOLERATES} THEN last.result END, jsonb_build_object(
            'total', n.total, 'succeeded', n.succeeded, 'failed', n.failed, 'revoked', n.revoked,
            'failures', coalesce(f.listed, '[]')) || coalesce(t.arguments -> 'own_result', last.result, '{{}}')
            || CASE WHEN {_IS_CRAWL} THEN s.counts ELSE '{{}}' END),
        error = CASE WHEN n.failed = 0 OR (n.revoked > 0 AND {CANCEL_REQUESTED}) OR {_HAS_RESULT} THEN NULL
                     WHEN {_IS_WHOLE} OR ({_IS_CRAWL} AND n.succeeded = 0)
                     THEN (SELECT c.error FROM tasks AS c WHERE c.id = CAST(f.listed -> 0 ->> 'task_id' AS uuid))
                     WHEN n.succeeded = 0 THEN jsonb_build_object('code', 'all_children_failed',
                         'message', 'None of its parts could be processed.', 'retryable', false) END
    -- n: the children by state.
    FROM (SELECT {COUNTED} FROM tasks AS c WHERE c.parent_id = :task_id) AS n,
         -- f: the first failed children, the last step before the others, for the result and for the error.
         (SELECT jsonb_agg(jsonb_build_object(
                'task_id', c.id, 'document_id', c.document_id, 'filename', c.metadata ->> 'filename',
                'code', c.error ->> 'code', 'message', c.error ->> 'message') ORDER BY c.is_last DESC, c.id) AS listed
          FROM (SELECT *, coalesce(failed.name = :last_step, false) AS is_last
                FROM tasks AS failed WHERE failed.parent_id = :task_id AND failed.state = '{State.FAILURE}'
                ORDER BY is_last DESC, failed.id LIMIT {_FAILURES_LISTED}) AS c) AS f
         -- s: of a crawl, the pages that are no documents, by the reason.
         CROSS JOIN (
            SELECT jsonb_build_object('skipped', coalesce(sum(c.pages), 0),
                                      'skipped_by_code', coalesce(jsonb_object_agg(c.code, c.pages), '{{}}')) AS counts
            FROM (SELECT {_SKIP_CODE} AS code, count(*) AS pages FROM tasks AS c
                  WHERE c.parent_id = :task_id AND {_SKIP_CODE} IS NOT NULL GROUP BY 1) AS c) AS s
         -- last: the last step of a whole, if it has succeeded. Its result, status and count become the parent's.
         LEFT JOIN LATERAL (SELECT c.* FROM tasks AS c WHERE c.parent_id = :task_id AND c.name = :last_step
                            AND c.state = '{State.SUCCESS}') AS last ON true
    WHERE t.id = :task_id AND {guard(Event.GATHER)}
      AND NOT EXISTS (SELECT FROM tasks AS c WHERE c.parent_id = :task_id AND {IS_ACTIVE})
    """
)


async def gather(connection: AsyncConnection, parent: Task) -> Task | None:
    """End a locked parent whose children have all ended. None when it is not expanded, or a child has not ended."""
    last_step = parent.arguments.get("last_step") or {}
    return await fetch_task(connection, _GATHER, task_id=parent.id, last_step=last_step.get("name"))


# From the top down, because ``revive`` then locks the task and its children. So two of these wait for each other and do
# not deadlock.
_LOCK_ANCESTORS = text(
    f"""
    -- The parents of these tasks, then the parents of those, up to the top, each with its distance.
    WITH RECURSIVE ancestors (id, height) AS (
        SELECT c.parent_id, 1 FROM tasks AS c WHERE c.id = ANY (:ids) AND c.parent_id IS NOT NULL
        UNION
        SELECT p.parent_id, a.height + 1
        FROM tasks AS p JOIN ancestors AS a ON p.id = a.id WHERE p.parent_id IS NOT NULL
    )
    SELECT {TASK_COLUMNS} FROM tasks AS t
    JOIN (SELECT id, max(height) AS height FROM ancestors GROUP BY id) AS a ON a.id = t.id
    ORDER BY a.height DESC, t.id
    FOR UPDATE OF t
    """
).columns(*tasks.c)


async def lock_ancestors(connection: AsyncConnection, task_ids: Sequence[UUID]) -> list[Task]:
    """Lock the rows of all ancestors of these tasks until the transaction ends; returns them."""
    return await fetch_tasks(connection, _LOCK_ANCESTORS, ids=list(task_ids))


_NEEDS_LAST_STEP = text(
    f"""
    SELECT NOT EXISTS (SELECT FROM tasks AS c WHERE c.parent_id = :task_id
                       AND (c.name = :last_step
                            OR (c.state <> '{State.SUCCESS}' AND ({IS_ACTIVE} OR NOT :tolerates))))
    """
)


async def needs_last_step(connection: AsyncConnection, parent: Task) -> bool:
    """Return whether a locked parent's last step is due and not submitted yet.

    It is due when all other children have succeeded; where it tolerates failures, when they have ended.
    """
    last_step = parent.arguments.get("last_step")
    if parent.state is not State.EXPANDED or not last_step or parent.cancel_requested_at:
        return False
    tolerates = bool(last_step.get("after_failures"))
    parameters = {"task_id": parent.id, "last_step": last_step["name"], "tolerates": tolerates}
    return bool((await connection.execute(_NEEDS_LAST_STEP, parameters)).scalar_one())


_REOPEN = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.REOPEN)}, status = 'Its parts are running again', current = 0, result = NULL, error = NULL,
        completed_at = NULL, cancel_requested_at = NULL, dead_lettered_at = NULL, announced_at = NULL
    WHERE t.id = :task_id AND {guard(Event.REOPEN)}
    """
)


async def reopen(connection: AsyncConnection, task_id: TaskId) -> Task | None:
    """EXPANDED again, because children of a locked parent were revived. None when it has not ended."""
    return await fetch_task(connection, _REOPEN, task_id=task_id)


# For the sweep: the process that ended the last child died before it ended the parent.
_LEFT_OPEN = text(
    f"""
    SELECT t.id FROM tasks AS t
    WHERE t.state = '{State.EXPANDED}' AND NOT EXISTS (SELECT FROM tasks AS c WHERE c.parent_id = t.id AND {IS_ACTIVE})
    """
)


async def list_left_open(connection: AsyncConnection) -> list[TaskId]:
    """List the parents that are still open although their children have all ended."""
    return [TaskId(task_id) for task_id in (await connection.execute(_LEFT_OPEN)).scalars()]


# For the sweep: the process that cancelled the parent died before it cancelled the children, or some were added since.
_CANCELLED_PARENTS = text(
    f"""
    SELECT t.id FROM tasks AS t
    WHERE t.state = '{State.EXPANDED}' AND {CANCEL_REQUESTED} AND EXISTS (
        SELECT FROM tasks AS c WHERE c.parent_id = t.id AND {IS_ACTIVE} AND c.cancel_requested_at IS NULL)
    """
)


async def list_cancelled_parents(connection: AsyncConnection) -> list[TaskId]:
    """List the cancelled parents that have unfinished children without a cancel request."""
    return [TaskId(task_id) for task_id in (await connection.execute(_CANCELLED_PARENTS)).scalars()]
