"""Requests that may be sent twice and are carried out once."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request under a key of its organization."""

    organization_id: int
    key: str
    target: bytes
    """SHA-256 of what is known of the request before its body."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The right to carry out a keyed request. Whoever lost it can neither store an answer nor free the key."""

    request: KeyedRequest
    holder: UUID


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What a body is recognised by: a SHA-256, and how many bytes were hashed."""

    digest: bytes
    size: int


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """An HTTP answer as it is kept; the names of headers are lowercase."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """A request that was carried out under a key."""

    holder: UUID
    target: bytes
    fingerprint: Fingerprint
    answer: StoredResponse


@dataclass(frozen=True, slots=True)
class RunningRequest:
    """A request that is being carried out under a key."""

    target: bytes
