"""Queries on organizations and their API keys."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.paging import list_rows
from app.db.statements import Statement
from app.db.tables.tenants import api_keys, organizations
from app.domain.identity import ApiKey, Identity, Scope
from app.domain.records import Listing


def _list_scopes(scopes: Sequence[str], operator: bool) -> tuple[Scope, ...]:
    """The scopes of a key. ``operator`` has a column of its own: former versions fail on a scope they do not have."""
    return (*map(Scope, scopes), *([Scope.OPERATOR] if operator else []))


def _api_key(row: Any) -> ApiKey:
    return ApiKey(row.id, row.name, row.prefix, _list_scopes(row.scopes, row.operator), row.created_at, row.revoked_at)


async def get_default_organization(connection: AsyncConnection) -> int:
    """Return the id of the organization that the migrations created."""
    return int((await connection.execute(select(func.min(organizations.c.id)))).scalar_one())


async def lock_organization(connection: AsyncConnection, organization_id: int) -> None:
    """Lock an organization until the transaction ends, so that processes create its first key one after the other."""
    row = select(organizations.c.id).where(organizations.c.id == organization_id)
    await connection.execute(row.with_for_update(key_share=True))


_FIND_IDENTITIES = Statement("""
    SELECT given.hash, k.organization_id, k.scopes, k.operator, k.prefix, k.id, k.agent_ids, k.document_filter,
        k.expires_at
    FROM unnest(CAST(:key_hashes AS bytea[])) AS given (hash)
    JOIN api_keys AS k ON k.hash = given.hash OR (k.former_hash = given.hash AND k.former_expires_at > now())
    WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
""")


def _identity(row: Any) -> Identity:
    return Identity(
        row["organization_id"],
        frozenset(_list_scopes(row["scopes"], row["operator"])),
        row["prefix"],
        row["id"],
        None if row["agent_ids"] is None else frozenset(row["agent_ids"]),
        row["document_filter"],
        row["expires_at"],
    )


async def find_identities(database: Database, key_hashes: Sequence[bytes]) -> list[Identity | None]:
    """Find the identity of the key with each of these SHA-256 digests; None if it is unknown, revoked or expired."""
    rows = await database.fetch(_FIND_IDENTITIES, {"key_hashes": list(set(key_hashes))})
    found = {row["hash"]: _identity(row) for row in rows}
    return [found.get(key_hash) for key_hash in key_hashes]


async def has_api_keys(connection: AsyncConnection) -> bool:
    """Return whether any key was ever created."""
    return bool(await connection.scalar(select(select(api_keys.c.id).exists())))


async def find_key_by_hash(connection: AsyncConnection, key_hash: bytes) -> ApiKey | None:
    """Find the key with this SHA-256, even if it is revoked."""
    row = (await connection.execute(select(api_keys).where(api_keys.c.hash == key_hash))).one_or_none()
    return _api_key(row) if row else None


async def find_api_key(connection: AsyncConnection, organization_id: int, key_id: int) -> ApiKey | None:
    """Find a key of an organization, even if it is revoked."""
    query = select(api_keys).where(api_keys.c.id == key_id, api_keys.c.organization_id == organization_id)
    row = (await connection.execute(query)).one_or_none()
    return _api_key(row) if row else None


async def insert_api_key(
    connection: AsyncConnection, organization_id: int, *, name: str, prefix: str, key_hash: bytes, scopes: Sequence[str]
) -> ApiKey:
    """Add a key by its hash."""
    statement = insert(api_keys).values(
        organization_id=organization_id,
        name=name,
        prefix=prefix,
        hash=key_hash,
        scopes=[scope for scope in scopes if scope != Scope.OPERATOR],
        operator=Scope.OPERATOR in scopes,
    )
    return _api_key((await connection.execute(statement.returning(*api_keys.c))).one())


async def list_api_keys(
    connection: AsyncConnection, organization_id: int, *, limit: int, after: int | None
) -> Listing[ApiKey]:
    """List an organization's keys, the newest first, including revoked ones."""
    conditions = [api_keys.c.organization_id == organization_id]
    return await list_rows(connection, api_keys, conditions, _api_key, limit=limit, after=after)


async def revoke_api_key(connection: AsyncConnection, organization_id: int, key_id: int) -> bool:
    """Revoke a key. False when it does not exist or is revoked already."""
    statement = (
        update(api_keys)
        .where(
            api_keys.c.id == key_id,
            api_keys.c.organization_id == organization_id,
            api_keys.c.revoked_at.is_(None),
        )
        .values(revoked_at=func.now())
        .returning(api_keys.c.id)
    )
    return (await connection.execute(statement)).one_or_none() is not None
