"""Queries on idempotency keys. Run each statement in its own transaction."""

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, bindparam, delete, func, null, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.tables.core import idempotency_keys
from app.domain.errors import NotFoundError
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


_GONE = {
    "type": "about:blank",
    "title": "Not found.",
    "status": 404,
    "detail": "Not found. What this answer was about is deleted.",
    "code": NotFoundError.code,
    "retryable": False,
    "request_id": "",
}

_ERASE_ANSWERS = """
    UPDATE idempotency_keys AS k
    SET status = 404, headers = '{{"content-type": "application/problem+json"}}', body = CAST(:body AS bytea)
    WHERE k.organization_id = CAST(:organization_id AS bigint) AND k.status IS NOT NULL AND k.key = ANY (ARRAY(
        SELECT k.key FROM idempotency_keys AS k
        WHERE k.organization_id = CAST(:organization_id AS bigint) AND k.status IS NOT NULL AND {condition}
        ORDER BY k.key FOR UPDATE))
"""

# Compared as bytes: a body may be encrypted.
_ERASE_MENTIONING = text(
    _ERASE_ANSWERS.format(
        condition="""
            EXISTS (SELECT FROM unnest(CAST(:mentions AS bytea[])) AS m (part) WHERE position(m.part IN k.body) > 0)"""
    )
)


async def erase_document_answers(connection: AsyncConnection, organization_id: int, document_id: int) -> None:
    """Replace the stored answers about a document by an error: uploads, searches, tasks. No request is repeated."""
    mentions = [f'"document_id":{document_id}{end}'.encode() for end in (",", "}")]
    parameters = {"organization_id": organization_id, "mentions": mentions, "body": json.dumps(_GONE).encode()}
    await connection.execute(_ERASE_MENTIONING, parameters)


_NEXT_KEY = text("""
    SELECT max(key) FROM (
        SELECT key FROM idempotency_keys WHERE organization_id = CAST(:organization_id AS bigint) AND key > :after
        ORDER BY key LIMIT :limit) AS part
""")

_ERASE_OF_AGENT = text(
    _ERASE_ANSWERS.format(
        condition="""k.key > :after AND k.key <= :last AND (
            position(CAST(:agent AS bytea) IN k.body) > 0 OR EXISTS (
                SELECT FROM regexp_matches(encode(k.body, 'escape'), '"document_id":([0-9]{1,18})', 'g') AS m (id)
                JOIN documents AS d ON d.id = CAST(m.id[1] AS bigint) WHERE d.agent_id = CAST(:agent_id AS bigint)))"""
    )
)


async def erase_agent_answers(
    connection: AsyncConnection, organization_id: int, agent_id: int, *, after: str, limit: int
) -> str | None:
    """Do the same for an agent and its documents, among the next keys in order; returns the last key, None at the end.

    ``after`` is the key that the former call returned, at first an empty text.
    """
    place = {"organization_id": organization_id, "after": after}
    last: str | None = (await connection.execute(_NEXT_KEY, {**place, "limit": limit})).scalar_one()
    if last is not None:
        agent = f'{{"id":{agent_id},"name":'.encode()
        parameters = {**place, "last": last, "agent": agent, "agent_id": agent_id, "body": json.dumps(_GONE).encode()}
        await connection.execute(_ERASE_OF_AGENT, parameters)
    return last


async def forget_keys(connection: AsyncConnection, limit: int) -> int:
    """Delete keys older than 24 hours, ``limit`` at most; returns how many."""
    primary_key = tuple_(_C.organization_id, _C.key)
    old = select(_C.organization_id, _C.key).where(_EXPIRED).order_by(_C.created_at).limit(limit)
    statement = delete(idempotency_keys).where(primary_key.in_(old.with_for_update(skip_locked=True)))
    result: CursorResult[Any] = await connection.execute(statement)
    return result.rowcount


async def _changes(connection: AsyncConnection, statement: Any) -> bool:
    return (await connection.execute(statement.returning(_C.holder))).one_or_none() is not None
