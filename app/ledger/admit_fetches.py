"""Admit tasks that read a web page before they are processed: each waits for its server without a worker slot.

Such a task occupies a slot only until its request begins (``RunningAttempt.release_slot``), so the slots do not limit
how many wait. These limits do, so that servers that do not answer delay only those who read their pages:

- A queue fetches at most ``FETCHES_PER_SLOT`` pages for each place of its window. Only a quarter of the window holds
  tasks whose request has not begun, so that they do not delay other tasks.
- A host is read by at most ``FETCHES_PER_HOST`` tasks of a queue.
- An agent, and a host, may begin another page while twice as many places are free as it holds. So the share of each
  shrinks as the places become scarce, and some always remain for those that hold none (Choudhury and Hahne, "Dynamic
  queue length thresholds", 1998).

A page that has been read is an ordinary task of its queue: ``app.ledger.finish.requeue``.
"""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.states import RUNNING, Event, State
from app.domain.tasks import Bell
from app.ledger.statement import LABEL, READS_PAGE, build_bell, guard, quoted, to

FETCHES_PER_SLOT = 16
FETCHES_PER_HOST = 8
_EXAMINED = 200

TO_FETCH = f"t.queue = :queue AND {guard(Event.ADMIT)} AND {READS_PAGE}"
_HOST = "t.arguments ->> 'fetch_host' AS host"

_IN_FLIGHT = f"'{State.QUEUED}', {quoted(RUNNING)}"

ADMIT_FETCHES = text(
    f"""
    WITH RECURSIVE
    -- The queue's tasks that read a page, or whose message is published.
    fetching AS MATERIALIZED (
        SELECT t.agent_id, {_HOST}, t.state FROM tasks AS t
        WHERE t.queue = :queue AND t.state IN ({_IN_FLIGHT}) AND {READS_PAGE}
    ),
    -- How many more may be in flight, and how many of these may be admitted now.
    capacity AS MATERIALIZED (
        SELECT {FETCHES_PER_SLOT} * CAST(:window AS bigint) - count(*) AS free,
               least({FETCHES_PER_SLOT} * CAST(:window AS bigint) - count(*),
                     greatest(1, CAST(:window AS bigint) / 4) - count(*) FILTER (WHERE state = '{State.QUEUED}'))
               AS places
        FROM fetching
    ),
    full_hosts AS MATERIALIZED (
        SELECT host FROM fetching GROUP BY host
        HAVING count(*) >= least({FETCHES_PER_HOST}, (SELECT (free + 1) / 2 FROM capacity))
    ),
    -- The agents that hold their share, or have reached their cap, which counts their tasks in all queues. A capped
    -- agent that is not locked is left to the next admission.
    full_agents AS MATERIALIZED (
        SELECT agent_id FROM fetching GROUP BY agent_id HAVING count(*) >= (SELECT (free + 1) / 2 FROM capacity)
        UNION ALL
        SELECT a.id FROM agents AS a
        WHERE a.max_in_flight IS NOT NULL
          AND (a.id <> ALL (:capped) OR a.max_in_flight <= (
              SELECT count(*) FROM tasks AS t WHERE t.state IN ({_IN_FLIGHT}) AND t.agent_id = a.id))
    ),
    -- The agents with waiting tasks: one index probe an agent (a loose index scan).
    waiting (agent_id) AS (
        (SELECT t.agent_id FROM tasks AS t, capacity WHERE {TO_FETCH} AND capacity.places > 0
         ORDER BY t.agent_id LIMIT 1)
        UNION ALL
        SELECT (SELECT t.agent_id FROM tasks AS t WHERE {TO_FETCH} AND t.agent_id > w.agent_id
                ORDER BY t.agent_id LIMIT 1)
        FROM waiting AS w WHERE w.agent_id IS NOT NULL
    ),
    -- Each agent's earliest task whose host has capacity, those of agents that hold the fewest places first. Only the
    -- first tasks of an agent are examined, so that thousands of one host do not delay the admission.
    chosen AS MATERIALIZED (
        SELECT due.id
        FROM waiting AS w
        CROSS JOIN LATERAL (
            SELECT first.id, first.available_at
            FROM (SELECT t.id, t.available_at, {_HOST} FROM tasks AS t
                  WHERE {TO_FETCH} AND t.agent_id = w.agent_id AND t.available_at <= now()
                  ORDER BY t.available_at, t.id LIMIT {_EXAMINED}) AS first
            WHERE first.host <> ALL (ARRAY(SELECT host FROM full_hosts))
            ORDER BY first.available_at, first.id LIMIT 1
        ) AS due
        WHERE w.agent_id <> ALL (ARRAY(SELECT agent_id FROM full_agents))
        ORDER BY (SELECT count(*) FROM fetching AS f WHERE f.agent_id = w.agent_id), due.available_at, due.id
        LIMIT (SELECT greatest(0, places) FROM capacity)
    ),
    -- Those of them that no other transaction changes, as in ``app.ledger.admit``.
    unlocked AS MATERIALIZED (
        SELECT t.id FROM tasks AS t JOIN chosen ON chosen.id = t.id WHERE {guard(Event.ADMIT)}
        FOR NO KEY UPDATE OF t SKIP LOCKED
    )
    UPDATE tasks AS t
    SET {to(Event.ADMIT)}, queued_at = now(), rings = 1, helper = NULL
    WHERE t.id = ANY (ARRAY(SELECT id FROM unlocked)) AND {guard(Event.ADMIT)}
    RETURNING t.id, t.name, t.queue, {LABEL}
    """
)


async def admit_fetches(connection: AsyncConnection, queue: str, window: int, capped: Sequence[int]) -> list[Bell]:
    """Admit tasks that read pages; returns the messages to publish.

    Args:
        connection: The transaction that has locked the queue's row.
        queue: The queue.
        window: The queue's window.
        capped: The locked agents that have a cap.
    """
    parameters = {"queue": queue, "window": window, "capped": list(capped)}
    rows = await connection.execute(ADMIT_FETCHES, parameters)
    return [build_bell(row) for row in rows.mappings()]
