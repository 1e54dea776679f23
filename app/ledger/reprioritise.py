"""Hasten: tasks that searches have come to wait for go on in a more urgent queue."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.states import WAITING, Event
from app.domain.tasks import Queue, TaskName
from app.ledger.statement import guard, quoted, to

# The name stands in the text, so that the index on just these is used. Who holds a row is about to claim or cancel it.
_CHOSEN = f"""
    SELECT t.id FROM tasks AS t
    WHERE t.name = '{TaskName.REEMBED_DOCUMENT.value}' AND t.completed_at IS NULL AND t.queue <> :queue
      AND t.arguments ->> 'index_id' = CAST(CAST(:index_id AS bigint) AS text)
"""

# Their bells have rung where nobody may come for long, and find nothing to claim now.
_WITHDRAW_QUEUED = text(
    f"""
    UPDATE tasks AS t SET {to(Event.WITHDRAW)}, queue = :queue, queued_at = NULL, rings = 0, helper = NULL
    WHERE t.id IN ({_CHOSEN} AND {guard(Event.WITHDRAW)} FOR UPDATE SKIP LOCKED)
    """
)

_MOVE_WAITING = text(
    f"""
    UPDATE tasks AS t SET queue = :queue, version = t.version + 1
    WHERE t.id IN ({_CHOSEN} AND t.state IN ({quoted(WAITING)}) FOR UPDATE SKIP LOCKED)
    """
)


async def reprioritise_reembedding(connection: AsyncConnection, index_id: int, queue: Queue) -> int:
    """Have the tasks that bring documents to an index, and that nobody has begun, wait in that queue.

    Returns how many did not before.
    """
    parameters = {"index_id": index_id, "queue": queue.value}
    return sum(
        [(await connection.execute(statement, parameters)).rowcount for statement in (_WITHDRAW_QUEUED, _MOVE_WAITING)]
    )
