"""Queries on agents."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Numeric, Text, any_, case, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.paging import list_rows
from app.db.statements import Statement
from app.db.tables.core import agents
from app.db.tenants.visibility import VISIBLE_AGENT, name_agents, sees_agent
from app.domain.identity import Access
from app.domain.records import Agent, AgentSettings, Listing


def _agent(row: Any) -> Agent:
    settings = AgentSettings(**row.settings, weight=row.weight, max_in_flight=row.max_in_flight)
    return Agent(row.id, row.organization_id, row.name, row.slug, settings, row.created_at, row.updated_at)


def to_columns(settings: AgentSettings) -> dict[str, Any]:
    """The columns of settings. Admission reads ``weight`` and ``max_in_flight``, which have their own."""
    chunking = {
        "chunk_size": settings.chunk_size,
        "chunk_overlap": settings.chunk_overlap,
        "chunker": settings.chunker,
    }
    return {"settings": chunking, "weight": settings.weight, "max_in_flight": settings.max_in_flight}


async def insert_agent(
    connection: AsyncConnection, organization_id: int, name: str, slug: str, settings: AgentSettings
) -> Agent:
    """Add an agent."""
    values = {"organization_id": organization_id, "name": name, "slug": slug, **to_columns(settings)}
    return _agent((await connection.execute(insert(agents).values(values).returning(*agents.c))).one())


async def get_agent(connection: AsyncConnection, access: Access, agent_id: int) -> Agent | None:
    """One agent, unless it is deleted or does not exist for the caller."""
    query = select(agents).where(agents.c.id == agent_id, sees_agent(access))
    row = (await connection.execute(query)).one_or_none()
    return _agent(row) if row else None


async def find_agent(connection: AsyncConnection, access: Access, slug: str) -> Agent | None:
    """The agent with this slug."""
    query = select(agents).where(agents.c.slug == slug, sees_agent(access))
    row = (await connection.execute(query)).one_or_none()
    return _agent(row) if row else None


_FIND = Statement(f"""
    SELECT id, name, slug, settings, weight, max_in_flight, created_at, updated_at FROM agents
    WHERE {VISIBLE_AGENT}
        AND (id = ANY (CAST(:ids AS bigint[])) OR slug = ANY (CAST(:slugs AS text[])))
""")


async def find_agents(database: Database, access: Access, ids: Sequence[int], slugs: Sequence[str]) -> list[Agent]:
    """The agents with one of these ids or slugs."""
    parameters = {**name_agents(access), "ids": list(ids), "slugs": list(slugs)}
    found = []
    for id_, name, slug, settings, weight, most, *times in await database.fetch(_FIND, parameters):
        read = AgentSettings(**settings, weight=weight, max_in_flight=most)
        found.append(Agent(id_, access.organization_id, name, slug, read, *times))
    return found


async def list_by_slugs(
    connection: AsyncConnection, organization_id: int, slugs: Sequence[str], *, lock: bool
) -> list[Agent]:
    """The agents of an organization with one of these slugs. With ``lock``, they stay locked in this transaction."""
    # One parameter, because a statement may have at most 32,767.
    named = agents.c.slug == any_(literal(list(slugs), ARRAY(Text)))
    query = select(agents).where(named, sees_agent(Access(organization_id))).order_by(agents.c.id)
    rows = await connection.execute(query.with_for_update(key_share=True) if lock else query)
    return [_agent(row) for row in rows]


async def get_highest_suffix(connection: AsyncConnection, organization_id: int, slug: str) -> int:
    """Return the highest number of the slugs ``slug-<number>``; 1 if only ``slug`` exists, 0 if it is free."""
    number = func.regexp_substr(agents.c.slug, "[0-9]+$").cast(Numeric)
    numbered = agents.c.slug.op("~")(f"^{slug}-[0-9]{{1,9}}$")
    query = select(func.max(case((agents.c.slug == slug, 1), else_=number))).where(
        sees_agent(Access(organization_id)), (agents.c.slug == slug) | numbered
    )
    return int(await connection.scalar(query) or 0)


async def list_agents(
    connection: AsyncConnection, access: Access, slug: str | None = None, *, limit: int, after: int | None
) -> Listing[Agent]:
    """Agents, the newest first: all, or the one with this slug."""
    wanted = [sees_agent(access)] if slug is None else [sees_agent(access), agents.c.slug == slug]
    return await list_rows(connection, agents, wanted, _agent, limit=limit, after=after)


async def update_agent(connection: AsyncConnection, agent: Agent) -> Agent | None:
    """Write an agent's name, slug and settings."""
    statement = (
        update(agents)
        .where(agents.c.id == agent.id, sees_agent(Access(agent.organization_id)))
        .values(name=agent.name, slug=agent.slug, updated_at=func.now(), **to_columns(agent.settings))
        .returning(*agents.c)
    )
    row = (await connection.execute(statement)).one_or_none()
    return _agent(row) if row else None


async def hide_agent(connection: AsyncConnection, access: Access, agent_id: int) -> bool:
    """Mark an agent deleted. False when it does not exist."""
    statement = (
        update(agents)
        .where(agents.c.id == agent_id, sees_agent(access))
        .values(deleted_at=func.now())
        .returning(agents.c.id)
    )
    return (await connection.execute(statement)).one_or_none() is not None
