"""Admit: tasks that may run now become QUEUED, as many as the queue's window has capacity for.

The window keeps the broker's list short however deep the backlog is, and fairness is decided in it: agents are served
by start-time fair queueing (Goyal, Vin and Cheng, 1996). Each task gets a start tag, ``max(queue's virtual time,
agent's finish tag)`` plus ``1 / weight`` for each task of that agent before it. The lowest tags are admitted first, and
the queue's virtual time follows them. An agent that was idle neither accumulates credit nor loses any.

A message is published for as many admitted tasks as slots are idle. Busy slots continue with the others when they end
their tasks, in the order of admission (``app.ledger.claim``). A slot that finds no task to continue with has the queue
admitted once more, after its commit. Admissions to a queue run one after the other, so one of the two holds: that
admission sees the tasks that an earlier one left without a message, and publishes messages for the idle slots; or the
earlier one saw the slot idle, and published a message for it.
"""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Source, fetch
from app.db.statements import Statement
from app.domain.states import RUNNING, Event, State
from app.domain.tasks import Bell
from app.ledger.admit_fetches import TO_FETCH, admit_fetches
from app.ledger.statement import (
    LABEL,
    LEASE_LIVE,
    OCCUPIES_SLOT,
    READS_PAGE,
    SLOTS_OF_TASKS,
    build_bell,
    guard,
    quoted,
    to,
)

WINDOW_MINIMUM = 4
"""The window of a queue without workers, in tasks: its first worker starts at once."""

MESSAGES_PER_SLOT = 2
"""While so many messages for each slot wait in the broker, no more are published for tasks that any slot may take.

Half of them may belong to tasks that read pages, which only their own messages start.
"""

# Admissions to one queue run one after the other: the window's free capacity is counted after this lock is held.
_LOCK_QUEUE = text(
    f"""
    SELECT EXISTS (SELECT FROM tasks AS t WHERE {TO_FETCH}) AS has_fetches,
           (SELECT coalesce(sum(w.concurrency), 0) FROM workers AS w
            WHERE :queue = ANY (w.queues) AND {LEASE_LIVE}) AS slots
    FROM queues AS q, (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed
    WHERE q.name = :queue AND q.paused_at IS NULL
    FOR UPDATE OF q
    """
)

_ALL_WAITING = f"t.queue = CAST(:queue AS text) AND {guard(Event.ADMIT)}"
_WAITING = f"{_ALL_WAITING} AND NOT {READS_PAGE}"

# An agent's cap counts its tasks in all queues. Admissions to different queues run at the same time, so those that
# admit tasks of a capped agent lock it first, in the order of ids.
_CAPPED = f"""
    SELECT a.id FROM agents AS a
    WHERE a.max_in_flight IS NOT NULL AND EXISTS (SELECT FROM tasks AS t WHERE {_ALL_WAITING} AND t.agent_id = a.id)"""
LOCK_CAPPED = text(f"{_CAPPED} ORDER BY a.id FOR NO KEY UPDATE OF a")

# With ``alone``, this statement is the whole admission, in one round trip. It then counts by a snapshot that is older
# than its lock. If the queue's row has changed in between, another admission has just filled the window, and this one
# admits nothing; nor does it where it would have to lock agents, or has to admit tasks that read pages.
# The commit does not wait for the disk: an admission that a crash of the database loses is made again, and the messages
# published for the lost one find nothing to claim.
ADMIT = Statement(
    f"""
    WITH RECURSIVE
    seen AS MATERIALIZED (
        SELECT q.xmin AS row_version
        FROM queues AS q, (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed
        WHERE q.name = CAST(:queue AS text)
    ),
    locked AS MATERIALIZED (
        SELECT q.xmin AS row_version, q.virtual_time FROM queues AS q
        WHERE q.name = CAST(:queue AS text) AND q.paused_at IS NULL
        FOR UPDATE
    ),
    state AS MATERIALIZED (
        SELECT locked.virtual_time,
               NOT CAST(:alone AS boolean) OR (
                   locked.row_version = seen.row_version
                   AND NOT EXISTS (SELECT FROM tasks AS t WHERE {TO_FETCH}) AND NOT EXISTS ({_CAPPED})
               ) AS proceeds
        FROM locked, seen
    ),
    -- The slots of the queue's live workers, those of workers that do not continue, and those that run a task.
    slots AS MATERIALIZED (
        SELECT coalesce(sum(w.concurrency), 0) AS total,
               coalesce(sum(w.concurrency) FILTER (WHERE NOT w.continues), 0) AS asking,
               CAST(coalesce(sum((
                   SELECT {SLOTS_OF_TASKS} FROM tasks AS t
                   WHERE t.worker_id = w.id AND t.state IN ({quoted(RUNNING)}) AND {OCCUPIES_SLOT}
               )), 0) AS bigint) AS busy
        FROM workers AS w WHERE CAST(:queue AS text) = ANY (w.queues) AND {LEASE_LIVE}
    ),
    -- A message fills a slot of the queue unless its task reads a page, which releases the slot, or was stolen.
    queued AS MATERIALIZED (
        SELECT count(*) AS tasks,
               count(*) FILTER (WHERE t.rings > 0 AND t.helper IS NULL AND {OCCUPIES_SLOT}) AS announced
        FROM tasks AS t WHERE t.queue = CAST(:queue AS text) AND t.state = '{State.QUEUED}'
    ),
    -- How many tasks the queue's window can still take, and how many messages more are to be under way: one for each
    -- idle slot, and one for each slot of a worker that does not continue, so that its next task waits at the broker.
    capacity AS MATERIALIZED (
        SELECT CASE WHEN state.proceeds
               THEN greatest(0, greatest({WINDOW_MINIMUM}, slots.total, CAST(:window AS bigint)) - queued.tasks)
               ELSE 0 END AS places,
               CASE WHEN state.proceeds
               THEN greatest(0, CASE WHEN slots.total = 0 THEN {WINDOW_MINIMUM}
                                ELSE greatest(0, slots.total - slots.busy)
                                     + CASE WHEN slots.asking > 0 THEN greatest({WINDOW_MINIMUM}, slots.asking)
                                       ELSE 0 END
                                END - queued.announced)
               ELSE 0 END AS bells
        FROM state, slots, queued
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
               greatest((SELECT virtual_time FROM state), coalesce(turns.finish_tag, 0)) AS start_tag,
               least(capacity.places, a.max_in_flight - coalesce(f.tasks, 0)) AS places
        FROM waiting AS w
        CROSS JOIN capacity
        -- A capped agent only if it is locked: one that got its cap since LOCK_CAPPED is left to the next admission.
        JOIN agents AS a ON a.id = w.agent_id AND (a.max_in_flight IS NULL OR a.id = ANY (CAST(:capped AS bigint[])))
        LEFT JOIN turns ON turns.queue = CAST(:queue AS text) AND turns.agent_id = w.agent_id
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
    free AS MATERIALIZED (
        SELECT t.id FROM tasks AS t JOIN chosen ON chosen.id = t.id WHERE {guard(Event.ADMIT)}
        FOR NO KEY UPDATE OF t SKIP LOCKED
    ),
    -- The tasks that were admitted earlier without a message, and get one now.
    silent AS MATERIALIZED (
        SELECT t.id FROM tasks AS t
        WHERE t.queue = CAST(:queue AS text) AND t.state = '{State.QUEUED}' AND t.rings = 0
        ORDER BY t.queued_at
        LIMIT (SELECT bells FROM capacity)
        FOR NO KEY UPDATE SKIP LOCKED
    ),
    announced AS (
        UPDATE tasks AS t SET rings = 1
        WHERE t.id = ANY (ARRAY(SELECT id FROM silent)) AND t.state = '{State.QUEUED}'
        RETURNING t.id, t.name, t.queue, {LABEL}, t.queued_at
    ),
    ranked AS MATERIALIZED (
        SELECT chosen.*, row_number() OVER (ORDER BY chosen.start_tag, chosen.id) AS rank
        FROM chosen JOIN free ON free.id = chosen.id
    ),
    -- ``queued_at`` is the order in which slots continue. The guard is checked again: a task may have been cancelled
    -- since it was chosen.
    admitted AS (
        UPDATE tasks AS t
        SET {to(Event.ADMIT)}, queued_at = now() + ranked.rank * interval '1 microsecond', helper = NULL,
            rings = CASE WHEN ranked.rank <= (SELECT bells FROM capacity) - (SELECT count(*) FROM silent)
                    THEN 1 ELSE 0 END
        FROM ranked
        WHERE t.id = ranked.id AND {guard(Event.ADMIT)}
        RETURNING t.id, t.name, t.queue, {LABEL}, t.queued_at, t.rings, ranked.step, ranked.start_tag
    ),
    -- The queue's virtual time is the highest start tag that was admitted. The row changes with every admission that
    -- changes tasks.
    advanced AS (
        UPDATE queues SET virtual_time = coalesce((SELECT max(start_tag) FROM admitted), virtual_time)
        WHERE name = CAST(:queue AS text) AND (EXISTS (SELECT FROM admitted) OR EXISTS (SELECT FROM announced))
    ),
    -- Each agent's finish tag: where its next task may start at the earliest. In the order of ids, as all row locks.
    finished AS (
        INSERT INTO turns (queue, agent_id, finish_tag)
        SELECT CAST(:queue AS text), agent_id, max(start_tag + step) FROM admitted GROUP BY agent_id ORDER BY agent_id
        ON CONFLICT (queue, agent_id) DO UPDATE SET finish_tag = excluded.finish_tag
    ),
    bells AS (
        SELECT id, name, queue, agent_id, document_id, filename, queued_at FROM announced
        UNION ALL
        SELECT id, name, queue, agent_id, document_id, filename, queued_at FROM admitted WHERE rings > 0
    )
    SELECT state.proceeds, (SELECT count(*) FROM admitted) AS admitted, slots.total AS slots, bells.*,
           CASE WHEN slots.total > 0 AND slots.asking = 0
           THEN {MESSAGES_PER_SLOT} * greatest({WINDOW_MINIMUM}, slots.total) END AS message_limit
    FROM state CROSS JOIN slots LEFT JOIN bells ON true
    ORDER BY bells.queued_at
    """
)


@dataclass(frozen=True, slots=True)
class Admitted:
    """What an admission did.

    Attributes:
        bells: The messages to publish once the caller has committed.
        tasks: How many tasks became QUEUED, with a message or without.
        slots: The slots of the queue's live workers.
    """

    bells: list[Bell]
    tasks: int
    slots: int = 0


async def admit(connection: AsyncConnection, queue: str, window: int = 0) -> Admitted:
    """Fill the window of ``queue``, in a transaction, which this begins by locking the queue's row.

    A paused queue admits nothing.

    Args:
        connection: The transaction.
        queue: The queue.
        window: The number of tasks that may be QUEUED; at least one for each slot.
    """
    lock = (await connection.execute(_LOCK_QUEUE, {"queue": queue})).one_or_none()
    if lock is None:
        return Admitted([], 0)
    capped = list((await connection.execute(LOCK_CAPPED, {"queue": queue})).scalars())
    places = max(WINDOW_MINIMUM, lock.slots)
    fetches = await admit_fetches(connection, queue, places, capped) if lock.has_fetches else []
    parameters = {"queue": queue, "window": window, "capped": capped, "alone": False}
    admitted = _read_admitted(await fetch(connection, ADMIT, parameters))
    return Admitted(fetches + admitted.bells, len(fetches) + admitted.tasks, admitted.slots)


async def admit_alone(source: Source, queue: str, window: int = 0) -> Admitted | None:
    """Do what ``admit`` does in one statement. None when it is not possible: then nothing was done."""
    parameters: dict[str, Any] = {"queue": queue, "window": window, "capped": [], "alone": True}
    rows = await fetch(source, ADMIT, parameters)
    if not rows:
        return Admitted([], 0)
    return _read_admitted(rows) if rows[0]["proceeds"] else None


def _read_admitted(rows: list[Any]) -> Admitted:
    bells = [replace(build_bell(row), limit=row["message_limit"]) for row in rows if row["id"]]
    return Admitted(bells, rows[0]["admitted"], rows[0]["slots"])
