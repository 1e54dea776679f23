"""Which deliveries are sent next. Nothing here commits.

A webhook has few deliveries with a ledger task at a time, so that one that is slow or fails keeps few slots and few
places of the queue. The others are rows that wait; each end of a delivery lets the next ones follow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

AT_ONCE = 8
"""First attempts of a webhook that have a task at the same time: as many as a host is sent at once."""

_EXAMINED = 200
_LONGEST_PAUSE = 900
"""Seconds after a failed attempt until a failing webhook is sent another delivery. The first pauses are shorter."""


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that gets a task now."""

    id: int
    organization_id: int
    url: str


def _of(webhook: str) -> str:
    """The condition that a delivery ``d`` is that of a webhook, as a range of the index on ``(webhook_id, id)``.

    With an equality, PostgreSQL may read the deliveries of all webhooks in the order of ids instead.
    """
    return f"(d.webhook_id, d.id) >= ({webhook}.id, 0) AND (d.webhook_id, d.id) < ({webhook}.id + 1, 0)"


# Only the first of those that wait are examined, so that thousands for one document do not delay the others for long.
_CHOOSE = text(f"""
    WITH places AS MATERIALIZED (
        SELECT w.id, w.url,
               CASE WHEN w.failures = 0 THEN {AT_ONCE} - (
                   SELECT count(*) FROM webhook_deliveries AS d
                   WHERE d.webhook_id = w.id AND d.status = 'pending' AND d.task_id IS NOT NULL AND d.attempts = 0)
               -- One that fails is tried with one delivery now and then.
               WHEN w.failed_at < now() - least({_LONGEST_PAUSE}, 5 * 2 ^ least(w.failures, 10)) * interval '1 second'
                   AND NOT EXISTS (
                       SELECT FROM webhook_deliveries AS d
                       WHERE d.webhook_id = w.id AND d.status = 'pending' AND d.task_id IS NOT NULL
                         AND (d.next_attempt_at IS NULL OR d.next_attempt_at < now() + interval '1 minute'))
               THEN 1 ELSE 0 END AS free
        FROM webhooks AS w
        WHERE w.id = ANY (:webhook_ids) AND w.enabled AND w.deleted_at IS NULL
    )
    SELECT due.id, due.organization_id, coalesce(due.url, places.url) AS url
    FROM places
    CROSS JOIN LATERAL (
        SELECT first.* FROM (
            SELECT d.id, d.organization_id, d.url, d.document_id FROM webhook_deliveries AS d
            WHERE {_of("places")} AND d.status = 'pending' AND d.task_id IS NULL AND places.free > 0
            ORDER BY d.webhook_id, d.id LIMIT {_EXAMINED}) AS first
        -- The first attempt for an earlier event of the document has not ended.
        WHERE first.document_id IS NULL OR NOT EXISTS (
            SELECT FROM webhook_deliveries AS e
            WHERE e.webhook_id = places.id AND e.document_id = first.document_id AND e.id < first.id
              AND e.status = 'pending' AND e.attempts = 0)
        ORDER BY first.id LIMIT greatest(0, places.free)
    ) AS due
    ORDER BY due.id
""")


async def choose_due(connection: AsyncConnection, webhook_ids: Sequence[int]) -> list[Due]:
    """The deliveries of these webhooks that get a task now, in order. The caller has locked the webhooks."""
    rows = await connection.execute(_CHOOSE, {"webhook_ids": list(webhook_ids)})
    return [Due(row.id, row.organization_id, row.url) for row in rows]


_SET_TASKS = text("""
    UPDATE webhook_deliveries AS d SET task_id = g.task_id
    FROM unnest(CAST(:ids AS bigint[]), CAST(:task_ids AS uuid[])) AS g (id, task_id)
    WHERE d.id = g.id
""")


async def set_tasks(connection: AsyncConnection, tasks: Mapping[int, UUID]) -> None:
    """Note the task that sends each delivery."""
    await connection.execute(_SET_TASKS, {"ids": list(tasks), "task_ids": list(tasks.values())})


_HOLD = text("""
    UPDATE webhook_deliveries SET status = 'held', next_attempt_at = NULL, completed_at = now()
    WHERE webhook_id = :webhook_id AND status = 'pending'
""")


async def hold_deliveries(connection: AsyncConnection, webhook_id: int) -> int:
    """Hold what a disabled webhook was not sent until it is replayed; returns how many.

    Tasks that send one at this moment write their end to the log; the others find nothing to send.
    """
    return (await connection.execute(_HOLD, {"webhook_id": webhook_id})).rowcount


_HOLD_OLD = text("""
    UPDATE webhook_deliveries SET status = 'held', completed_at = now()
    WHERE webhook_id = :webhook_id AND status = 'pending' AND task_id IS NULL
      AND created_at < now() - make_interval(days => :days)
""")


async def hold_old_deliveries(connection: AsyncConnection, webhook_id: int, days: int) -> int:
    """Hold the deliveries that have waited for a task for more than so many days; returns how many.

    The callback URLs of a server cannot be disabled. Without this, what waits for one that is gone would grow for ever.
    """
    return (await connection.execute(_HOLD_OLD, {"webhook_id": webhook_id, "days": days})).rowcount


_END_WITH_TASKS = text("""
    UPDATE webhook_deliveries AS d SET status = 'failed', next_attempt_at = NULL, completed_at = now()
    WHERE d.id = ANY (ARRAY(
        SELECT d.id FROM webhook_deliveries AS d
        WHERE d.status = 'pending' AND d.task_id IS NOT NULL
          AND NOT EXISTS (SELECT FROM tasks AS t WHERE t.id = d.task_id AND t.completed_at IS NULL)
        FOR NO KEY UPDATE SKIP LOCKED))
    RETURNING d.webhook_id
""")


async def end_with_tasks(connection: AsyncConnection) -> set[int]:
    """End deliveries whose task was cancelled, has crashed too often or was deleted; returns their webhooks."""
    return set((await connection.execute(_END_WITH_TASKS)).scalars())


_WAITING = text("""
    WITH RECURSIVE waiting (webhook_id) AS (
        (SELECT d.webhook_id FROM webhook_deliveries AS d
         WHERE d.status = 'pending' AND d.task_id IS NULL
         ORDER BY d.webhook_id, d.id LIMIT 1)
        UNION ALL
        -- One index probe for each webhook with deliveries that wait, however many webhooks and deliveries there are.
        SELECT next.webhook_id FROM waiting CROSS JOIN LATERAL (
            SELECT d.webhook_id FROM webhook_deliveries AS d
            WHERE d.status = 'pending' AND d.task_id IS NULL AND d.webhook_id > waiting.webhook_id
            ORDER BY d.webhook_id, d.id LIMIT 1) AS next
    )
    SELECT w.id FROM waiting JOIN webhooks AS w ON w.id = waiting.webhook_id
    WHERE w.enabled AND w.deleted_at IS NULL
    ORDER BY w.id
""")


async def list_waiting(connection: AsyncConnection) -> list[int]:
    """The webhooks with deliveries that wait for a task."""
    return list((await connection.execute(_WAITING)).scalars())
