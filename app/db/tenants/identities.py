"""Queries that identify callers, and on the default organization."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.statements import Statement
from app.db.tables.tenants import api_keys, organizations
from app.domain.identity import Identity, Scope


def list_scopes(scopes: Sequence[str], operator: bool) -> tuple[Scope, ...]:
    """The scopes of a key. ``operator`` has a column of its own: former versions fail on a scope they do not have."""
    return (*map(Scope, scopes), *([Scope.OPERATOR] if operator else []))


async def get_default_organization(connection: AsyncConnection) -> int:
    """Return the id of the organization that the migrations created."""
    return int((await connection.execute(select(func.min(organizations.c.id)))).scalar_one())


async def lock_organization(connection: AsyncConnection, organization_id: int) -> None:
    """Lock an organization until the transaction ends, so that processes create its first key one after the other."""
    row = select(organizations.c.id).where(organizations.c.id == organization_id)
    await connection.execute(row.with_for_update(key_share=True))


# Every digest has this length. The condition makes Postgres expect one digest. Otherwise it expects ten, finds its plan
# expensive and plans the statement anew for each request, which takes longer than running it.
_FIND_IDENTITIES = Statement("""
    SELECT given.hash, k.organization_id, k.scopes, k.operator, k.prefix, k.id, k.agent_ids, k.document_filter,
        k.expires_at, o.limits_version
    FROM unnest(CAST(:key_hashes AS bytea[])) AS given (hash)
    JOIN api_keys AS k ON k.hash = given.hash OR (k.former_hash = given.hash AND k.former_expires_at > now())
    JOIN organizations AS o ON o.id = k.organization_id
    WHERE octet_length(given.hash) = 32 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
""")


def _identity(row: Any) -> Identity:
    return Identity(
        row["organization_id"],
        frozenset(list_scopes(row["scopes"], row["operator"])),
        row["prefix"],
        row["id"],
        None if row["agent_ids"] is None else frozenset(row["agent_ids"]),
        row["document_filter"],
        row["expires_at"],
        row["limits_version"],
    )


async def find_identities(database: Database, key_hashes: Sequence[bytes]) -> list[Identity | None]:
    """Find the identity of the key with each of these SHA-256 digests; None if it is unknown, revoked or expired."""
    rows = await database.fetch(_FIND_IDENTITIES, {"key_hashes": list(set(key_hashes))})
    found = {row["hash"]: _identity(row) for row in rows}
    return [found.get(key_hash) for key_hash in key_hashes]


async def has_api_keys(connection: AsyncConnection) -> bool:
    """Return whether any key was ever created."""
    return bool(await connection.scalar(select(select(api_keys.c.id).exists())))
