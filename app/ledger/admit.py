"""Admit: rows that may run now become QUEUED, as many as the queue's window has room for.

The window keeps the broker's list short however deep the backlog is, and it is where
fairness lives: inside it agents take turns by start-time fair queueing (Goyal, Vin and
Cheng, 1996). Each task gets a start tag, ``max(queue's virtual time, agent's finish tag)``
plus ``1 / weight`` for each task of that agent before it; the lowest tags go first, and
the queue's virtual time follows them. An agent that was idle neither saves up turns nor
loses any.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.ids import TaskId
from app.domain.states import RUNNING, Event, State
from app.domain.tasks import Bell
from app.ledger.statement import guard, quoted, to

WINDOW_MINIMUM = 4

# Admissions to one queue go one after the other: the room in its window is counted after this lock is held. One that a
# crash of the database forgets is made again, and its bells find nothing: its commit need not wait for the disk.
_LOCK_QUEUE = text(
    """
    SELECT q.virtual_time,
           (SELECT coalesce(sum(w.concurrency), 0) FROM workers AS w
            WHERE :queue = ANY (w.queues) AND w.lease_expires_at > now()) AS slots
    FROM queues AS q, (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed
    WHERE q.name = :queue AND q.paused_at IS NULL
    FOR UPDATE OF q
    """
)

_WAITING = f"t.queue = :queue AND {guard(Event.ADMIT)}"

# An agent's cap counts over all queues, so admissions to different ones take turns at each agent that has a cap.
LOCK_CAPPED = text(
    f"""
    SELECT a.id FROM agents AS a
    WHERE a.max_in_flight IS NOT NULL AND EXISTS (SELECT FROM tasks AS t WHERE {_WAITING} AND t.agent_id = a.id)
    ORDER BY a.id
    FOR NO KEY UPDATE OF a
    """
)

ADMIT = text(
    f"""
    WITH RECURSIVE room AS (
        SELECT greatest(0, CAST(:window AS bigint) - count(*)) AS places
        FROM tasks AS t WHERE t.queue = :queue AND t.state = '{State.QUEUED}'
    ),
    -- The agents that wait, each with its earliest task: one index probe an agent (a loose index scan).
    waiting (agent_id, available_at) AS (
        (SELECT t.agent_id, t.available_at FROM tasks AS t, room WHERE {_WAITING} AND room.places > 0
         ORDER BY t.agent_id, t.available_at LIMIT 1)
        UNION ALL
        SELECT next.agent_id, next.available_at
        FROM waiting AS w
        CROSS JOIN LATERAL (
            SELECT t.agent_id, t.available_at FROM tasks AS t WHERE {_WAITING} AND t.agent_id > w.agent_id
            ORDER BY t.agent_id, t.available_at LIMIT 1
        ) AS next
    ),
    in_flight AS (
        SELECT t.agent_id, count(*) AS tasks
        FROM tasks AS t
        WHERE t.state = '{State.QUEUED}' OR t.state IN ({quoted(RUNNING)})
        GROUP BY t.agent_id
    ),
    lanes AS (
        SELECT w.agent_id,
               1.0 / a.weight AS step,
               greatest(CAST(:virtual_time AS double precision), coalesce(turns.finish_tag, 0)) AS start_tag,
               least(room.places, a.max_in_flight - coalesce(f.tasks, 0)) AS places
        FROM waiting AS w
        CROSS JOIN room
        JOIN agents AS a ON a.id = w.agent_id AND (a.max_in_flight IS NULL OR a.id = ANY (:capped))
        LEFT JOIN turns ON turns.queue = :queue AND turns.agent_id = w.agent_id
        LEFT JOIN in_flight AS f ON f.agent_id = w.agent_id
        WHERE w.available_at <= now() AND (a.max_in_flight IS NULL OR a.max_in_flight > coalesce(f.tasks, 0))
        -- Those whose first task has a later turn than as many others as there are places cannot get one.
        ORDER BY start_tag, w.available_at
        LIMIT (SELECT places FROM room)
    ),
    chosen AS (
        SELECT due.id, lanes.agent_id, lanes.step,
               lanes.start_tag + lanes.step * (row_number() OVER agent - 1) AS start_tag
        FROM lanes
        CROSS JOIN LATERAL (
            SELECT t.id, t.available_at FROM tasks AS t
            WHERE {_WAITING} AND t.agent_id = lanes.agent_id AND t.available_at <= now()
            ORDER BY t.available_at, t.id
            LIMIT greatest(0, lanes.places)
        ) AS due
        WINDOW agent AS (PARTITION BY lanes.agent_id ORDER BY due.available_at, due.id)
        ORDER BY start_tag, due.id
        LIMIT (SELECT places FROM room)
    ),
    admitted AS (
        UPDATE tasks AS t
        SET {to(Event.ADMIT)}, queued_at = now(), rings = 1, helper = NULL
        FROM chosen
        WHERE t.id = chosen.id AND {guard(Event.ADMIT)}
        RETURNING t.id, t.name, t.queue, chosen.agent_id, chosen.step, chosen.start_tag
    ),
    advanced AS (
        UPDATE queues SET virtual_time = (SELECT max(start_tag) FROM admitted)
        WHERE name = :queue AND EXISTS (SELECT FROM admitted)
    ),
    turned AS (
        INSERT INTO turns (queue, agent_id, finish_tag)
        SELECT :queue, agent_id, max(start_tag + step) FROM admitted GROUP BY agent_id ORDER BY agent_id
        ON CONFLICT (queue, agent_id) DO UPDATE SET finish_tag = excluded.finish_tag
    )
    SELECT id, name, queue FROM admitted ORDER BY start_tag, id
    """
)


async def admit(connection: AsyncConnection, queue: str) -> list[Bell]:
    """Fill the window of ``queue`` and return the bells to ring once the caller has committed.

    Must run in a transaction: it begins by locking the queue's row. A paused queue admits nothing.
    """
    lock = (await connection.execute(_LOCK_QUEUE, {"queue": queue})).one_or_none()
    if lock is None:
        return []
    window = max(WINDOW_MINIMUM, lock.slots)
    capped = list((await connection.execute(LOCK_CAPPED, {"queue": queue})).scalars())
    parameters = {"queue": queue, "window": window, "virtual_time": lock.virtual_time, "capped": capped}
    rows = await connection.execute(ADMIT, parameters)
    return [Bell(TaskId(row.id), row.name, row.queue) for row in rows]
