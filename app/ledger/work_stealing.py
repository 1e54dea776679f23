"""Work stealing: idle slots of a worker take tasks of more urgent queues whose own workers are all busy.

A message may be published to any queue, since it carries only the task's id. So a worker steals a task by publishing
one more message on its own queue. The first worker to claim the task runs it; the other message finds nothing to claim.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.ids import WorkerId
from app.domain.states import RUNNING, State
from app.domain.tasks import WORK_QUEUES, Bell
from app.ledger.statement import LABEL, LEASE_LIVE, OCCUPIES_SLOT, SLOTS_OF_TASKS, build_bell, quoted

STEAL_AFTER_SECONDS = 0.25
"""How long an admitted task waits for its own workers before others may steal it."""

_RANKS = ", ".join(f"('{queue}', {rank})" for rank, queue in enumerate(WORK_QUEUES))

STEAL_WORK = text(
    f"""
    WITH
    -- The queues by urgency, 0 the most urgent.
    ranks (queue, rank) AS (VALUES {_RANKS}),
    -- The worker with its idle slots. A slot is not idle if an admitted task of its own queues, or a task stolen
    -- earlier, is about to fill it.
    helper AS (
        SELECT w.queues[1] AS queue,
               (SELECT min(r.rank) FROM ranks AS r WHERE r.queue = ANY (w.queues)) AS rank,
               w.concurrency
               - (SELECT {SLOTS_OF_TASKS} FROM tasks AS t
                  WHERE t.worker_id = w.id AND t.state IN ({quoted(RUNNING)}) AND {OCCUPIES_SLOT})
               - (SELECT count(*) FROM tasks AS t
                  WHERE t.state = '{State.QUEUED}' AND (t.queue = ANY (w.queues) OR t.helper = ANY (w.queues))) AS idle
        FROM workers AS w
        WHERE w.id = :worker_id AND {LEASE_LIVE}
    ),
    -- The tasks to steal: admitted to more urgent queues, and not claimed in time. A task that was stolen before and is
    -- still not claimed, is stolen again after 4 s, then every 8 s. Materialized: joined to the update directly, a plan
    -- may run this part more than once, and lock other rows each time.
    stolen AS MATERIALIZED (
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
    SET helper = stolen.helper, queued_at = now(), rings = t.rings + 1
    FROM stolen
    WHERE t.id = stolen.id AND t.state = '{State.QUEUED}'
    RETURNING t.id, t.name, t.helper AS queue, {LABEL}
    """
)


async def steal_work(connection: AsyncConnection, worker_id: WorkerId) -> list[Bell]:
    """Steal tasks for a worker's idle slots, the most urgent first; returns the messages to publish on its queue."""
    rows = await connection.execute(STEAL_WORK, {"worker_id": worker_id})
    return [build_bell(row) for row in rows.mappings()]
