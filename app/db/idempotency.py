"""Queries on idempotency keys. Run each statement in its own transaction."""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, bindparam, delete, func, null, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables import idempotency_keys
from app.domain.idempotency import Fingerprint, Hold, KeyedRequest, KnownRequest, RunningRequest, StoredResponse
from app.domain.identity import Scope

_LIFETIME = timedelta(hours=24)
_CLAIM_LIFETIME = timedelta(seconds=60)  # a running request that is not renewed for so long has died

_C = idempotency_keys.c
_EXPIRED = _C.created_at < func.now() - _LIFETIME
_DEAD = _C.status.is_(None) & (_C.renewed_at < func.now() - _CLAIM_LIFETIME)

_INSERT = insert(idempotency_keys).values(
    organization_id=bindparam("organization_id"),
    key=bindparam("key"),
    holder=bindparam("holder"),
    target=bindparam("target"),
)
# One statement decides among concurrent requests: the key is new, or its request has expired or died, or it is in use.
_CLAIM = _INSERT.on_conflict_do_update(
    index_elements=[_C.organization_id, _C.key],
    set_={
        "holder": _INSERT.excluded.holder,
        "target": _INSERT.excluded.target,
        **dict.fromkeys(("fingerprint", "size", "status", "headers", "body", "scope"), null()),
        "created_at": func.now(),
        "renewed_at": func.now(),
    },
    where=_EXPIRED | _DEAD,
).returning(_C.holder)


def _held(hold: Hold) -> ColumnElement[bool]:
    return (
        (_C.organization_id == hold.request.organization_id)
        & (_C.key == hold.request.key)
        & (_C.holder == hold.holder)
        & _C.status.is_(None)
    )


async def claim_key(connection: AsyncConnection, hold: Hold) -> bool:
    """Claim the key for a request that is about to run.

    False when the key is in use: by a running request, until 60 seconds after its last renewal, or by a finished one,
    for 24 hours.
    """
    request = hold.request
    values = {
        "organization_id": request.organization_id,
        "key": request.key,
        "holder": hold.holder,
        "target": request.target,
    }
    return (await connection.execute(_CLAIM, values)).one_or_none() is not None


async def find_key(connection: AsyncConnection, request: KeyedRequest) -> KnownRequest | RunningRequest | None:
    """Find the request that the key belongs to."""
    query = select(idempotency_keys).where(_C.organization_id == request.organization_id, _C.key == request.key)
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    if row.status is None:
        return RunningRequest(row.target)
    answer = StoredResponse(row.status, row.headers, row.body, Scope(row.scope or Scope.WRITE))
    return KnownRequest(row.holder, row.target, Fingerprint(row.fingerprint, row.size), answer)


async def renew_key(connection: AsyncConnection, hold: Hold) -> bool:
    """Renew a running request's claim on its key. False when another request has claimed the key."""
    return await _changes(connection, update(idempotency_keys).where(_held(hold)).values(renewed_at=func.now()))


async def store_answer(
    connection: AsyncConnection, hold: Hold, fingerprint: Fingerprint, answer: StoredResponse
) -> bool:
    """Store the response of a running request. False when another request has claimed the key."""
    values = {
        "fingerprint": fingerprint.digest,
        "size": fingerprint.size,
        "status": answer.status,
        "headers": dict(answer.headers),
        "body": answer.body,
        "scope": answer.scope.value,
    }
    return await _changes(connection, update(idempotency_keys).where(_held(hold)).values(values))


async def release_key(connection: AsyncConnection, hold: Hold) -> None:
    """Release the key of a running request, so that the next request with this key is executed."""
    await connection.execute(delete(idempotency_keys).where(_held(hold)))


async def forget_keys(connection: AsyncConnection, limit: int) -> int:
    """Delete keys older than 24 hours, ``limit`` at most; returns how many."""
    primary_key = tuple_(_C.organization_id, _C.key)
    old = select(_C.organization_id, _C.key).where(_EXPIRED).order_by(_C.created_at).limit(limit)
    statement = delete(idempotency_keys).where(primary_key.in_(old.with_for_update(skip_locked=True)))
    result: CursorResult[Any] = await connection.execute(statement)
    return result.rowcount


async def _changes(connection: AsyncConnection, statement: Any) -> bool:
    return (await connection.execute(statement.returning(_C.holder))).one_or_none() is not None
