"""Many agents at once: finds, adds and changes those of a list, each in one statement."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tenants.agents import list_by_slugs, to_columns
from app.domain.onboarding import AgentRow
from app.domain.records import Agent, AgentSettings

# In the order of slugs, so that two lists with the same ones wait for each other and do not deadlock.
_ADD = text("""
    INSERT INTO agents (organization_id, name, slug, settings, weight, max_in_flight)
    SELECT :organization_id, g.name, g.slug, g.settings, g.weight, g.max_in_flight
    FROM jsonb_to_recordset(:rows) AS g (name text, slug text, settings jsonb, weight integer, max_in_flight integer)
    ORDER BY g.slug
    ON CONFLICT (organization_id, slug) WHERE deleted_at IS NULL DO NOTHING
    RETURNING slug, id
""").bindparams(bindparam("rows", type_=JSONB))

_CHANGE = text("""
    UPDATE agents AS a
    SET name = g.name, settings = g.settings, weight = g.weight, max_in_flight = g.max_in_flight, updated_at = now()
    FROM jsonb_to_recordset(:rows)
        AS g (id bigint, name text, settings jsonb, weight integer, max_in_flight integer)
    WHERE a.id = g.id
""").bindparams(bindparam("rows", type_=JSONB))


async def find_existing(
    connection: AsyncConnection, organization_id: int, slugs: Sequence[str], *, lock: bool = False
) -> dict[str, Agent]:
    """The agents that have one of these slugs, by their slugs. With ``lock``, until the transaction ends."""
    found = await list_by_slugs(connection, organization_id, slugs, lock=lock)
    return {agent.slug: agent for agent in found}


async def add_agents(connection: AsyncConnection, organization_id: int, rows: Sequence[AgentRow]) -> dict[str, int]:
    """Add an agent for each row; returns their ids by slug, without those whose slug was taken in the meantime."""
    given = [{"name": row.name, "slug": row.slug, **to_columns(AgentSettings(**(row.settings or {})))} for row in rows]
    added = await connection.execute(_ADD, {"organization_id": organization_id, "rows": given})
    return {row.slug: row.id for row in added}


async def change_agents(connection: AsyncConnection, changes: Mapping[int, tuple[str, AgentSettings]]) -> None:
    """Give agents, which are locked, other names and settings."""
    given: list[dict[str, Any]] = [
        {"id": agent_id, "name": name, **to_columns(settings)} for agent_id, (name, settings) in changes.items()
    ]
    await connection.execute(_CHANGE, {"rows": given})
