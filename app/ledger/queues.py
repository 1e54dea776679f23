"""Queues as people steer and watch them."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import tasks
from app.domain.states import RUNNING, WAITING, Event, State
from app.ledger.statement import fetch_tasks, guard, quoted, returning_tasks, to

EXACT = 1000
"""Waiting tasks of a queue up to this many are counted when somebody looks; more are as they were counted last."""


@dataclass(frozen=True, slots=True)
class QueueStats:
    """A queue as people watch it. ``depth`` counts tasks that could run now and do not; ages are in seconds.

    Of a queue with more than ``EXACT`` waiting tasks, depth, delayed and age are a few seconds old.
    """

    name: str
    paused_at: datetime | None
    delayed: int
    depth: int
    running: int
    oldest_age: float | None
    workers: int
    slots: int


_PAUSE = text("UPDATE queues SET paused_at = coalesce(paused_at, now()) WHERE name = :queue")

_WITHDRAW = returning_tasks(
    f"""
    UPDATE tasks AS t SET {to(Event.WITHDRAW)}, queued_at = NULL, rings = 0, helper = NULL
    WHERE t.queue = :queue AND {guard(Event.WITHDRAW)}
    """
)


async def pause(connection: AsyncConnection, queue: str) -> None:
    """Admit nothing more, and take back what was admitted and is not claimed.

    Within a transaction: it begins by locking the queue's row, as an admission does.
    """
    await connection.execute(_PAUSE, {"queue": queue})
    await fetch_tasks(connection, _WITHDRAW, queue=queue)


_RESUME = text("UPDATE queues SET paused_at = NULL WHERE name = :queue")


async def resume(connection: AsyncConnection, queue: str) -> None:
    """Admit again."""
    await connection.execute(_RESUME, {"queue": queue})


_IS_WAITING = f"t.state IN ({quoted(WAITING)})"

_COUNT = text(
    f"""
    UPDATE queues AS q
    SET waiting = coalesce(found.waiting, 0), delayed = coalesce(found.delayed, 0), oldest_at = found.oldest_at
    FROM queues AS known
    LEFT JOIN (
        SELECT t.queue, count(*) FILTER (WHERE t.available_at <= now()) AS waiting,
               count(*) FILTER (WHERE t.available_at > now()) AS delayed,
               min(t.available_at) FILTER (WHERE t.available_at <= now()) AS oldest_at
        FROM tasks AS t
        WHERE {_IS_WAITING}
        GROUP BY t.queue
    ) AS found ON found.queue = known.name
    WHERE q.name = known.name
    """
)


async def count_backlogs(connection: AsyncConnection) -> None:
    """Count what waits in each queue, for those who look at a long one."""
    await connection.execute(_COUNT)


QUEUES = text(
    f"""
    SELECT q.name, q.paused_at,
           CASE WHEN near.tasks > {EXACT} THEN q.delayed ELSE near.delayed END AS delayed,
           CASE WHEN near.tasks > {EXACT} THEN q.waiting ELSE near.waiting END + rung.tasks AS depth,
           (SELECT count(*) FROM tasks AS t WHERE t.queue = q.name AND t.state IN ({quoted(RUNNING)})) AS running,
           extract(epoch FROM now() - least(
               CASE WHEN near.tasks > {EXACT} THEN q.oldest_at ELSE near.oldest_at END, rung.oldest_at)) AS oldest_age,
           served.workers, served.slots
    FROM queues AS q
    CROSS JOIN LATERAL (
        SELECT count(*) AS tasks, count(*) FILTER (WHERE seen.available_at > now()) AS delayed,
               count(*) FILTER (WHERE seen.available_at <= now()) AS waiting,
               min(seen.available_at) FILTER (WHERE seen.available_at <= now()) AS oldest_at
        FROM (SELECT t.available_at FROM tasks AS t WHERE t.queue = q.name AND {_IS_WAITING} LIMIT {EXACT + 1}) AS seen
    ) AS near
    CROSS JOIN LATERAL (
        SELECT count(*) AS tasks, min(t.available_at) AS oldest_at FROM tasks AS t
        WHERE t.queue = q.name AND t.state = '{State.QUEUED}'
    ) AS rung
    CROSS JOIN LATERAL (
        SELECT count(*) AS workers, coalesce(sum(w.concurrency), 0) AS slots FROM workers AS w
        WHERE q.name = ANY (w.queues) AND w.lease_expires_at > now()
    ) AS served
    """
)


async def list_queues(connection: AsyncConnection) -> list[QueueStats]:
    """Every queue with its figures."""
    return [QueueStats(**row) for row in (await connection.execute(QUEUES)).mappings()]


async def count_finished(connection: AsyncConnection, seconds: float) -> dict[str, int]:
    """How many tasks of each queue succeeded in the last ``seconds``."""
    query = (
        select(tasks.c.queue, func.count())
        .where(tasks.c.state == State.SUCCESS.value)
        .where(tasks.c.completed_at > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds))
        .group_by(tasks.c.queue)
    )
    return {row[0]: row[1] for row in await connection.execute(query)}
