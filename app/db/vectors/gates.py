"""Queries on gates: the conditions under which indexes that are being built become active."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.evaluations import index_gates
from app.domain.vectors import IndexGate

_C = index_gates.c
_COLUMNS = (_C.index_id, _C.question_set_id, _C.tolerance, _C.task_id, _C.accepted, _C.reason)


def _gate(row: Any) -> IndexGate:
    return IndexGate(*row)


async def insert_gate(connection: AsyncConnection, index_id: int, question_set_id: int, tolerance: float) -> None:
    """Add the gate of an index."""
    values = {"index_id": index_id, "question_set_id": question_set_id, "tolerance": tolerance}
    await connection.execute(insert(index_gates).values(values))


async def get_gate(connection: AsyncConnection, index_id: int, *, lock: bool = False) -> IndexGate | None:
    """The gate of an index, None if it has none; with ``lock``, locked until the transaction ends."""
    query = select(*_COLUMNS).where(_C.index_id == index_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return _gate(row) if row else None


async def list_gates(connection: AsyncConnection, index_ids: Sequence[int]) -> dict[int, IndexGate]:
    """The gates of indexes, by the index's id."""
    rows = await connection.execute(select(*_COLUMNS).where(_C.index_id.in_(index_ids)))
    return {row.index_id: _gate(row) for row in rows}


async def find_refusal(connection: AsyncConnection, index_id: int) -> str | None:
    """Why the latest index that was built after another one was refused; None if it was not."""
    query = select(_C.accepted, _C.reason).where(_C.index_id > index_id).order_by(_C.index_id.desc()).limit(1)
    row = (await connection.execute(query)).one_or_none()
    return row.reason if row and row.accepted is False else None


async def record_gate_task(connection: AsyncConnection, index_id: int, task_id: UUID) -> None:
    """Record the task that decides."""
    await connection.execute(update(index_gates).where(_C.index_id == index_id).values(task_id=task_id))


async def decide_gate(connection: AsyncConnection, index_id: int, *, accepted: bool, reason: str) -> None:
    """Record the decision, unless there is one."""
    values = {"accepted": accepted, "reason": reason, "decided_at": func.now()}
    undecided = (_C.index_id == index_id) & _C.accepted.is_(None)
    await connection.execute(update(index_gates).where(undecided).values(values))
