"""Requests with an idempotency key: they may be sent twice and are carried out once."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from app.domain.identity import Scope


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with an idempotency key of its organization."""

    organization_id: int
    key: str
    target: bytes
    """SHA-256 of method, path and query, of the API key if the response contains a secret, and of its restriction."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The right to carry out a keyed request. A process that lost it cannot store a response or free the key."""

    request: KeyedRequest
    holder: UUID


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Identifies a body: a SHA-256, and the number of bytes that were hashed."""

    digest: bytes
    size: int


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """An HTTP response as it is stored, with lower-case header names."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    scope: Scope = Scope.WRITE
    """The scope that the request required. A key without it does not receive the response."""


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """A keyed request that was carried out."""

    holder: UUID
    target: bytes
    fingerprint: Fingerprint
    answer: StoredResponse


@dataclass(frozen=True, slots=True)
class RunningRequest:
    """A keyed request that is being carried out."""

    target: bytes
