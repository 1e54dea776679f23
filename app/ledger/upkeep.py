"""Upkeep: periodic chores, each done by one process for the whole installation."""

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


# An array is evaluated once. A joined subquery may run more than once, and then choose more tasks than the limit.
# The task may be the only row that names a file; the file is recorded in its place, unless its document names it.
FORGET_TASKS = text(
    f"""
    WITH forgotten AS (
        DELETE FROM tasks WHERE id = ANY (ARRAY(
            SELECT t.id FROM tasks AS t
            WHERE t.completed_at < now() - make_interval(days => :days) AND t.state IN ({quoted(FINAL)})
              AND t.dead_lettered_at IS NULL
            ORDER BY t.completed_at
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


async def forget_tasks(connection: AsyncConnection, days: int, limit: int) -> int:
    """Delete tasks that ended more than ``days`` ago, ``limit`` at most; returns how many. Dead letters stay.

    The files that only these tasks name are recorded as discarded: ``app.ledger.files``.
    """
    return len((await connection.execute(FORGET_TASKS, {"days": days, "limit": limit})).all())


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


_READ_CURSOR = text("SELECT cursor FROM chores WHERE name = :chore")
_WRITE_CURSOR = text("UPDATE chores SET cursor = :cursor WHERE name = :chore")


async def read_cursor(connection: AsyncConnection, chore: str) -> str | None:
    """Read where a chore that works in parts continues; None at the beginning."""
    cursor: str | None = (await connection.execute(_READ_CURSOR, {"chore": chore})).scalar_one_or_none()
    return cursor


async def write_cursor(connection: AsyncConnection, chore: str, cursor: str | None) -> None:
    """Record where a chore that works in parts continues."""
    await connection.execute(_WRITE_CURSOR, {"chore": chore, "cursor": cursor})


_LOCK_CHORE = text("SELECT pg_try_advisory_xact_lock(hashtextextended(:chore, 0))")


async def try_lock_chore(connection: AsyncConnection, chore: str) -> bool:
    """Lock a chore until the transaction ends; False when another process has locked it."""
    return bool((await connection.execute(_LOCK_CHORE, {"chore": f"sluice:{chore}"})).scalar_one())
