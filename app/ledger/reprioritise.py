"""Reprioritise: move tasks that searches depend on to a more urgent queue."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.states import WAITING, Event
from app.domain.tasks import Queue, TaskName
from app.ledger.statement import WITHOUT_BELL, guard, quoted, to

# The task's name is a literal, so that the plan uses the partial index on these tasks. Both skip locked rows,
# which are being claimed or cancelled.
_CHOSEN = f"""
    SELECT t.id FROM tasks AS t
    WHERE t.name = '{TaskName.REEMBED_DOCUMENT.value}' AND t.completed_at IS NULL AND t.queue <> :queue
      AND t.arguments ->> 'index_id' = CAST(CAST(:index_id AS bigint) AS text)
"""

# Admitted tasks return to PENDING, so that they are admitted to the new queue. Their messages find nothing to claim.
_WITHDRAW_QUEUED = text(
    f"""
    UPDATE tasks AS t SET {to(Event.WITHDRAW)}, queue = :queue, {WITHOUT_BELL}
    WHERE t.id = ANY (ARRAY({_CHOSEN} AND {guard(Event.WITHDRAW)} FOR UPDATE SKIP LOCKED))
    """
)

_MOVE_WAITING = text(
    f"""
    UPDATE tasks AS t SET queue = :queue, version = t.version + 1
    WHERE t.id = ANY (ARRAY({_CHOSEN} AND t.state IN ({quoted(WAITING)}) FOR UPDATE SKIP LOCKED))
    """
)


async def reprioritise_reembedding(connection: AsyncConnection, index_id: int, queue: Queue) -> int:
    """Move the reembedding tasks of an index that are not started yet to ``queue``; returns how many were moved."""
    parameters = {"index_id": index_id, "queue": queue.value}
    return sum(
        [(await connection.execute(statement, parameters)).rowcount for statement in (_WITHDRAW_QUEUED, _MOVE_WAITING)]
    )
