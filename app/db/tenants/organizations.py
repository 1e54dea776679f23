"""Queries on organizations, and on the agents under which their own tasks run."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_FIND_INTERNAL_AGENT = text("SELECT id FROM agents WHERE organization_id = :organization_id AND internal")
_ADD_INTERNAL_AGENT = text("""
    INSERT INTO agents (organization_id, name, slug, internal) VALUES (:organization_id, '', ' internal', true)
    ON CONFLICT (organization_id) WHERE internal DO NOTHING
""")


async def ensure_internal_agent(connection: AsyncConnection, organization_id: int) -> int:
    """Return the agent under which an organization's own tasks run, and add it at its first use.

    It has its share of the workers as any agent, no documents, and no client sees it: its slug has a space, which no
    client can give one.
    """
    found: int | None = await connection.scalar(_FIND_INTERNAL_AGENT, {"organization_id": organization_id})
    if found is None:
        await connection.execute(_ADD_INTERNAL_AGENT, {"organization_id": organization_id})
        found = await connection.scalar(_FIND_INTERNAL_AGENT, {"organization_id": organization_id})
    if found is None:
        raise LookupError(f"Organization {organization_id} does not exist.")
    return found
