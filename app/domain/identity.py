"""The caller of a request: its organization, and the scopes of its API key."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Scope(StrEnum):
    """What an API key permits. Each scope includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
    """Manages the API keys of its organization."""
    OPERATOR = "operator"
    """Operates the installation, which all organizations share: queues, workers, providers."""


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated caller."""

    organization_id: int
    scopes: frozenset[Scope]
    key_prefix: str
    """The beginning of the API key, by which logs and lists identify it."""
    key_id: int = 0
    agent_ids: frozenset[int] | None = None
    """The agents that the key may use; None for all of the organization."""
    document_filter: Mapping[str, Any] | None = None
    """The search filter that a document must match to exist for this key; None for every document."""

    @property
    def is_restricted(self) -> bool:
        """Whether the key sees only a part of its organization."""
        return self.agent_ids is not None or self.document_filter is not None

    def allows(self, scope: Scope) -> bool:
        """Whether the key has ``scope`` or a scope that includes it."""
        order = list(Scope)
        return any(order.index(granted) >= order.index(scope) for granted in self.scopes)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret, which is not stored."""

    id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None

    @property
    def is_operator(self) -> bool:
        """Whether the key has the scope ``operator``."""
        return Scope.OPERATOR in self.scopes
