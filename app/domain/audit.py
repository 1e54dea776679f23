"""Entries of the audit log: who wrote what, when, without its content."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAuditEntry:
    """A write that succeeded, or was refused because the key may not do it.

    Attributes:
        organization_id: The organization of the key; the first organization for a command on the machine itself.
        key_id: The API key; None for a command.
        actor: The prefix of the key, or the operating system's user who ran the command.
        action: The operation's name in the OpenAPI document, or the command.
        method: The HTTP method; None for a command.
        path: The template of the route; None for a command.
        targets: What was written, each as ``kind:id``.
        fields: The names of the fields that the request gave.
        status: The HTTP status; None for a command.
        request_id: The request's id; None for a command.
        client_address: The client's address, if ``AUDIT_CLIENT_ADDRESSES`` is on.
    """

    organization_id: int
    key_id: int | None = None
    actor: str
    action: str
    method: str | None = None
    path: str | None = None
    targets: Sequence[str] = ()
    fields: Sequence[str] = ()
    status: int | None = None
    request_id: str | None = None
    client_address: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry(NewAuditEntry):
    """An entry that was written, just before the response was sent."""

    id: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Selects entries. A field of None matches everything. ``key`` is the id of a key or its prefix."""

    organization_id: int | None = None
    key: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""
