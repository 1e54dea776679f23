"""Queries on API keys."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import any_, func, insert, literal, null, or_, select, text, update
from sqlalchemy.dialects.postgresql import BYTEA
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.paging import list_rows
from app.db.tables.tenants import api_keys
from app.db.tenants.identities import list_scopes
from app.db.tenants.visibility import sees_key
from app.domain.identity import Access, ApiKey, NewKey, Scope
from app.domain.records import Listing


def _api_key(row: Any) -> ApiKey:
    return ApiKey(
        row.id,
        row.name,
        row.prefix,
        list_scopes(row.scopes, row.operator),
        row.created_at,
        row.revoked_at,
        row.agent_ids,
        row.document_filter,
        row.expires_at,
        row.last_used_at,
        row.former_expires_at,
    )


async def insert_api_key(
    connection: AsyncConnection, organization_id: int, wanted: NewKey, *, prefix: str, key_hash: bytes
) -> ApiKey:
    """Add a key by the hash of its secret."""
    scopes = wanted.scopes or ()
    statement = insert(api_keys).values(
        organization_id=organization_id,
        name=wanted.name,
        prefix=prefix,
        hash=key_hash,
        scopes=[scope.value for scope in scopes if scope is not Scope.OPERATOR],
        operator=Scope.OPERATOR in scopes,
        agent_ids=wanted.agent_ids,
        document_filter=wanted.document_filter,
        expires_at=wanted.expires_at,
    )
    return _api_key((await connection.execute(statement.returning(*api_keys.c))).one())


async def find_api_key(connection: AsyncConnection, access: Access, key_id: int) -> ApiKey | None:
    """Find a key that exists for the caller, even if it is revoked."""
    row = (await connection.execute(select(api_keys).where(api_keys.c.id == key_id, sees_key(access)))).one_or_none()
    return _api_key(row) if row else None


async def list_api_keys(
    connection: AsyncConnection, access: Access, *, limit: int, after: int | None
) -> Listing[ApiKey]:
    """List the keys that exist for the caller, the newest first, including revoked ones."""
    return await list_rows(connection, api_keys, [sees_key(access)], _api_key, limit=limit, after=after)


async def find_key_by_hash(connection: AsyncConnection, key_hash: bytes) -> tuple[ApiKey, bool] | None:
    """Find the key that has or had the secret with this SHA-256, even if it is revoked.

    Also returns whether it is the key's present secret.
    """
    given = literal(key_hash, BYTEA)
    is_secret = or_(api_keys.c.hash == given, api_keys.c.former_hash == given, given == any_(api_keys.c.retired_hashes))
    row = (await connection.execute(select(api_keys).where(is_secret).limit(1))).one_or_none()
    return (_api_key(row), bool(row.hash == key_hash)) if row else None


async def _update(connection: AsyncConnection, key_id: int, values: Mapping[Any, Any]) -> ApiKey | None:
    valid = (api_keys.c.id == key_id) & api_keys.c.revoked_at.is_(None)
    statement = update(api_keys).where(valid).values(values).returning(*api_keys.c)
    row = (await connection.execute(statement)).one_or_none()
    return _api_key(row) if row else None


async def update_api_key(connection: AsyncConnection, key_id: int, name: str, expires_at: datetime | None) -> bool:
    """Change the name and the expiry of a key. False when it is revoked."""
    return await _update(connection, key_id, {"name": name, "expires_at": expires_at}) is not None


async def replace_secret(
    connection: AsyncConnection, key_id: int, *, prefix: str, key_hash: bytes, overlap: float
) -> ApiKey | None:
    """Give a key a new secret. The present one is valid for ``overlap`` seconds, the one before it no longer.

    None when the key is revoked.
    """
    retired = func.array_append(api_keys.c.retired_hashes, api_keys.c.former_hash)
    former = {
        "former_hash": api_keys.c.hash,
        "former_expires_at": func.now() + func.make_interval(0, 0, 0, 0, 0, 0, overlap),
        "retired_hashes": func.array_remove(retired, null()),
    }
    return await _update(connection, key_id, {"hash": key_hash, "prefix": prefix, **former})


async def revoke_api_key(connection: AsyncConnection, key_id: int) -> bool:
    """Revoke a key with both of its secrets. False when it is revoked already."""
    return await _update(connection, key_id, {"revoked_at": func.now()}) is not None


# Processes that share a key write within the same minute: only the first of them does.
_NOTE_USE = text("""
    UPDATE api_keys AS k SET last_used_at = used.at
    FROM unnest(CAST(:ids AS bigint[]), CAST(:times AS timestamptz[])) AS used (id, at)
    WHERE k.id = used.id AND (k.last_used_at IS NULL OR k.last_used_at < used.at - interval '1 minute')
""")


async def note_use(connection: AsyncConnection, used: Mapping[int, datetime]) -> None:
    """Write when keys were used, by their ids, unless a time within a minute of it is written already."""
    await connection.execute(_NOTE_USE, {"ids": list(used), "times": list(used.values())})
