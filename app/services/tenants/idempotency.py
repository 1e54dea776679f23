"""Idempotency: a write that is sent again under its key gets the answer of the first, and nothing is done twice.

A key is taken in a statement of its own before the work, and ended by another after it. What
happens to a process in between cannot be known, so a key that is neither ended nor renewed is
free again after a minute: then the work may be done a second time, as it would be without a key.
"""

import hashlib
from dataclasses import replace
from uuid import UUID

from app.db.engine import Database
from app.db.idempotency import claim_key, find_key, release_key, renew_key, store_answer
from app.domain.errors import IdempotencyInProgressError, IdempotencyKeyReusedError
from app.domain.idempotency import Fingerprint, Hold, KeyedRequest, KnownRequest, RunningRequest, StoredResponse
from app.domain.ids import uuid7

_TRIES = 3


def seal(body: bytes, secret: str, nonce: UUID) -> bytes:
    """Encrypt, or decrypt, with a key stream: SHAKE-256 of nonce and secret.

    A sponge as a stream cipher: Bertoni, Daemen, Peeters, Van Assche, Cryptographic sponge functions, 2011. No nonce
    may serve twice.
    """
    stream = hashlib.shake_256(nonce.bytes + secret.encode()).digest(len(body))
    return bytes(a ^ b for a, b in zip(body, stream, strict=True))


class Idempotency:
    """Keeps keys, and what each stands for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, request: KeyedRequest) -> Hold | KnownRequest:
        """The right to carry the request out, or what is known of one that was.

        Raises:
            IdempotencyKeyReusedError: when the key stands for another method, path or query.
            IdempotencyInProgressError: when the request still runs.
        """
        hold = Hold(request, uuid7())
        async with self._database.statement() as connection:
            for _ in range(_TRIES):
                if await claim_key(connection, hold):
                    return hold
                if known := await find_key(connection, request):  # else it was freed in between
                    return _check(request, known)
        raise IdempotencyInProgressError

    async def renew(self, hold: Hold) -> None:
        """Say that the request still runs; once a minute at least, or another takes it over.

        Raises:
            IdempotencyInProgressError: when another has.
        """
        async with self._database.statement() as connection:
            if not await renew_key(connection, hold):
                raise IdempotencyInProgressError

    async def store(
        self, hold: Hold, fingerprint: Fingerprint, answer: StoredResponse, secret: str | None = None
    ) -> bool:
        """Keep the answer for those who send the request again; False when another has taken it over.

        Args:
            hold: The right to do so.
            fingerprint: Of the request's body.
            answer: What was answered.
            secret: What the answer's body is kept under, so that nobody can read it who has only the database.
        """
        if secret:
            answer = replace(answer, body=seal(answer.body, secret, hold.holder))
        async with self._database.statement() as connection:
            return await store_answer(connection, hold, fingerprint, answer)

    async def free(self, hold: Hold) -> None:
        """Forget the request, so that it can be tried again."""
        async with self._database.statement() as connection:
            await release_key(connection, hold)


def _check(request: KeyedRequest, known: KnownRequest | RunningRequest) -> KnownRequest:
    if known.target != request.target:
        raise IdempotencyKeyReusedError
    if isinstance(known, RunningRequest):
        raise IdempotencyInProgressError
    return known


def recall(known: KnownRequest, fingerprint: Fingerprint | None, secret: str | None = None) -> StoredResponse:
    """The answer of the request that was carried out.

    Args:
        known: What is known of it.
        fingerprint: Of the body that came now; None when it broke off or is longer than the first.
        secret: What the answer was kept under.

    Raises:
        IdempotencyKeyReusedError: when its body was another.
    """
    if known.fingerprint != fingerprint:
        raise IdempotencyKeyReusedError
    if secret:
        return replace(known.answer, body=seal(known.answer.body, secret, known.holder))
    return known.answer
