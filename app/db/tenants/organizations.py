"""Queries on organizations, and on the agents under which their own tasks run."""

from typing import Any

from sqlalchemy import insert, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.paging import list_rows
from app.db.tables.tenants import organizations
from app.domain.identity import Organization
from app.domain.records import Listing

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


def _organization(row: Any) -> Organization:
    return Organization(row.id, row.name, row.created_at)


async def insert_organization(connection: AsyncConnection, name: str) -> Organization:
    """Add an organization."""
    statement = insert(organizations).values(name=name).returning(*organizations.c)
    return _organization((await connection.execute(statement)).one())


async def get_organization(connection: AsyncConnection, organization_id: int) -> Organization | None:
    """One organization."""
    query = select(organizations).where(organizations.c.id == organization_id)
    row = (await connection.execute(query)).one_or_none()
    return _organization(row) if row else None


async def list_organizations(
    connection: AsyncConnection, only: int | None, *, limit: int, after: int | None
) -> Listing[Organization]:
    """List the organizations of the installation, the newest first, or ``only`` the one with this id."""
    condition = true() if only is None else organizations.c.id == only
    return await list_rows(connection, organizations, [condition], _organization, limit=limit, after=after)


async def rename_organization(connection: AsyncConnection, organization_id: int, name: str) -> Organization | None:
    """Give an organization another name."""
    renamed = update(organizations).where(organizations.c.id == organization_id).values(name=name)
    row = (await connection.execute(renamed.returning(*organizations.c))).one_or_none()
    return _organization(row) if row else None
