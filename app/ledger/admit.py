"""Admit: tasks that may run now become QUEUED, as many as the queue's window has capacity for.

The window keeps the broker's list short however deep the backlog is, and fairness is decided in it: agents are served
by start-time fair queueing (Goyal, Vin and Cheng, 1996). Each task gets a start tag, ``max(queue's virtual time,
agent's finish tag)`` plus ``1 / weight`` for each task of that agent before it. The lowest tags are admitted first, and
the queue's virtual time follows them. An agent that was idle neither accumulates credit nor loses any.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.states import RUNNING, Event, State
from app.domain.tasks import Bell
from app.ledger.admit_fetches import TO_FETCH, admit_fetches
from app.ledger.statement import LABEL, LEASE_LIVE, READS_PAGE, build_bell, guard, quoted, to

WINDOW_MINIMUM = 4
"""The window of a queue without workers, in tasks: its first worker starts at once."""

# Admissions to one queue run one after the other: the window's free capacity is counted after this lock is held.
# The commit does not wait for the disk: an admission that a crash of the database loses is made again, and the messages
# published for the lost one find nothing to claim.
_LOCK_QUEUE = text(
    f"""
    SELECT q.virtual_time,
           (SELECT coalesce(sum(w.concurrency), 0) FROM workers AS w
            WHERE :queue = ANY (w.queues) AND {LEASE_LIVE}) AS slots,
           EXISTS (SELECT FROM tasks AS t WHERE {TO_FETCH}) AS has_fetches
    FROM queues AS q, (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed
    WHERE q.name = :queue AND q.paused_at IS NULL
    FOR UPDATE OF q
    """
)

_ALL_WAITING = f"t.queue = :queue AND {guard(Event.ADMIT)}"
_WAITING = f"{_ALL_WAITING} AND NOT {READS_PAGE}"

# An agent's cap counts its tasks in all queues. Admissions to different queues run at the same time, so those that
# admit tasks of a capped agent lock it first, in the order of ids.
LOCK_CAPPED = text(
    f"""
    SELECT a.id FROM agents AS a
    WHERE a.max_in_flight IS NOT NULL AND EXISTS (SELECT FROM tasks AS t WHERE {_ALL_WAITING} AND t.agent_id = a.id)
    ORDER BY a.id
    FOR NO KEY UPDATE OF a
    """
)

ADMIT = text(
    f"""
    WITH RECURSIVE
    -- How many tasks the queue's window can still take.
    capacity AS (
        SELECT greatest(0, CAST(:window AS bigint) - count(*)) AS places
        FROM tasks AS t WHERE t.queue = :queue AND t.state = '{State.QUEUED}'
    ),
    -- The agents with waiting tasks, each with its earliest task: one index probe an agent (a loose index scan).
    waiting (agent_id, available_at) AS (
        (SELECT t.agent_id, t.available_at FROM tasks AS t, capacity WHERE {_WAITING} AND capacity.places > 0
         ORDER BY t.agent_id, t.available_at LIMIT 1)
        UNION ALL
        SELECT next.agent_id, next.available_at
        FROM waiting AS w
        CROSS JOIN LATERAL (
            SELECT t.agent_id, t.available_at FROM tasks AS t WHERE {_WAITING} AND t.agent_id > w.agent_id
            ORDER BY t.agent_id, t.available_at LIMIT 1
        ) AS next
    ),
    -- How many tasks of each agent are admitted or running, in all queues: what its cap limits.
    in_flight AS (
        SELECT t.agent_id, count(*) AS tasks
        FROM tasks AS t
        WHERE t.state = '{State.QUEUED}' OR t.state IN ({quoted(RUNNING)})
        GROUP BY t.agent_id
    ),
    -- The agents that may be served now: the start tag of their next task, the distance to the one after it, and how
    -- many tasks of theirs the window and their cap allow.
    lanes AS (
        SELECT w.agent_id,
               1.0 / a.weight AS step,
               greatest(CAST(:virtual_time AS double precision), coalesce(turns.finish_tag, 0)) AS start_tag,
               least(capacity.places, a.max_in_flight - coalesce(f.tasks, 0)) AS places
        FROM waiting AS w
        CROSS JOIN capacity
        -- A capped agent only if it is locked: one that got its cap since LOCK_CAPPED is left to the next admission.
        JOIN agents AS a ON a.id = w.agent_id AND (a.max_in_flight IS NULL OR a.id = ANY (:capped))
        LEFT JOIN turns ON turns.queue = :queue AND turns.agent_id = w.agent_id
        LEFT JOIN in_flight AS f ON f.agent_id = w.agent_id
        WHERE w.available_at <= now() AND (a.max_in_flight IS NULL OR a.max_in_flight > coalesce(f.tasks, 0))
        -- An agent whose first start tag is higher than those of as many others as there are places gets none of them.
        ORDER BY start_tag, w.available_at
        LIMIT (SELECT places FROM capacity)
    ),
    -- The tasks of these agents in the order of their start tags, as many as the window takes.
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
        LIMIT (SELECT places FROM capacity)
    ),
    -- Those of them that no other transaction changes. An admission holds locks that many wait for, so it waits for no
    -- task: one that is locked is being cancelled, or is left to the next admission.
    free AS (
        SELECT t.id FROM tasks AS t JOIN chosen ON chosen.id = t.id WHERE {guard(Event.ADMIT)}
        FOR NO KEY UPDATE OF t SKIP LOCKED
    ),
    -- The guard is checked again: a task may have been cancelled since it was chosen.
    admitted AS (
        UPDATE tasks AS t
        SET {to(Event.ADMIT)}, queued_at = now(), rings = 1, helper = NULL
        FROM chosen
        WHERE t.id = chosen.id AND t.id = ANY (ARRAY(SELECT id FROM free)) AND {guard(Event.ADMIT)}
        RETURNING t.id, t.name, t.queue, {LABEL}, chosen.step, chosen.start_tag
    ),
    -- The queue's virtual time is the highest start tag that was admitted.
    advanced AS (
        UPDATE queues SET virtual_time = (SELECT max(start_tag) FROM admitted)
        WHERE name = :queue AND EXISTS (SELECT FROM admitted)
    ),
    -- Each agent's finish tag: where its next task may start at the earliest. In the order of ids, as all row locks.
    finished AS (
        INSERT INTO turns (queue, agent_id, finish_tag)
        SELECT :queue, agent_id, max(start_tag + step) FROM admitted GROUP BY agent_id ORDER BY agent_id
        ON CONFLICT (queue, agent_id) DO UPDATE SET finish_tag = excluded.finish_tag
    )
    SELECT id, name, queue, agent_id, document_id, filename FROM admitted ORDER BY start_tag, id
    """
)


async def admit(connection: AsyncConnection, queue: str) -> list[Bell]:
    """Fill the window of ``queue`` and return the messages to publish once the caller has committed.

    Must run in a transaction: it begins by locking the queue's row. A paused queue admits nothing.
    """
    lock = (await connection.execute(_LOCK_QUEUE, {"queue": queue})).one_or_none()
    if lock is None:
        return []
    window = max(WINDOW_MINIMUM, lock.slots)
    capped = list((await connection.execute(LOCK_CAPPED, {"queue": queue})).scalars())
    parameters = {"queue": queue, "window": window, "virtual_time": lock.virtual_time, "capped": capped}
    fetches = await admit_fetches(connection, queue, window, capped) if lock.has_fetches else []
    rows = await connection.execute(ADMIT, parameters)
    return fetches + [build_bell(row) for row in rows]
