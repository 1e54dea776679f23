"""Bodies of responses on statements and prices."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from pydantic import BaseModel, Field, field_serializer

from app.api.bodies.fields import example
from app.domain.prices import PriceList, describe_prices
from app.domain.statements import BillingStatement, describe_line
from app.services.billing.statement_files import list_versions

_LINE = {
    "quantity": "documents",
    "kind": None,
    "model": None,
    "unit": "document",
    "tier": "above 1,000",
    "units": "234",
    "per": 1,
    "unit_price": "0.01",
    "amount": "2.34",
    "valid_from": "2026-01-01",
}
_PRICES = {
    "currency": "EUR",
    "decimals": 2,
    "versions": [
        {
            "valid_from": "2026-01-01",
            "prices": [
                {"quantity": "documents", "per": 1, "tiers": [{"up_to": "1000", "price": "0"}, {"price": "0.01"}]},
                {"quantity": "tokens_in", "model": "gpt-4o", "per": 1000000, "tiers": [{"price": "2.50"}]},
            ],
        }
    ],
}


class StatementLine(BaseModel):
    """The units of a quantity within one tier of one version of the prices."""

    model_config = example(_LINE)

    quantity: str = Field(description="What was used, such as `documents`, `tokens_in` or `stored_gb_months`.")
    kind: str | None = Field(description="The kind of work that the price is of; null for every kind.")
    model: str | None = Field(description="The model that the price is of; null for every model.")
    unit: str = Field(description="The name of a unit.")
    tier: str = Field(description="Which of the month's units these are; empty if the price has no tiers.")
    units: Decimal = Field(description="How many units, as a decimal number in a text.")
    per: int = Field(description="The unit price is of so many units.")
    unit_price: Decimal = Field(description="The price.")
    amount: Decimal = Field(description="`units / per * unit_price`, rounded half to even.")
    valid_from: date | None = Field(description="The first day of the prices that were used; null without a price.")

    @field_serializer("units", "unit_price")
    def _write_number(self, number: Decimal) -> str:
        """Write a number without an exponent."""
        return f"{number:f}"


class StatementBody(BaseModel):
    """The statement of a month."""

    model_config = example(
        {
            "organization_id": 1,
            "organization": "Weir Research",
            "month": "2026-10",
            "status": "closed",
            "revision": 1,
            "made_at": "2026-11-01T00:00:09.120Z",
            "currency": "EUR",
            "lines": [{**_LINE, "tier": "up to 1,000", "units": "1000", "unit_price": "0", "amount": "0.00"}, _LINE],
            "subtotal": "2.34",
            "total": "2.34",
            "adjustment": None,
            "price_versions": ["2026-01-01"],
        }
    )

    organization_id: int = Field(description="The organization's id.")
    organization: str = Field(description="The organization's name.")
    month: str = Field(description="The month in UTC, as `YYYY-MM`.")
    status: Literal["open", "closed"] = Field(description="`open` while the month lasts: the figures still grow.")
    revision: int = Field(description="0 while open; 1 when closed; a further one after usage that was recorded late.")
    made_at: datetime = Field(description="When this revision was made.")
    currency: str = Field(description="The currency of the amounts (ISO 4217).")
    lines: list[StatementLine] = Field(description="The lines, by quantity.")
    subtotal: Decimal = Field(description="The sum of the lines' amounts.")
    total: Decimal = Field(description="What the month costs: the subtotal, since Sluice computes no taxes.")
    adjustment: Decimal | None = Field(description="The difference to the total of the revision before, if any.")
    price_versions: list[str] = Field(description="The first day of each version of the prices that was used.")

    @classmethod
    def of(cls, statement: BillingStatement) -> "StatementBody":
        """The body of a statement."""
        return cls(
            organization_id=statement.organization_id,
            organization=statement.organization,
            month=f"{statement.month:%Y-%m}",
            status="closed" if statement.revision else "open",
            revision=statement.revision,
            made_at=statement.made_at,
            currency=statement.prices.currency,
            lines=[StatementLine.model_validate(describe_line(line)) for line in statement.lines],
            subtotal=statement.total,
            total=statement.total,
            adjustment=statement.adjustment,
            price_versions=list_versions(statement),
        )


class PricesBody(BaseModel):
    """Prices, by the day from which they are valid."""

    model_config = example(_PRICES)

    currency: str = Field(description="The currency (ISO 4217).")
    decimals: int = Field(description="The decimals of an amount: 2 for cents.")
    versions: list[dict[str, Any]] = Field(
        description="The versions, each with `valid_from` and `prices`; docs/billing.md describes them."
    )

    @classmethod
    def of(cls, prices: PriceList) -> "PricesBody":
        """The body of a list of prices."""
        return cls(**describe_prices(prices))


class PricesUpdate(BaseModel):
    """The own prices of an organization. They replace the general prices of the same quantity, kind and model."""

    model_config = example({"versions": _PRICES["versions"]}, extra="forbid")

    versions: list[dict[str, Any]] = Field(
        max_length=100, description="As in the file of prices. An empty list removes the organization's own prices."
    )
