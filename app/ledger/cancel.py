"""Cancel and revive a task on request, and end a running task that does not react to its cancellation."""

from collections.abc import Iterable, Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.content_keys import CONTENT_OF_TASK, IS_DUPLICATE
from app.db.tables.core import tasks
from app.domain.ids import TaskId, WorkerId
from app.domain.states import ACTIVE, FINAL, RUNNING, WAITING, Event, State, target
from app.domain.tasks import INDEXING, WORK_QUEUES, Attempt, Task, TaskName
from app.ledger.statement import (
    CANCEL_REQUESTED,
    NEW_EPOCH,
    NOT_CANCELLED,
    OF_ATTEMPT,
    TASK_COLUMNS,
    WITHOUT_PROGRESS,
    WITHOUT_WORKER,
    append_history,
    ending_tasks,
    fetch_task,
    fetch_tasks,
    guard,
    quoted,
    returning_tasks,
    to,
)


def _names(names: Iterable[TaskName]) -> str:
    return ", ".join(f"'{name}'" for name in names)


_WAITS = guard(Event.CANCEL)

# A waiting task ends at once. A running one and a parent keep their state: the worker reads the flag with its next
# report, and the end of the last child ends the parent.
CANCELLED = f"""cancel_requested_at = coalesce(t.cancel_requested_at, now()), version = t.version + 1,
        state = CASE WHEN {_WAITS} THEN '{target(Event.CANCEL)}' ELSE t.state END,
        status = CASE WHEN {_WAITS} THEN 'Cancelled' ELSE 'Cancelling' END,
        completed_at = CASE WHEN {_WAITS} THEN now() END"""

_CANCEL = ending_tasks(
    f"""
    UPDATE tasks AS t
    SET {CANCELLED}
    WHERE t.id = ANY (CAST(:task_ids AS uuid[])) AND t.organization_id = :organization_id
        AND t.state IN ({quoted(ACTIVE)})
    """
)


async def cancel(connection: AsyncConnection, task_id: TaskId, organization_id: int) -> Task | None:
    """REVOKED at once if the task waits, otherwise flagged. None when it has finished or is unknown."""
    return next(iter(await cancel_all(connection, [task_id], organization_id)), None)


async def cancel_all(connection: AsyncConnection, task_ids: Sequence[TaskId], organization_id: int) -> list[Task]:
    """Cancel tasks as ``cancel`` does; returns those that had not finished."""
    return await fetch_tasks(connection, _CANCEL, task_ids=list(task_ids), organization_id=organization_id)


# Each part finds its tasks by an index of its own. Only the first waiting tasks of each queue are read, since there may
# be a million. Few others are active.
_ACTIVE_OF_AGENT = f"""
    SELECT first.id, first.available_at
    FROM unnest(CAST(:queues AS text[])) AS q (name)
    CROSS JOIN LATERAL (
        SELECT t.id, t.available_at FROM tasks AS t
        WHERE t.state IN ({quoted(WAITING)}) AND t.queue = q.name AND t.agent_id = :agent_id
        ORDER BY t.available_at, t.id LIMIT :limit
    ) AS first
    UNION ALL SELECT t.id, t.available_at FROM tasks AS t WHERE t.state = '{State.QUEUED}' AND t.agent_id = :agent_id
    UNION ALL SELECT t.id, t.available_at FROM tasks AS t
    WHERE t.state IN ({quoted(RUNNING)}) AND t.agent_id = :agent_id AND {NOT_CANCELLED}
    UNION ALL SELECT t.id, t.available_at FROM tasks AS t
    WHERE t.state = '{State.EXPANDED}' AND t.agent_id = :agent_id AND {NOT_CANCELLED}
"""

# In the order of admission: a task that is cancelled last could still run. Not the task that deletes the agent.
CANCEL_AGENT = ending_tasks(
    f"""
    UPDATE tasks AS t
    SET {CANCELLED}
    WHERE t.id = ANY (ARRAY(
        SELECT t.id FROM tasks AS t
        WHERE t.id = ANY (ARRAY(
                SELECT id FROM ({_ACTIVE_OF_AGENT}) AS active ORDER BY available_at, id LIMIT :limit))
            AND t.state IN ({quoted(ACTIVE)}) AND t.name <> '{TaskName.DELETE_AGENT}'
        ORDER BY t.id FOR NO KEY UPDATE))
    """
)


async def cancel_agent(connection: AsyncConnection, agent_id: int, limit: int) -> list[Task]:
    """Cancel unfinished tasks of an agent that are not cancelled yet, ``limit`` at most, as ``cancel`` does."""
    return await fetch_tasks(connection, CANCEL_AGENT, agent_id=agent_id, queues=list(WORK_QUEUES), limit=limit)


# As if just submitted; only ``attempt``, which counts all claims, and the history stay. A web page is read again.
REVIVED = f"""{to(Event.REVIVE)}, arguments = (t.arguments - 'page') || CASE WHEN t.arguments ? 'page'
            THEN jsonb_build_object('fetch_host', t.arguments #> '{{page,host}}') ELSE '{{}}' END,
        {NEW_EPOCH}, retries = 0, crashes = 0, available_at = now(), {WITHOUT_PROGRESS},
        stages = '[]', status = 'Waiting in the queue', result = NULL, error = NULL, started_at = NULL,
        completed_at = NULL, cancel_requested_at = NULL, dead_lettered_at = NULL, announced_at = NULL"""

# Four conditions. At most one unfinished indexing task a document. A task that carries new content for a document must
# still be the document's task: a later one has replaced its content otherwise. No other document may have received the
# same content in the meantime. A succeeded part of a large document has nothing left to do: its staged chunks are gone.
# Nor has a specification: its archive is gone.
_ONCE = (TaskName.EMBED_CHUNKS, TaskName.PUBLISH_DOCUMENT, TaskName.GENERATE_SPECS, TaskName.WRITE_SPECS)
MAY_REVIVE = f"""
    (t.name NOT IN ({_names(INDEXING)}) OR t.document_id IS NULL OR (
        NOT EXISTS (
            SELECT FROM tasks AS other
            WHERE other.document_id = t.document_id AND other.id <> t.id AND other.name IN ({_names(INDEXING)})
              AND other.state NOT IN ({quoted(FINAL)}))
        AND (NOT t.arguments ? 'content' OR EXISTS (
            SELECT FROM documents AS d WHERE d.id = t.document_id AND d.task_id = t.id))
        AND NOT {IS_DUPLICATE}))
    AND (t.name NOT IN ({_names(_ONCE)}) OR t.state <> '{State.SUCCESS}')
"""

_CONTENT = f"CASE WHEN t.name IN ({_names(INDEXING)}) THEN coalesce({CONTENT_OF_TASK}, t.document_id::text) END"


def revivable(condition: str) -> str:
    """The condition that ``t`` is one of the tasks that meet ``condition`` and ``MAY_REVIVE``, all locked first.

    Of several that would give documents the same content, only the latest, so that there is one such document.
    """
    return f"""t.id = ANY (ARRAY(
        SELECT DISTINCT ON (coalesce(locked.content, locked.id::text)) locked.id
        FROM (SELECT t.id, {_CONTENT} AS content FROM tasks AS t WHERE {condition} AND {MAY_REVIVE}
              ORDER BY t.id FOR NO KEY UPDATE) AS locked
        ORDER BY coalesce(locked.content, locked.id::text), locked.id DESC))"""


_REVIVE = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {REVIVED}
    WHERE t.id = :task_id AND t.organization_id = :organization_id AND {guard(Event.REVIVE)}
      AND {MAY_REVIVE}
    """
)


async def revive(connection: AsyncConnection, task_id: TaskId, organization_id: int) -> Task | None:
    """PENDING again with fresh counts, from any final state. None when it is not final, unknown or overtaken."""
    return await fetch_task(connection, _REVIVE, task_id=task_id, organization_id=organization_id)


# Locked, so that no such attempt ends, and its process begins another task, before the caller has killed the process.
# A row that is locked already is skipped: its attempt is ending.
LOCK_UNRESPONSIVE = text(
    f"""
    SELECT {TASK_COLUMNS} FROM tasks AS t
    WHERE t.worker_id = :worker_id AND t.state IN ({quoted(RUNNING)})
      AND t.cancel_requested_at < now() - make_interval(secs => :grace)
    ORDER BY t.id
    FOR UPDATE SKIP LOCKED
    """
).columns(*tasks.c)


async def lock_unresponsive(connection: AsyncConnection, worker_id: WorkerId, grace: float) -> list[Task]:
    """Lock and return the tasks of a worker that still run ``grace`` seconds after they were cancelled.

    Within a transaction: until it ends, none of them can end in another way.
    """
    return await fetch_tasks(connection, LOCK_UNRESPONSIVE, worker_id=worker_id, grace=grace)


_FORCE_ABORT = ending_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.ABORT)}, {NEW_EPOCH}, status = 'Cancelled by force', completed_at = clock_timestamp(),
        {WITHOUT_WORKER}, {append_history("'killed'")}
    WHERE {OF_ATTEMPT} AND {guard(Event.ABORT)} AND {CANCEL_REQUESTED}
    """
)


async def force_abort(connection: AsyncConnection, attempt: Attempt) -> Task | None:
    """REVOKED without the process that runs it, whose epoch becomes invalid."""
    return await fetch_task(connection, _FORCE_ABORT, task_id=attempt.task_id, epoch=attempt.epoch)
