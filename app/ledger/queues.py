"""Queues: pause, resume and statistics."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CursorResult, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.core import tasks
from app.db.tenants.visibility import sees_task
from app.domain.identity import Access
from app.domain.states import RUNNING, WAITING, Event, State
from app.domain.tasks import Queue
from app.ledger.statement import LEASE_LIVE, WITHOUT_BELL, all_locked, fetch_tasks, guard, quoted, returning_tasks, to

EXACT = 1000
"""Up to this many waiting tasks of a queue are counted on each request. Above it, the stored counts are returned."""


@dataclass(frozen=True, slots=True)
class QueueStats:
    """The state of a queue. ``depth`` counts tasks that could run now and do not; ages are in seconds.

    Depth, delayed and age of a queue with more than ``EXACT`` waiting tasks are a few seconds old. ``workers`` and
    ``slots`` are None in the statistics of one organization: workers belong to the installation.
    """

    name: str
    paused_at: datetime | None
    delayed: int
    depth: int
    running: int
    oldest_age: float | None
    workers: int | None
    slots: int | None


_PAUSE = text("UPDATE queues SET paused_at = coalesce(paused_at, now()) WHERE name = :queue")

_WITHDRAW = returning_tasks(
    f"""
    UPDATE tasks AS t SET {to(Event.WITHDRAW)}, {WITHOUT_BELL}
    WHERE {all_locked(f"t.queue = :queue AND {guard(Event.WITHDRAW)}")}
    """
)


async def pause(connection: AsyncConnection, queue: str) -> None:
    """Stop admissions to a queue, and withdraw the tasks that were admitted and are not claimed.

    Within a transaction: it begins by locking the queue's row, as an admission does.
    """
    await connection.execute(_PAUSE, {"queue": queue})
    await fetch_tasks(connection, _WITHDRAW, queue=queue)


_RESUME = text("UPDATE queues SET paused_at = NULL WHERE name = :queue")


async def resume(connection: AsyncConnection, queue: str) -> None:
    """Allow admissions again."""
    await connection.execute(_RESUME, {"queue": queue})


_IS_WAITING = f"t.state IN ({quoted(WAITING)})"

_COUNT = text(
    f"""
    UPDATE queues AS q
    SET waiting = coalesce(found.waiting, 0), delayed = coalesce(found.delayed, 0), oldest_at = found.oldest_at
    FROM queues AS known
    -- A queue without waiting tasks has no row here; its counts become 0.
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
    """Store the backlog of each queue, which ``list_queues`` returns for long queues."""
    await connection.execute(_COUNT)


QUEUES = text(
    f"""
    SELECT q.name, q.paused_at,
           CASE WHEN near.tasks > {EXACT} THEN q.delayed ELSE near.delayed END AS delayed,
           CASE WHEN near.tasks > {EXACT} THEN q.waiting ELSE near.waiting END + admitted.tasks AS depth,
           (SELECT count(*) FROM tasks AS t WHERE t.queue = q.name AND t.state IN ({quoted(RUNNING)})) AS running,
           extract(epoch FROM now() - least(
               CASE WHEN near.tasks > {EXACT} THEN q.oldest_at ELSE near.oldest_at END, admitted.oldest_at
           )) AS oldest_age,
           served.workers, served.slots
    FROM queues AS q
    -- near: the waiting tasks, counted up to the limit.
    CROSS JOIN LATERAL (
        SELECT count(*) AS tasks, count(*) FILTER (WHERE seen.available_at > now()) AS delayed,
               count(*) FILTER (WHERE seen.available_at <= now()) AS waiting,
               min(seen.available_at) FILTER (WHERE seen.available_at <= now()) AS oldest_at
        FROM (SELECT t.available_at FROM tasks AS t WHERE t.queue = q.name AND {_IS_WAITING} LIMIT {EXACT + 1}) AS seen
    ) AS near
    -- admitted: the tasks that wait for a worker.
    CROSS JOIN LATERAL (
        SELECT count(*) AS tasks, min(t.available_at) AS oldest_at FROM tasks AS t
        WHERE t.queue = q.name AND t.state = '{State.QUEUED}'
    ) AS admitted
    -- served: the live workers of the queue and their slots.
    CROSS JOIN LATERAL (
        SELECT count(*) AS workers, coalesce(sum(w.concurrency), 0) AS slots FROM workers AS w
        WHERE q.name = ANY (w.queues) AND {LEASE_LIVE}
    ) AS served
    """
)


_ORDER = {queue.value: place for place, queue in enumerate(Queue)}


def sort_queues(queues: Iterable[QueueStats]) -> list[QueueStats]:
    """The queues in the order of their urgency."""
    return sorted(queues, key=lambda queue: _ORDER.get(queue.name, len(_ORDER)))


def _sort(rows: CursorResult[Any]) -> list[QueueStats]:
    return sort_queues(QueueStats(**row) for row in rows.mappings())


async def list_queues(connection: AsyncConnection) -> list[QueueStats]:
    """List the queues with their statistics, the most urgent first."""
    return _sort(await connection.execute(QUEUES))


_MOST = 10_000
"""Up to this many waiting tasks of an organization and a queue are counted."""

QUEUES_OF_ORGANIZATION = text(
    f"""
    SELECT q.name, q.paused_at, waiting.delayed, waiting.ready + queued.tasks AS depth,
           (SELECT count(*) FROM tasks AS t
            WHERE t.organization_id = :organization_id AND t.queue = q.name AND t.state IN ({quoted(RUNNING)})
           ) AS running,
           extract(epoch FROM now() - least(waiting.oldest_at, queued.oldest_at)) AS oldest_age,
           CAST(NULL AS bigint) AS workers, CAST(NULL AS bigint) AS slots
    FROM queues AS q
    -- waiting: read agent by agent, since the index of waiting tasks begins with queue and agent.
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE seen.available_at > now()) AS delayed,
               count(*) FILTER (WHERE seen.available_at <= now()) AS ready,
               min(seen.available_at) FILTER (WHERE seen.available_at <= now()) AS oldest_at
        FROM (
            SELECT t.available_at FROM agents AS a
            CROSS JOIN LATERAL (
                SELECT t.available_at FROM tasks AS t
                WHERE t.queue = q.name AND t.agent_id = a.id AND {_IS_WAITING} LIMIT {_MOST}
            ) AS t
            WHERE a.organization_id = :organization_id LIMIT {_MOST}
        ) AS seen
    ) AS waiting
    CROSS JOIN LATERAL (
        SELECT count(*) AS tasks, min(t.available_at) AS oldest_at FROM tasks AS t
        WHERE t.organization_id = :organization_id AND t.queue = q.name AND t.state = '{State.QUEUED}'
    ) AS queued
    """
)


async def list_own_queues(connection: AsyncConnection, organization_id: int) -> list[QueueStats]:
    """List the queues with the statistics of one organization's tasks. Of its waiting tasks, 10,000 are counted."""
    rows = await connection.execute(QUEUES_OF_ORGANIZATION, {"organization_id": organization_id})
    return _sort(rows)


async def count_finished(connection: AsyncConnection, seconds: float, access: Access | None = None) -> dict[str, int]:
    """Count the tasks of each queue that succeeded in the last ``seconds``: those that a caller sees, or all."""
    query = (
        select(tasks.c.queue, func.count())
        .where(tasks.c.state == State.SUCCESS.value)
        .where(tasks.c.completed_at > func.now() - func.make_interval(0, 0, 0, 0, 0, 0, seconds))
        .group_by(tasks.c.queue)
    )
    if access is not None:
        query = query.where(sees_task(access))
    return {row[0]: row[1] for row in await connection.execute(query)}
