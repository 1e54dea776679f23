"""Queries on the runs of upkeep."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Source, fetch
from app.db.statements import Statement
from app.domain.records import Listing
from app.domain.upkeep import Run

_BEGIN = text("""
    INSERT INTO upkeep_runs (name, organization_id, task_id) VALUES (:name, :organization_id, :task_id)
    ON CONFLICT (task_id) WHERE task_id IS NOT NULL DO NOTHING
""")


async def begin_run(connection: AsyncConnection, name: str, organization_id: int | None, task_id: UUID) -> None:
    """Record that a task has begun, unless an earlier attempt has done so."""
    await connection.execute(_BEGIN, {"name": name, "organization_id": organization_id, "task_id": task_id})


_ADD_COUNTS = text("""
    UPDATE upkeep_runs AS r SET counts = (
        SELECT jsonb_object_agg(key, total) FROM (
            SELECT key, sum(CAST(value AS bigint)) AS total
            FROM (SELECT * FROM jsonb_each_text(r.counts)
                  UNION ALL SELECT * FROM jsonb_each_text(CAST(:counts AS jsonb))) AS added
            GROUP BY key) AS sums)
    WHERE task_id = :task_id
""")


async def add_counts(connection: AsyncConnection, task_id: UUID, counts: Mapping[str, int]) -> None:
    """Add to the counts of a task's run, in the transaction that did what is counted."""
    await connection.execute(_ADD_COUNTS, {"task_id": task_id, "counts": json.dumps(counts)})


_READ_COUNTS = text("SELECT counts FROM upkeep_runs WHERE task_id = :task_id")


async def read_counts(connection: AsyncConnection, task_id: UUID) -> dict[str, int]:
    """Read the counts of a task's run."""
    return dict(await connection.scalar(_READ_COUNTS, {"task_id": task_id}) or {})


_END = text("UPDATE upkeep_runs SET ended_at = clock_timestamp() WHERE task_id = :task_id")


async def end_run(connection: AsyncConnection, task_id: UUID) -> None:
    """Record that a task has done its work, in the transaction that ends it."""
    await connection.execute(_END, {"task_id": task_id})


_NOTE_CHORE = Statement("""
    INSERT INTO upkeep_runs (name, started_at, ended_at, error)
    VALUES (CAST(:name AS text), clock_timestamp() - make_interval(secs => :seconds), clock_timestamp(),
        CAST(:error AS text))
    ON CONFLICT (name) WHERE task_id IS NULL
    DO UPDATE SET started_at = excluded.started_at, ended_at = excluded.ended_at, error = excluded.error
""")


async def note_chore(source: Source, name: str, seconds: float, error: str | None) -> None:
    """Record the last run of a chore, which has just ended."""
    await fetch(source, _NOTE_CHORE, {"name": name, "seconds": seconds, "error": error})


# A run whose task has ended without success has not recorded its end.
_RUNS = """
    SELECT r.id, r.name, r.organization_id, r.task_id, r.started_at, coalesce(r.ended_at, t.completed_at) AS ended_at,
        r.counts, coalesce(r.error, CASE t.state WHEN 'SUCCESS' THEN NULL ELSE t.error ->> 'message' END) AS error,
        t.state
    FROM upkeep_runs AS r LEFT JOIN tasks AS t ON t.id = r.task_id
    WHERE (CAST(:organization_id AS bigint) IS NULL OR r.organization_id = :organization_id)
        AND (CAST(:name AS text) IS NULL OR r.name = :name)
"""
_LIST = text(f"{_RUNS} AND r.id < coalesce(CAST(:after AS bigint), {2**63 - 1}) ORDER BY r.id DESC LIMIT :limit")
_COUNT = text(f"SELECT count(*) FROM ({_RUNS}) AS runs")
_LAST = text(f"SELECT DISTINCT ON (name) * FROM ({_RUNS}) AS runs ORDER BY name, id DESC")


def _build(row: Any) -> Run:
    return Run(**row)


async def list_runs(
    connection: AsyncConnection, organization_id: int | None, name: str | None, *, limit: int, after: int | None
) -> Listing[Run]:
    """List runs, the newest first: those of an organization, or all."""
    wanted = {"organization_id": organization_id, "name": name}
    total = await connection.scalar(_COUNT, wanted)
    found = await connection.execute(_LIST, {**wanted, "after": after, "limit": limit + 1})
    runs = [_build(row) for row in found.mappings()]
    return Listing(runs[:limit], total or 0, str(runs[limit - 1].id) if len(runs) > limit else None)


async def list_last_runs(connection: AsyncConnection, organization_id: int | None) -> list[Run]:
    """List the last run of each kind of upkeep: those of an organization, or all."""
    found = await connection.execute(_LAST, {"organization_id": organization_id, "name": None})
    return [_build(row) for row in found.mappings()]


_FORGET = text("""
    DELETE FROM upkeep_runs WHERE id = ANY (ARRAY(
        SELECT id FROM upkeep_runs
        WHERE organization_id IS NOT DISTINCT FROM CAST(:organization_id AS bigint) AND task_id IS NOT NULL
            AND started_at < now() - make_interval(days => :days)
        ORDER BY id LIMIT :limit))
""")


async def forget_runs(connection: AsyncConnection, organization_id: int | None, days: int, limit: int) -> int:
    """Delete runs that began more than ``days`` ago, ``limit`` at most; returns how many."""
    given = {"organization_id": organization_id, "days": days, "limit": limit}
    return (await connection.execute(_FORGET, given)).rowcount


_DUE = text("SELECT name, due_at FROM chores")


async def list_due(connection: AsyncConnection) -> dict[str, Any]:
    """List when each chore and each schedule is due next, by name."""
    return {name: due_at for name, due_at in await connection.execute(_DUE)}  # noqa: C416 - a dict of rows


_MAKE_DUE = text("UPDATE chores SET due_at = now() WHERE name = :name RETURNING name")


async def make_due(connection: AsyncConnection, name: str) -> bool:
    """Make a chore due at once. False if there is no such chore."""
    return (await connection.execute(_MAKE_DUE, {"name": name})).one_or_none() is not None
