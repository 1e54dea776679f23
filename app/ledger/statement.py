"""How the ledger's statements are put together, so that each keeps three promises.

A state changes only as ``app.domain.states`` allows; every visible change raises
``version``; and a document's status follows the task that decides it, in the same statement.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import TextualSelect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import tasks
from app.domain.documents import DocumentStatus
from app.domain.states import Event, State, sources, target
from app.domain.tasks import Task

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

HISTORY_LENGTH = 20

_WITHOUT_CONTENT = f"'{State.FAILURE}', '{State.REVOKED}'"
_STATUS_OF_STATE = " ".join(f"WHEN '{state}' THEN '{status}'" for state, status in DOCUMENT_STATUS.items())


def quoted(states: Sequence[State]) -> str:
    """The states as a SQL list."""
    return ", ".join(f"'{state}'" for state in states)


def guard(event: Event) -> str:
    """The condition that lets ``event`` happen to row ``t``."""
    return f"t.state IN ({quoted(sources(event))})"


def to(event: Event) -> str:
    """The assignment of the state that ``event`` leads to, and of the new version."""
    return f"state = '{target(event)}', version = t.version + 1"


def append_history(outcome: str, error: str = "CAST(NULL AS jsonb)") -> str:
    """The assignment that adds the attempt which ends here to the row's history; the oldest makes room.

    Args:
        outcome: A SQL expression for what became of it, such as ``'retry'`` in quotes.
        error: A SQL expression, the ``{code, message}`` it ended in.
    """
    return f"""
        history = CASE WHEN jsonb_array_length(t.history) < {HISTORY_LENGTH} THEN t.history ELSE t.history - 0 END
            || jsonb_build_array(jsonb_build_object(
                'attempt', t.attempt, 'started_at', t.started_at, 'ended_at', clock_timestamp(),
                'outcome', {outcome}, 'stage', t.stage,
                'worker', (SELECT w.name FROM workers AS w WHERE w.id = t.worker_id),
                'code', {error} ->> 'code', 'message', {error} ->> 'message'))"""


def returning_tasks(update: str) -> TextualSelect:
    """``update … RETURNING t.*`` whose document, where the task decides its status, follows in the same statement.

    A document that is complete stays so: it can be searched whatever becomes of a later task. One that failed or was
    cancelled is no longer what a second upload of the same bytes would be a duplicate of.
    """
    return text(
        f"""
        WITH changed AS ({update} RETURNING t.*),
        followed AS (
            UPDATE documents AS d
            SET status = CASE c.state {_STATUS_OF_STATE} END,
                content_key = CASE WHEN c.state NOT IN ({_WITHOUT_CONTENT}) THEN d.content_key END
            FROM changed AS c
            WHERE d.task_id = c.id AND d.id = c.document_id AND d.status <> '{DocumentStatus.COMPLETED}'
              AND d.status <> CASE c.state {_STATUS_OF_STATE} END
        )
        SELECT * FROM changed
        """
    ).columns(*tasks.c)


async def fetch_tasks(connection: AsyncConnection, statement: Any, **parameters: Any) -> list[Task]:
    """Run a statement whose rows are tasks."""
    rows = await connection.execute(statement, parameters)
    return [Task(**row) for row in rows.mappings()]


async def fetch_task(connection: AsyncConnection, statement: Any, **parameters: Any) -> Task | None:
    """Run a statement whose row, if any, is a task."""
    row = (await connection.execute(statement, parameters)).mappings().one_or_none()
    return Task(**row) if row else None
