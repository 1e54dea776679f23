"""Idempotency: a write that is sent again under its key receives the first response, and is not carried out twice.

One statement takes the key before the request is carried out, another stores the response after it. If the process dies
in between, the key expires a minute after its last renewal. The request may then be carried out a second time, as it
would be without a key.
"""

import hashlib
from dataclasses import replace
from uuid import UUID

from app.db.engine import Database
from app.db.tenants.idempotency import claim_key, find_key, release_key, renew_key, store_answer
from app.domain.errors import IdempotencyInProgressError, IdempotencyKeyReusedError
from app.domain.idempotency import Fingerprint, Hold, KeyedRequest, KnownRequest, RunningRequest, StoredResponse
from app.domain.ids import uuid7

_TRIES = 3


def seal(body: bytes, secret: str, nonce: UUID) -> bytes:
    """Encrypt or decrypt with a key stream: SHAKE-256 of nonce and secret. Never use a nonce twice.

    A sponge function as a stream cipher: Bertoni, Daemen, Peeters, Van Assche, Cryptographic sponge functions, 2011.
    """
    stream = hashlib.shake_256(nonce.bytes + secret.encode()).digest(len(body))
    return bytes(a ^ b for a, b in zip(body, stream, strict=True))


class Idempotency:
    """Stores idempotency keys with the request and the response of each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, request: KeyedRequest) -> Hold | KnownRequest:
        """Take the key: returns the right to carry the request out, or the request that was carried out under it.

        Raises:
            IdempotencyKeyReusedError: when the key belongs to another method, path or query.
            IdempotencyInProgressError: when the first request is still running.
        """
        hold = Hold(request, uuid7())
        async with self._database.statement() as connection:
            for _ in range(_TRIES):
                if await claim_key(connection, hold):
                    return hold
                if known := await find_key(connection, request):  # otherwise it has just been freed
                    return _check(request, known)
        raise IdempotencyInProgressError

    async def renew(self, hold: Hold) -> None:
        """Renew the key while the request is running. Without a renewal for a minute, another request may take it.

        Raises:
            IdempotencyInProgressError: when another request has taken it.
        """
        async with self._database.statement() as connection:
            if not await renew_key(connection, hold):
                raise IdempotencyInProgressError

    async def store(
        self, hold: Hold, fingerprint: Fingerprint, answer: StoredResponse, secret: str | None = None
    ) -> bool:
        """Store the response for repetitions of the request; returns False when another request has taken the key.

        Args:
            hold: The right to carry the request out.
            fingerprint: The fingerprint of the request's body.
            answer: The response.
            secret: Encrypts the response's body, so that the database alone does not reveal it.
        """
        if secret:
            answer = replace(answer, body=seal(answer.body, secret, hold.holder))
        async with self._database.statement() as connection:
            return await store_answer(connection, hold, fingerprint, answer)

    async def free(self, hold: Hold) -> None:
        """Delete the key, so that the request can be tried again."""
        async with self._database.statement() as connection:
            await release_key(connection, hold)


def _check(request: KeyedRequest, known: KnownRequest | RunningRequest) -> KnownRequest:
    if known.target != request.target:
        raise IdempotencyKeyReusedError
    if isinstance(known, RunningRequest):
        raise IdempotencyInProgressError
    return known


def recall(known: KnownRequest, fingerprint: Fingerprint | None, secret: str | None = None) -> StoredResponse:
    """The stored response of a request that was carried out.

    Args:
        known: That request.
        fingerprint: The fingerprint of the repeated body; None when it is incomplete or longer than the first.
        secret: The secret under which the response was stored.

    Raises:
        IdempotencyKeyReusedError: when the bodies differ.
    """
    if known.fingerprint != fingerprint:
        raise IdempotencyKeyReusedError
    if secret:
        return replace(known.answer, body=seal(known.answer.body, secret, known.holder))
    return known.answer
