"""The rows of a list of agents, from the task that reads it until that task is deleted."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.core import agents
from app.db.tables.onboarding import agent_rows
from app.domain.onboarding import LISTED, AgentRow, RowError, RowOutcome
from app.domain.records import Listing

_SLICE = 2_000
"""The rows of one statement."""

_ADD = text("""
    INSERT INTO agent_rows (task_id, line, name, slug, settings, urls, metadata, outcome, agent_id, error)
    SELECT :task_id, g.line, g.name, g.slug, coalesce(g.settings, '{}'), coalesce(g.urls, '[]'),
           coalesce(g.metadata, '{}'), g.outcome, g.agent_id, g.error
    FROM jsonb_to_recordset(:rows) AS g (line integer, name text, slug text, settings jsonb, urls jsonb,
                                         metadata jsonb, outcome text, agent_id bigint, error jsonb)
""").bindparams(bindparam("rows", type_=JSONB))

# A row whose agent exists keeps nothing of it, so that deleting the agent deletes its name.
_DONE = f"g.outcome IN ('{RowOutcome.CREATED}', '{RowOutcome.UPDATED}')"
_WRITE_OUTCOMES = text(f"""
    UPDATE agent_rows AS r
    SET outcome = g.outcome, agent_id = g.agent_id, error = g.error,
        name = CASE WHEN {_DONE} THEN NULL ELSE r.name END,
        slug = CASE WHEN {_DONE} THEN NULL ELSE r.slug END,
        settings = CASE WHEN {_DONE} THEN '{{}}' ELSE r.settings END,
        urls = CASE WHEN {_DONE} THEN '[]' ELSE r.urls END,
        metadata = CASE WHEN {_DONE} THEN '{{}}' ELSE r.metadata END
    FROM jsonb_to_recordset(:rows) AS g (line integer, outcome text, agent_id bigint, error jsonb)
    WHERE r.task_id = :task_id AND r.line = g.line
""").bindparams(bindparam("rows", type_=JSONB))

# Rows that are wrong by themselves stay failed.
_RESET = text(f"""
    UPDATE agent_rows SET outcome = NULL, agent_id = NULL, error = NULL
    WHERE task_id = :task_id AND name IS NOT NULL AND outcome IN ('{RowOutcome.FAILED}', '{RowOutcome.SKIPPED}')
""")

_COUNT = text(f"""
    SELECT count(*) AS rows, {
    ", ".join(f"count(*) FILTER (WHERE outcome = '{outcome}') AS {outcome}" for outcome in RowOutcome)
},
           count(*) FILTER (WHERE outcome IS NULL) AS not_attempted
    FROM agent_rows WHERE task_id = :task_id
""")


class RowState(NamedTuple):
    """What became of a row: its outcome, the agent, and the error of one that failed or was skipped."""

    line: int
    outcome: RowOutcome | None
    agent_id: int | None = None
    error: RowError | None = None

    def as_json(self) -> dict[str, Any]:
        """The object that the statements read."""
        error = asdict(self.error) if self.error else None
        return {"line": self.line, "outcome": self.outcome, "agent_id": self.agent_id, "error": error}


async def add_rows(
    connection: AsyncConnection, task_id: UUID, rows: Sequence[AgentRow], states: Sequence[RowState]
) -> None:
    """Add the rows of a list, each with its state. Within a transaction."""
    for place in range(0, len(rows), _SLICE):
        given = [
            {**_describe(row), **state.as_json()}
            for row, state in zip(rows[place : place + _SLICE], states[place : place + _SLICE], strict=True)
        ]
        await connection.execute(_ADD, {"task_id": task_id, "rows": given})


def _describe(row: AgentRow) -> dict[str, Any]:
    if row.error:
        return {}
    fields = {"name": row.name, "slug": row.slug, "settings": row.settings}
    return {**fields, "urls": list(row.urls), "metadata": row.metadata}


async def write_outcomes(connection: AsyncConnection, task_id: UUID, states: Sequence[RowState]) -> None:
    """Write what became of rows. Within a transaction."""
    for part in _cut(states):
        await connection.execute(_WRITE_OUTCOMES, {"task_id": task_id, "rows": [state.as_json() for state in part]})


def _cut(states: Sequence[RowState]) -> Iterator[Sequence[RowState]]:
    return (states[place : place + _SLICE] for place in range(0, len(states), _SLICE))


async def reset_rows(connection: AsyncConnection, task_id: UUID) -> None:
    """Have the rows tried again that failed or were skipped because of other agents."""
    await connection.execute(_RESET, {"task_id": task_id})


async def list_sizes(connection: AsyncConnection, task_id: UUID) -> list[tuple[int, int]]:
    """List the rows without an outcome in order: the line of each, and its number of web pages."""
    query = select(agent_rows.c.line, func.jsonb_array_length(agent_rows.c.urls)).where(
        agent_rows.c.task_id == task_id, agent_rows.c.outcome.is_(None)
    )
    return [(line, size) for line, size in await connection.execute(query.order_by(agent_rows.c.line))]


async def list_waiting(connection: AsyncConnection, task_id: UUID, first: int, last: int) -> list[AgentRow]:
    """List the rows without an outcome from line ``first`` to ``last``."""
    query = select(agent_rows).where(
        agent_rows.c.task_id == task_id, agent_rows.c.line.between(first, last), agent_rows.c.outcome.is_(None)
    )
    rows = await connection.execute(query.order_by(agent_rows.c.line))
    return [AgentRow(row.line, row.name, row.slug, row.settings, row.urls, row.metadata) for row in rows]


async def summarise_rows(connection: AsyncConnection, task_id: UUID) -> dict[str, Any]:
    """Count the rows of a list by their outcome; with the first agents and errors."""
    counts = dict((await connection.execute(_COUNT, {"task_id": task_id})).mappings().one())
    of_task = agent_rows.c.task_id == task_id
    created = select(agent_rows.c.agent_id).where(of_task, agent_rows.c.outcome == RowOutcome.CREATED.value)
    errors = select(agent_rows.c.line, agent_rows.c.error).where(
        of_task, agent_rows.c.outcome == RowOutcome.FAILED.value
    )
    found = (await connection.execute(created.order_by(agent_rows.c.line).limit(LISTED))).scalars()
    listed = await connection.execute(errors.order_by(agent_rows.c.line).limit(LISTED))
    return {
        **counts,
        "agents": [agent_id for agent_id in found if agent_id is not None],
        "errors": [{"line": row.line, **row.error} for row in listed],
    }


async def list_rows(
    connection: AsyncConnection, task_id: UUID, outcome: RowOutcome | None, *, limit: int, after: int | None
) -> Listing[dict[str, Any]]:
    """The rows of a list in order, those of one outcome or all."""
    wanted = [agent_rows.c.task_id == task_id]
    if outcome:
        wanted.append(agent_rows.c.outcome == outcome.value)
    total = await connection.scalar(select(func.count()).select_from(agent_rows).where(*wanted))
    if after is not None:
        wanted.append(agent_rows.c.line > after)
    columns = [agent_rows.c[name] for name in ("line", "outcome", "agent_id", "error")]
    names = [func.coalesce(agent_rows.c[name], agents.c[name]).label(name) for name in ("name", "slug")]
    joined = agent_rows.outerjoin(agents, (agents.c.id == agent_rows.c.agent_id) & agents.c.deleted_at.is_(None))
    query = select(*columns, *names).select_from(joined).where(*wanted).order_by(agent_rows.c.line).limit(limit + 1)
    rows = [dict(row) for row in (await connection.execute(query)).mappings()]
    cursor = str(rows[limit - 1]["line"]) if len(rows) > limit else None
    return Listing(rows[:limit], total or 0, cursor)
