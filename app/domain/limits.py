"""Limits of organizations and agents: quotas, budgets and rates."""

from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

ORGANIZATION = 0
"""The agent id of limits that hold for an organization as a whole."""

WARNING_SHARE = Decimal("0.8")
"""The share of a limit at which a warning is raised."""

LARGEST_LIMIT = 2**62
"""The largest limit."""

MOST_REQUESTS = 100_000
"""The most requests a minute of a limit: each is an entry in Redis for a minute."""


class LimitName(StrEnum):
    """What can be limited."""

    DOCUMENTS = "documents_per_month"
    STORED = "stored_bytes"
    TOKENS = "tokens_per_month"
    REQUESTS = "requests_per_minute"
    AMOUNT = "amount_per_month"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of an organization or an agent; None for no limit. ``amount_per_month`` is the budget."""

    documents_per_month: int | None = None
    stored_bytes: int | None = None
    tokens_per_month: int | None = None
    requests_per_minute: int | None = None
    amount_per_month: Decimal | None = None

    def get(self, name: LimitName) -> Decimal | None:
        """One of the limits."""
        value: int | Decimal | None = getattr(self, name.value)
        return None if value is None else Decimal(value)

    def with_defaults(self, defaults: "Limits") -> "Limits":
        """These limits, and those of ``defaults`` where there is none."""
        chosen = {
            field.name: getattr(defaults, field.name)
            if getattr(self, field.name) is None
            else getattr(self, field.name)
            for field in fields(Limits)
        }
        return Limits(**chosen)

    @property
    def restricts_work(self) -> bool:
        """Whether there is a limit other than that of requests."""
        return any(self.get(name) is not None for name in LimitName if name is not LimitName.REQUESTS)


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Need:
    """What a request is about to add. Tokens and amounts are known only later."""

    documents: int = 0
    stored_bytes: int = 0

    def __add__(self, other: "Need") -> "Need":
        """Both together."""
        return Need(self.documents + other.documents, self.stored_bytes + other.stored_bytes)

    def __neg__(self) -> "Need":
        """The need that takes this one back."""
        return Need(-self.documents, -self.stored_bytes)


NOTHING = Need()


@dataclass(frozen=True, slots=True)
class Used:
    """What counts towards the limits in a month, with the work that was accepted and has not ended.

    Attributes:
        documents: The documents of the month.
        stored_bytes: What is stored now.
        tokens: The tokens of the month, in and out.
        amount: What the month costs so far; None if it was not asked for.
        month: The first day of the month.
        resets_at: The end of the month.
    """

    documents: int
    stored_bytes: int
    tokens: int
    amount: Decimal | None
    month: date
    resets_at: datetime

    def get(self, name: LimitName, more: Need) -> Decimal:
        """What counts towards a limit, with a need."""
        match name:
            case LimitName.DOCUMENTS:
                return Decimal(self.documents + more.documents)
            case LimitName.STORED:
                return Decimal(self.stored_bytes + more.stored_bytes)
            case LimitName.TOKENS:
                return Decimal(self.tokens)
            case _:
                return self.amount or Decimal(0)


@dataclass(frozen=True, slots=True)
class RateStatus:
    """The state of a limit of requests a minute after a request.

    Attributes:
        policy: Its name: ``organization`` or ``agent``.
        limit: The requests a minute.
        remaining: The requests that are left now.
        reset: Seconds until the oldest counted request leaves the window; after a refusal, until one is possible.
        refused: Whether the request exceeds the limit.
    """

    policy: str
    limit: int
    remaining: int
    reset: float
    refused: bool = False
