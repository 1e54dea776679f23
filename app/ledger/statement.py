"""The building blocks of the ledger's statements, which keep three guarantees.

A state changes only as ``app.domain.states`` allows. Every change that clients can see raises ``version``. A document's
status follows the task that decides it, in the same statement.

The fragments refer to the task's row as ``t`` and to a worker's as ``w``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import TextualSelect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.content_keys import PRESENT_KEY, key_of_task
from app.db.engine import Source, fetch
from app.db.statements import Statement
from app.db.tables.core import tasks
from app.domain.documents import DocumentStatus
from app.domain.ids import TaskId, keep_above
from app.domain.states import Event, State, sources, target
from app.domain.tasks import CHILDREN_STAGE, HISTORY_LENGTH, Bell, Task, TaskLabel

DOCUMENT_STATUS = {
    State.PENDING: DocumentStatus.QUEUED,
    State.QUEUED: DocumentStatus.QUEUED,
    State.RETRY: DocumentStatus.QUEUED,
    State.STARTED: DocumentStatus.PROCESSING,
    State.PROGRESS: DocumentStatus.PROCESSING,
    State.EXPANDED: DocumentStatus.PROCESSING,
    State.SUCCESS: DocumentStatus.COMPLETED,
    State.FAILURE: DocumentStatus.FAILED,
    State.REVOKED: DocumentStatus.CANCELLED,
}

TASK_COLUMNS = ", ".join(f"t.{column.name}" for column in tasks.c)
"""The columns of a task. Not ``t.*``: the migrations of a later version may add columns while this version runs."""

OF_ATTEMPT = "t.id = :task_id AND t.epoch = :epoch"
"""The row is still the attempt's: after any later claim, crash or hand-back the epoch is higher, and no row matches."""

WITHOUT_WORKER = "worker_id = NULL, pid = NULL"
"""No worker and no process runs the task: exactly the rows in a running state have both."""

NEW_EPOCH = "epoch = t.epoch + 1"
"""The fence: from here on, the attempt that ran the task so far can change nothing."""

WITHOUT_PROGRESS = "current = 0, stage = NULL"
"""The next attempt begins anew."""

WITHOUT_BELL = "queued_at = NULL, rings = 0, helper = NULL"
"""The task is no longer admitted. A message that was published for it finds nothing to claim."""

CANCEL_REQUESTED = "t.cancel_requested_at IS NOT NULL"
NOT_CANCELLED = "t.cancel_requested_at IS NULL"
"""A cancel that was requested in time wins over every other end of an attempt."""

READS_PAGE = "t.arguments ? 'fetch_host'"
"""The task must read a web page before it is processed. The host is an argument: ``app.domain.tasks.name_host``."""

OCCUPIES_SLOT = f"NOT {READS_PAGE}"
"""A task that reads a page waits for the page's server without a worker slot."""

SLOTS_OF_TASKS = "count(DISTINCT (t.pid, t.started_at))"
"""The number of slots that run tasks of a worker: those that a slot has claimed together started at the same time."""

LEASE_LIVE = "w.lease_expires_at > now()"
"""The worker has renewed its lease, so its tasks are its own."""

_WITHOUT_CONTENT = f"'{State.FAILURE}', '{State.REVOKED}'"
_STATUS_OF_STATE = " ".join(f"WHEN '{state}' THEN '{status}'" for state, status in DOCUMENT_STATUS.items())


def quoted(states: Sequence[State]) -> str:
    """The states as a SQL list."""
    return ", ".join(f"'{state}'" for state in states)


def guard(event: Event) -> str:
    """The condition under which ``event`` may happen to row ``t``."""
    return f"t.state IN ({quoted(sources(event))})"


def to(event: Event, changes: str = "1") -> str:
    """The assignment of the state that ``event`` leads to, and of the new version.

    ``changes`` is a SQL expression for the number of changes that the statement combines.
    """
    return f"state = '{target(event)}', version = t.version + {changes}"


def all_locked(condition: str) -> str:
    """The condition that ``t`` is one of the rows that meet ``condition``, each locked before the first is changed.

    For statements that change several tasks: all lock in the order of ids, so they wait for each other and do not
    deadlock. PostgreSQL evaluates the array once, before the update.
    """
    return f"t.id = ANY (ARRAY(SELECT t.id FROM tasks AS t WHERE {condition} ORDER BY t.id FOR NO KEY UPDATE))"


def append_history(outcome: str, error: str = "CAST(NULL AS jsonb)") -> str:
    """The assignment that appends the attempt which ends here to the row's history, and drops the oldest if it is full.

    Args:
        outcome: A SQL expression for how the attempt ended, such as ``'retry'`` in quotes.
        error: A SQL expression for the error, a ``{code, message}`` object or NULL.
    """
    return f"""
        history = CASE WHEN jsonb_array_length(t.history) < {HISTORY_LENGTH} THEN t.history ELSE t.history - 0 END
            || jsonb_build_array(jsonb_build_object(
                'attempt', t.attempt, 'started_at', t.started_at, 'ended_at', clock_timestamp(),
                'outcome', {outcome}, 'stage', t.stage,
                'worker', (SELECT w.name FROM workers AS w WHERE w.id = t.worker_id),
                'code', {error} ->> 'code', 'message', {error} ->> 'message'))"""


def returning_tasks(update: str) -> TextualSelect:
    """``update … RETURNING`` the task, which also updates the status of the document that the task decides.

    A completed document stays completed: it can be searched whatever becomes of a later task. If that task was to
    replace its content, it gets the ``content_key`` of its present content again. A document that failed or was
    cancelled loses its key, so that a second upload of the same bytes is not a duplicate of it. It gets its key again
    when its task is revived (``set_indexing_task``), or reopened as a parent, unless another document has it.
    """
    return text(update_documents(update)).columns(*tasks.c)


def ending_tasks(update: str) -> TextualSelect:
    """``returning_tasks`` for a change that may end tasks without success: it also deletes their staged chunks.

    They are text of a document that may never be published. A retry stages them again. Those of a parent that failed
    stay, because its failed batches may run again.
    """
    return text(update_documents(update, _DROP_STAGED)).columns(*tasks.c)


_DROP_STAGED = f""",
        staged AS (
            DELETE FROM staged_chunks AS s USING changed AS c
            WHERE s.task_id = c.id AND (
                c.state = '{State.REVOKED}'
                OR (c.state = '{State.FAILURE}' AND c.stage IS DISTINCT FROM '{CHILDREN_STAGE}'))
        )"""


def attempt_statement(update: str) -> Statement:
    """``returning_tasks`` as a statement that goes to the driver directly."""
    return Statement(update_documents(update))


def ending_statement(update: str) -> Statement:
    """``ending_tasks`` as a statement that goes to the driver directly."""
    return Statement(update_documents(update, _DROP_STAGED))


def update_documents(update: str, further: str = "") -> str:
    """The text of ``returning_tasks``, with ``further`` parts of its WITH clause."""
    return f"""
        WITH changed AS ({update} RETURNING {TASK_COLUMNS}),
        {DOCUMENTS}{further}
        SELECT * FROM changed
        """


# Only where the task decides the document's status (another task may have replaced it) and the status differs: most
# transitions leave the document's row alone.
DOCUMENTS = f"""document AS (
            UPDATE documents AS d
            SET status = CASE d.status WHEN '{DocumentStatus.COMPLETED}' THEN d.status
                         ELSE CASE c.state {_STATUS_OF_STATE} END END,
                content_key = CASE WHEN d.status = '{DocumentStatus.COMPLETED}' THEN {PRESENT_KEY}
                                   WHEN c.state = '{State.EXPANDED}' THEN coalesce(d.content_key, {key_of_task("c")})
                                   WHEN c.state NOT IN ({_WITHOUT_CONTENT}) THEN d.content_key END
            FROM changed AS c
            WHERE d.task_id = c.id AND d.id = c.document_id
              AND CASE d.status WHEN '{DocumentStatus.COMPLETED}'
                  THEN c.state IN ({_WITHOUT_CONTENT}) AND c.arguments ? 'content'
                  ELSE d.status <> CASE c.state {_STATUS_OF_STATE} END END
        )"""
"""The part of a WITH clause that lets the documents follow the tasks in ``changed``."""


LABEL = "t.agent_id, t.document_id, t.metadata ->> 'filename' AS filename"
"""What a message says about its task, for people."""


def build_bell(row: Any) -> Bell:
    """The message for a row with ``id``, ``name``, ``queue`` and the columns of ``LABEL``."""
    keep_above(row["id"])
    label = TaskLabel(row["agent_id"], row["document_id"], row["filename"])
    return Bell(TaskId(row["id"]), row["name"], row["queue"], label=label)


def build_task(row: Mapping[Any, Any]) -> Task:
    """The task of a row. New tasks of this process will sort after it: see ``app.domain.ids``."""
    keep_above(row["id"])
    return Task(**row)


async def fetch_tasks(connection: AsyncConnection, statement: Any, **parameters: Any) -> list[Task]:
    """Run a statement whose rows are tasks."""
    rows = await connection.execute(statement, parameters)
    return [build_task(row) for row in rows.mappings()]


async def fetch_task(connection: AsyncConnection, statement: Any, **parameters: Any) -> Task | None:
    """Run a statement whose row, if any, is a task."""
    row = (await connection.execute(statement, parameters)).mappings().one_or_none()
    return build_task(row) if row else None


async def run_on_task(source: Source, statement: Statement, **parameters: Any) -> Task | None:
    """Run a statement on one task, whose row, if it matches, is the result."""
    rows = await fetch(source, statement, parameters)
    return build_task(dict(rows[0])) if rows else None
