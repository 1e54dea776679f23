"""Webhooks: which events they receive, their deliveries, and when a failed delivery is tried again."""

import base64
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

CALLBACKS = "callbacks"
"""In place of a webhook's id: all callback URLs of an organization."""

TEST_EVENT = "webhook.test"
RETRY_DELAYS = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Seconds from each failed attempt to the next: ten attempts within three days and some hours."""

MOST_ATTEMPTS = len(RETRY_DELAYS) + 1
_JITTER = 0.2
_OUTAGE = timedelta(minutes=1)
_GONE = 410
_SUCCESSES = range(200, 300)
_REDIRECTS = range(300, 400)
LOGGED_ATTEMPTS = 20
"""The number of attempts that a delivery's log keeps, the latest ones."""


class DeliveryStatus(StrEnum):
    """The state of a delivery, as clients see it."""

    PENDING = "pending"
    """It will be sent, for the first time or again."""

    DELIVERED = "delivered"
    """The receiver answered with 2xx."""

    FAILED = "failed"
    """All attempts failed, or its task was cancelled."""

    HELD = "held"
    """Its webhook was disabled before it was sent, or the server of its callback URL had failed for days."""


class Reason(StrEnum):
    """Why a webhook is disabled."""

    GONE = "gone"
    """The receiver answered 410."""

    FAILING = "failing"
    """Every attempt failed for days."""

    REQUESTED = "requested"
    """A client disabled it."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook of an organization, or the callback URLs of one server."""

    id: int
    organization_id: int
    callback_origin: str | None
    url: str
    description: str
    events: Sequence[str]
    agent_ids: Sequence[int] | None
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: str | None
    failures: int
    failing_since: datetime | None
    failed_at: datetime | None
    created_at: datetime
    updated_at: datetime

    def was_down(self, now: datetime) -> bool:
        """Whether all of its attempts failed for a minute at least, so that not just one event was refused."""
        return self.failing_since is not None and now - self.failing_since > _OUTAGE

    def wants(self, event: str, agent_id: int | None) -> bool:
        """Whether it receives an event of this type, about this agent."""
        if self.agent_ids is not None and agent_id not in self.agent_ids:
            return False
        return any(matches(pattern, event) for pattern in self.events)


def matches(pattern: str, event: str) -> bool:
    """Whether an event's type is the pattern, or begins as a pattern such as ``task.*`` says. ``*`` is every type."""
    if pattern == "*":
        return True
    return event.startswith(pattern[:-1]) if pattern.endswith(".*") else event == pattern


@dataclass(frozen=True, slots=True)
class WebhookValues:
    """What a client sets of a webhook."""

    url: str
    description: str
    events: Sequence[str]
    agent_ids: Sequence[int] | None
    enabled: bool


@dataclass(frozen=True, slots=True)
class Secret:
    """A signing secret. ``expires_at`` is None for the current one."""

    secret: str
    created_at: datetime
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to a webhook. ``log`` contains the latest attempts as ``AttemptLog.as_json`` writes them."""

    id: int
    organization_id: int
    webhook_id: int
    event_id: int | None
    message_id: str
    event: str
    document_id: int | None
    position: int | None
    url: str | None
    body: str
    status: DeliveryStatus
    attempts: int
    task_id: UUID | None
    log: Sequence[Mapping[str, Any]]
    created_at: datetime
    next_attempt_at: datetime | None
    completed_at: datetime | None

    def __post_init__(self) -> None:
        """Convert the status, which rows contain as text."""
        object.__setattr__(self, "status", DeliveryStatus(self.status))


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery to insert."""

    organization_id: int
    webhook_id: int
    event_id: int | None
    message_id: str
    event: str
    document_id: int | None
    position: int | None
    url: str | None
    body: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver answered, or why there is no answer.

    Attributes:
        status: The HTTP status; None without an answer.
        error: Why there is no answer, or why this one is a failure; None for a success.
        excerpt: The beginning of the body.
        retry_after: The seconds that the receiver asks to wait.
    """

    status: int | None
    error: str | None = None
    excerpt: str = ""
    retry_after: float | None = None

    @property
    def is_success(self) -> bool:
        """Whether the receiver has accepted the delivery."""
        return self.status in _SUCCESSES and self.error is None

    @property
    def is_gone(self) -> bool:
        """Whether the receiver says that it wants no deliveries any more."""
        return self.status == _GONE


def describe_status(status: int) -> str | None:
    """Why an answer with this status is a failure; None for a success."""
    if status in _SUCCESSES:
        return None
    if status in _REDIRECTS:
        return f"The receiver redirects (status {status}). Redirects are not followed: register the final URL."
    if status == _GONE:
        return "The receiver wants no more deliveries (status 410)."
    return f"The receiver answered with status {status}."


@dataclass(frozen=True, slots=True)
class AttemptLog:
    """One attempt of a delivery."""

    at: str
    ms: int
    status: int | None
    error: str | None
    excerpt: str

    def as_json(self) -> dict[str, Any]:
        """The object stored in ``webhook_deliveries.log``."""
        return asdict(self)


def make_secret() -> str:
    """A new signing secret, as the Standard Webhooks specification writes it: 256 random bits."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def choose_retry_delay(attempts: int, retry_after: float | None = None) -> float | None:
    """Seconds until the next attempt after so many failed ones, with a jitter of 20 %; None after the last.

    ``retry_after``, which the receiver states, is a lower limit.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    delay = RETRY_DELAYS[max(attempts, 1) - 1]
    jitter = random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - not for security
    return max(delay * jitter, retry_after or 0.0)


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Selects deliveries. A field of None matches everything."""

    status: DeliveryStatus | None = None
    event: str | None = None
