"""Bodies of requests and responses on limits."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.api.bodies.fields import example
from app.domain.limits import LARGEST_LIMIT, MOST_REQUESTS, LimitName, Limits
from app.services.billing.limit_report import LimitState

Count = Annotated[int | None, Field(ge=0, le=LARGEST_LIMIT)]
_LIMITS = {
    "documents_per_month": 10000,
    "stored_bytes": 50000000000,
    "tokens_per_month": 2000000,
    "requests_per_minute": 600,
    "amount_per_month": "250.00",
}
_STATE = {
    "name": "documents_per_month",
    "agent_id": None,
    "limit": "10000",
    "is_default": False,
    "used": "8012",
    "share": 0.8012,
    "resets_at": "2026-12-01T00:00:00Z",
}


class LimitsUpdate(BaseModel):
    """The limits of an organization or an agent. A limit that is null or left out does not exist."""

    model_config = example(_LIMITS, extra="forbid")

    documents_per_month: Count = Field(None, description="How many documents may be added in a month, in UTC.")
    stored_bytes: Count = Field(None, description="How many bytes the documents may have in all.")
    tokens_per_month: Count = Field(None, description="How many tokens of models may be used in a month, in and out.")
    requests_per_minute: int | None = Field(
        None, ge=1, le=MOST_REQUESTS, description="How many requests in 60 seconds."
    )
    amount_per_month: Decimal | None = Field(
        None, ge=0, le=LARGEST_LIMIT, decimal_places=4, description="The budget: what a month may cost."
    )

    def read(self) -> Limits:
        """The limits."""
        return Limits(**self.model_dump())


class LimitsBody(LimitsUpdate):
    """The limits that were set."""

    model_config = example(_LIMITS)

    @classmethod
    def of(cls, limits: Limits) -> "LimitsBody":
        """The body of limits."""
        return cls.model_validate(limits, from_attributes=True)


class LimitBody(BaseModel):
    """A limit, and what is used of it."""

    model_config = example(_STATE)

    name: Literal[*(name.value for name in LimitName)] = Field(description="What is limited.")  # type: ignore[valid-type]
    agent_id: int | None = Field(description="The agent whose limit it is; null for that of the organization.")
    limit: Decimal | None = Field(description="The limit, as a decimal number in a text; null for none.")
    is_default: bool = Field(description="Whether it is the default of the installation.")
    used: Decimal | None = Field(
        description="What is used; null for `requests_per_minute`: see the header `RateLimit`."
    )
    share: float | None = Field(description="The used share of the limit; null without a limit.")
    resets_at: datetime | None = Field(description="When the month ends, in UTC; null for limits without a month.")


class LimitList(BaseModel):
    """Limits, and what is used of each."""

    model_config = example({"limits": [_STATE], "currency": "EUR"})

    limits: list[LimitBody] = Field(description="The limits of the organization, then those of the agent.")
    currency: str = Field(description="The currency of `amount_per_month`.")

    @classmethod
    def of(cls, states: list[LimitState], currency: str) -> "LimitList":
        """The body of some limits."""
        return cls(
            limits=[LimitBody.model_validate(state, from_attributes=True) for state in states], currency=currency
        )
