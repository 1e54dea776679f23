"""Help: a worker with nothing to do of its own is called to more urgent queues whose workers are all busy.

A bell may ring on any queue, for it carries no more than an id: a helper is called by one more bell on its own queue.
Whoever comes first has the task, and the other bell finds nothing to claim.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.ids import TaskId, WorkerId
from app.domain.states import RUNNING, State
from app.domain.tasks import WORK_QUEUES, Bell
from app.ledger.statement import quoted

STEAL_AFTER_SECONDS = 0.25

_RANKS = ", ".join(f"('{queue}', {rank})" for rank, queue in enumerate(WORK_QUEUES))

# A task that has waited through the silence has found its own workers busy. It is called for once, and again only where
# the helpers did not come either. Own work counts first: a slot that a bell of the worker's own queue, or an earlier
# call, will fill is not idle.
STEAL_WORK = text(
    f"""
    WITH ranks (queue, rank) AS (VALUES {_RANKS}),
    helper AS (
        SELECT w.queues[1] AS queue,
               (SELECT min(r.rank) FROM ranks AS r WHERE r.queue = ANY (w.queues)) AS rank,
               w.concurrency
               - (SELECT count(*) FROM tasks AS t WHERE t.worker_id = w.id AND t.state IN ({quoted(RUNNING)}))
               - (SELECT count(*) FROM tasks AS t
                  WHERE t.state = '{State.QUEUED}' AND (t.queue = ANY (w.queues) OR t.helper = ANY (w.queues))) AS idle
        FROM workers AS w
        WHERE w.id = :worker_id AND w.lease_expires_at > now()
    ),
    -- Materialized: joined to the update directly, a plan may look for them, and lock others, more than once.
    called AS MATERIALIZED (
        SELECT s.id, helper.queue AS helper
        FROM helper
        CROSS JOIN LATERAL (
            SELECT s.id FROM tasks AS s JOIN ranks AS r ON r.queue = s.queue
            WHERE s.state = '{State.QUEUED}' AND r.rank < helper.rank
              AND s.queued_at < now() - interval '1 second'
                  * CASE WHEN s.helper IS NULL THEN {STEAL_AFTER_SECONDS} ELSE power(2, least(s.rings, 3)) END
            ORDER BY r.rank, s.queued_at
            LIMIT greatest(0, helper.idle)
            FOR UPDATE OF s SKIP LOCKED
        ) AS s
    )
    UPDATE tasks AS t
    SET helper = called.helper, queued_at = now(), rings = t.rings + 1
    FROM called
    WHERE t.id = called.id AND t.state = '{State.QUEUED}'
    RETURNING t.id, t.name, t.helper
    """
)


async def steal_work(connection: AsyncConnection, worker_id: WorkerId) -> list[Bell]:
    """The bells that call a worker's idle slots to more urgent tasks, the most urgent first; none if it is busy."""
    rows = await connection.execute(STEAL_WORK, {"worker_id": worker_id})
    return [Bell(TaskId(row.id), row.name, row.helper) for row in rows]
