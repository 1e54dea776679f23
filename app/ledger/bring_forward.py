"""Bring forward: let waiting tasks run now that were to run later."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.states import WAITING
from app.ledger.statement import quoted

_BRING_FORWARD = text(f"""
    UPDATE tasks AS t SET available_at = now()
    WHERE t.id = ANY (ARRAY(
        SELECT t.id FROM tasks AS t
        WHERE t.id = ANY (:task_ids) AND t.state IN ({quoted(WAITING)}) AND t.available_at > now()
        FOR NO KEY UPDATE SKIP LOCKED))
""")


async def bring_forward(connection: AsyncConnection, task_ids: Sequence[UUID]) -> int:
    """Let those of these tasks run now that wait for a later time; returns how many. Locked ones are skipped."""
    return (await connection.execute(_BRING_FORWARD, {"task_ids": list(task_ids)})).rowcount
