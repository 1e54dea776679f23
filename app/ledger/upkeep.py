"""Upkeep: periodic chores, each done by one process for the whole installation."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.states import FINAL
from app.ledger.files import select_named
from app.ledger.statement import quoted

_CLAIM_CHORE = text(
    """
    UPDATE chores SET due_at = now() + make_interval(secs => :seconds) WHERE name = :chore AND due_at <= now()
    RETURNING name
    """
)


async def claim_chore(connection: AsyncConnection, chore: str, seconds: float) -> bool:
    """Claim a chore that is due. True for one caller, for whom it is due again in ``seconds``; False for all others."""
    row = await connection.execute(_CLAIM_CHORE, {"chore": chore, "seconds": seconds})
    return row.one_or_none() is not None


class Window(NamedTuple):
    """A range of the ids of tasks: above ``after``, up to ``until``."""

    after: UUID
    until: UUID


EVERY_TASK = Window(UUID(int=0), UUID(int=2**128 - 1))

# An array is evaluated once. A joined subquery may run more than once, and then choose more tasks than the limit.
# The task may be the only row that names a file; the file is recorded in its place, unless its document names it.
FORGET_TASKS = text(
    f"""
    WITH forgotten AS (
        DELETE FROM tasks WHERE id = ANY (ARRAY(
            SELECT t.id FROM tasks AS t
            WHERE t.organization_id = :organization_id AND t.id > :after AND t.id <= :until
              AND t.completed_at < now() - make_interval(days => :days) AND t.state IN ({quoted(FINAL)})
              AND t.dead_lettered_at IS NULL
            ORDER BY t.id
            LIMIT :limit
            FOR UPDATE SKIP LOCKED
        ))
        RETURNING *
    ),
    discarded AS (
        INSERT INTO discarded_files (key)
        SELECT DISTINCT n.key FROM ({select_named("forgotten")}) AS n LEFT JOIN documents AS d ON d.id = n.document_id
        WHERE d.blob_key IS DISTINCT FROM n.key
        ON CONFLICT DO NOTHING
    )
    SELECT id FROM forgotten
    """
)


async def forget_tasks(
    connection: AsyncConnection, organization_id: int, days: int, limit: int, window: Window = EVERY_TASK
) -> int:
    """Delete an organization's tasks that ended more than ``days`` ago, ``limit`` at most; returns how many.

    Dead letters stay. The files that only these tasks name are recorded as discarded: ``app.ledger.files``.
    """
    given = {"organization_id": organization_id, "days": days, "limit": limit, **window._asdict()}
    return len((await connection.execute(FORGET_TASKS, given)).all())


_END_OF_WINDOW = text("""
    SELECT id FROM tasks WHERE organization_id = :organization_id AND id > :after ORDER BY id OFFSET :skip LIMIT 1
""")


async def find_window(connection: AsyncConnection, organization_id: int, after: UUID, size: int) -> Window:
    """The window of an organization's next tasks, at most ``size``, so that each statement looks at few rows.

    The last window of all ends with ``EVERY_TASK.until``.
    """
    given = {"organization_id": organization_id, "after": after, "skip": size - 1}
    end = await connection.scalar(_END_OF_WINDOW, given)
    return Window(after, end or EVERY_TASK.until)


_CLEAR_RESULTS = text(
    f"""
    WITH cleared AS (
        UPDATE tasks AS t SET result = NULL, version = t.version + 1
        WHERE t.id = ANY (ARRAY(
            SELECT t.id FROM tasks AS t
            WHERE t.organization_id = :organization_id AND t.id > :after AND t.id <= :until
              AND t.completed_at < now() - make_interval(days => :days) AND t.state IN ({quoted(FINAL)})
              AND t.dead_lettered_at IS NULL AND t.result IS NOT NULL
            ORDER BY t.id
            FOR NO KEY UPDATE SKIP LOCKED
        ))
        RETURNING t.id
    ),
    parts AS (DELETE FROM answer_parts AS p USING cleared AS c WHERE p.task_id = c.id)
    SELECT id FROM cleared
    """
)


async def clear_results(connection: AsyncConnection, organization_id: int, days: int, window: Window) -> int:
    """Delete the results of an organization's tasks that ended more than ``days`` ago; returns how many."""
    given = {"organization_id": organization_id, "days": days, **window._asdict()}
    return len((await connection.execute(_CLEAR_RESULTS, given)).all())


# Once the queue's virtual time has passed an agent's finish tag, admission treats it as an agent without a row.
# Locked rows are skipped: an admission is changing them.
_FORGET_TURNS = text(
    """
    WITH passed AS MATERIALIZED (
        SELECT t.queue, t.agent_id FROM turns AS t JOIN queues AS q ON q.name = t.queue
        WHERE t.finish_tag <= q.virtual_time
        FOR UPDATE OF t SKIP LOCKED
    )
    DELETE FROM turns USING passed WHERE turns.queue = passed.queue AND turns.agent_id = passed.agent_id
    """
)


async def forget_turns(connection: AsyncConnection) -> None:
    """Delete the turns that no longer have an effect."""
    await connection.execute(_FORGET_TURNS)


_FORGET_WORKERS = text("DELETE FROM workers WHERE lease_expires_at < now() - interval '1 hour'")


async def forget_workers(connection: AsyncConnection) -> None:
    """Delete the workers whose lease ran out an hour ago."""
    await connection.execute(_FORGET_WORKERS)


_LOCK_CHORE = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:chore, 0))")


async def try_lock_chore(connection: AsyncConnection, chore: str) -> bool:
    """Lock a chore until the transaction ends; False when another process has locked it."""
    return bool((await connection.execute(_LOCK_CHORE, {"chore": f"sluice:{chore}"})).scalar_one())
