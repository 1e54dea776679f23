"""Monthly statements: what an organization used, and what it costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from app.domain.prices import PriceList


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a quantity was used on a day, by work of a kind, with a model ("" for none)."""

    day: date
    quantity: str
    kind: str
    model: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a statement: the units of a quantity within one tier of one version of the prices.

    Attributes:
        quantity: One of ``app.domain.prices.UNITS``.
        kind: The kind of work that the price is of; None for all of them.
        model: The model that the price is of; None for all of them.
        unit: The name of a unit.
        tier: Which units of the month, such as ``1 to 1,000``; "" without tiers.
        units: How many units.
        per: The unit price is of so many units.
        unit_price: The price.
        amount: ``units / per * unit_price``, half-even rounded to the decimals of the currency.
        valid_from: The first day of the version; None if the quantity has no price.
    """

    quantity: str
    kind: str | None
    model: str | None
    unit: str
    tier: str
    units: Decimal
    per: int
    unit_price: Decimal
    amount: Decimal
    valid_from: date | None


@dataclass(frozen=True, slots=True)
class BillingStatement:
    """The statement of a month in UTC.

    Attributes:
        organization_id: Whose statement it is.
        organization: The organization's name.
        month: The first day of the month.
        revision: 0 while the month is open. A closed month has revision 1, and further ones after late usage.
        made_at: When it was made.
        prices: The prices that were used.
        lines: The lines, by quantity.
        total: The sum of the lines' amounts.
        adjustment: The difference to the total of the revision before; None for the first one.
    """

    organization_id: int
    organization: str
    month: date
    revision: int
    made_at: datetime
    prices: PriceList
    lines: Sequence[Line]
    total: Decimal
    adjustment: Decimal | None = None


def describe_line(line: Line) -> dict[str, Any]:
    """The JSON of a line, from which ``read_line`` reads it."""
    return {
        "quantity": line.quantity,
        "kind": line.kind,
        "model": line.model,
        "unit": line.unit,
        "tier": line.tier,
        "units": str(line.units),
        "per": line.per,
        "unit_price": str(line.unit_price),
        "amount": str(line.amount),
        "valid_from": line.valid_from.isoformat() if line.valid_from else None,
    }


def read_line(given: Mapping[str, Any]) -> Line:
    """A line from its JSON."""
    numbers = {name: Decimal(given[name]) for name in ("units", "unit_price", "amount")}
    day = given["valid_from"]
    return Line(**{**given, **numbers, "valid_from": date.fromisoformat(day) if day else None})
