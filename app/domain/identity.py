"""The caller of a request: its organization, what it may see of it, and the scopes of its API key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.domain.errors import NotFoundError, RestrictedKeyError


class Scope(StrEnum):
    """What an API key permits. Each scope includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"
    """Manages the API keys of its organization."""
    OPERATOR = "operator"
    """Operates the installation, which all organizations share: queues, workers, providers."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a caller may see: all of its organization, or only some of its agents or documents.

    Queries turn it into conditions in one place, ``app.db.tenants.visibility``.
    """

    organization_id: int
    agent_ids: frozenset[int] | None = None
    """The agents that exist for the caller; None for all of the organization."""
    document_filter: Mapping[str, Any] | None = None
    """The search filter that a document must match to exist for the caller; None for every document."""
    key_id: int = 0
    """The API key. With a ``document_filter``, the caller sees the questions that this key has asked."""

    @property
    def is_restricted(self) -> bool:
        """Whether it is only a part of the organization."""
        return self.agent_ids is not None or self.document_filter is not None

    def includes_agent(self, agent_id: int | None) -> bool:
        """Whether an agent of the organization exists for the caller."""
        return self.agent_ids is None or agent_id in self.agent_ids

    def check_agent(self, agent_id: int) -> None:
        """Check that an agent, if the organization has it, exists for the caller.

        Raises:
            NotFoundError: it does not.
        """
        if not self.includes_agent(agent_id):
            raise NotFoundError(f"Agent {agent_id} does not exist.")

    def check_unrestricted(self) -> None:
        """Check that the caller sees all of its organization.

        Raises:
            RestrictedKeyError: it does not.
        """
        if self.is_restricted:
            raise RestrictedKeyError


@dataclass(frozen=True, slots=True)
class Identity:
    """An authenticated caller. ``agent_ids`` and ``document_filter`` are those of ``Access``."""

    organization_id: int
    scopes: frozenset[Scope]
    key_prefix: str
    """The beginning of the API key, by which logs and lists identify it."""
    key_id: int = 0
    agent_ids: frozenset[int] | None = None
    document_filter: Mapping[str, Any] | None = None
    expires_at: datetime | None = None
    """When the API key becomes invalid; None: never."""
    limits_version: int = 0
    """The version of the limits of the organization and its agents; 0: it has none of its own."""

    @property
    def access(self) -> Access:
        """What the caller may see."""
        return Access(self.organization_id, self.agent_ids, self.document_filter, self.key_id)

    @property
    def is_restricted(self) -> bool:
        """Whether the key sees only a part of its organization."""
        return self.access.is_restricted

    def allows(self, scope: Scope) -> bool:
        """Whether the key has ``scope`` or a scope that includes it.

        A key with a document filter only reads, and a restricted key is no operator's, whatever their rows say.
        """
        if self.document_filter is not None and scope is not Scope.READ:
            return False
        if self.is_restricted and scope is Scope.OPERATOR:
            return False
        order = list(Scope)
        return any(order.index(granted) >= order.index(scope) for granted in self.scopes)


def make_local_operator(organization_id: int) -> Identity:
    """The caller of commands on the machine of the installation, which work on its database without a key."""
    return Identity(organization_id, frozenset(Scope), "local")


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant."""

    id: int
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewKey:
    """An API key to create. Without ``scopes``, it reads and writes; with a document filter, it reads."""

    name: str
    scopes: Sequence[Scope] | None = None
    agent_ids: Sequence[int] | None = None
    document_filter: Mapping[str, Any] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secrets, which are not stored."""

    id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None
    agent_ids: Sequence[int] | None = None
    document_filter: Mapping[str, Any] | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    former_expires_at: datetime | None = None
    """Until when the secret before the last rotation is valid."""

    @property
    def is_operator(self) -> bool:
        """Whether the key has the scope ``operator``."""
        return Scope.OPERATOR in self.scopes
