"""Prices: what a unit of each quantity costs, from which day, in which tiers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

STORED = "stored_gb_months"
"""Stored bytes as they are priced: the average of the month's daily levels in GB (1,000,000,000 bytes)."""

UNITS = {
    "documents": "document",
    "pages": "page",
    "characters": "character",
    "chunks": "chunk",
    "tokens_in": "token",
    "tokens_out": "token",
    STORED: "GB-month",
    "searches": "search",
    "questions": "question",
}
"""The quantities that can have a price, in the order of a statement, with the name of a unit."""

_LARGEST = Decimal(10) ** 12
_DECIMALS = range(5)


@dataclass(frozen=True, slots=True)
class Tier:
    """The price of the units of a month up to ``up_to`` in all; None for all further units."""

    up_to: Decimal | None
    price: Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a quantity: ``tiers`` for each ``per`` units. Without kind or model, it holds for every one."""

    quantity: str
    kind: str | None
    model: str | None
    per: int
    tiers: tuple[Tier, ...]

    @property
    def subject(self) -> tuple[str, str | None, str | None]:
        """What the price is of. A version has one price of a subject."""
        return self.quantity, self.kind, self.model

    def matches(self, quantity: str, kind: str, model: str) -> bool:
        """Whether the price is of a use of this kind and model."""
        return self.quantity == quantity and self.kind in {None, kind} and self.model in {None, model}

    @property
    def precision(self) -> int:
        """Of several prices that match, the one with the highest precision counts: a model outweighs a kind."""
        return (self.kind is not None) + 2 * (self.model is not None)


@dataclass(frozen=True, slots=True)
class PriceVersion:
    """The prices from a day on, until the day of the next version."""

    valid_from: date
    prices: tuple[Price, ...]


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices in a currency. Amounts have so many ``decimals``, 2 for cents."""

    currency: str
    decimals: int
    versions: tuple[PriceVersion, ...]

    def find_version(self, day: date) -> PriceVersion | None:
        """The version that is valid on a day."""
        valid = [version for version in self.versions if version.valid_from <= day]
        return valid[-1] if valid else None


NO_PRICES = PriceList("USD", 2, ())
"""Nothing costs anything."""


class InvalidPricesError(ValueError):
    """Prices are not valid. The message names the place, such as ``versions[0].prices[2].per``."""


def parse_prices(given: object) -> PriceList:
    """Read a list of prices from the content of a TOML or JSON file.

    Raises:
        InvalidPricesError: it is not valid.
    """
    table = _read_table(given, "", {"currency", "decimals", "versions"})
    currency, decimals = table.get("currency", NO_PRICES.currency), table.get("decimals", NO_PRICES.decimals)
    if not isinstance(currency, str) or not re.fullmatch(r"[A-Z]{3}", currency):
        raise InvalidPricesError("currency: must be three capital letters, such as EUR")
    if type(decimals) is not int or decimals not in _DECIMALS:
        raise InvalidPricesError("decimals: must be a number from 0 to 4")
    versions = [
        _read_version(one, f"versions[{place}]") for place, one in enumerate(_read_list(table, "versions", "versions"))
    ]
    versions.sort(key=lambda version: version.valid_from)
    days = [version.valid_from for version in versions]
    if repeated := [day for day, following in pairwise(days) if day == following]:
        raise InvalidPricesError(f"versions: two are valid from {repeated[0]}")
    return PriceList(currency, decimals, tuple(versions))


def describe_prices(prices: PriceList) -> dict[str, Any]:
    """The JSON from which ``parse_prices`` reads the same list."""
    versions = [
        {"valid_from": version.valid_from.isoformat(), "prices": [_describe_price(price) for price in version.prices]}
        for version in prices.versions
    ]
    return {"currency": prices.currency, "decimals": prices.decimals, "versions": versions}


def overlay(general: PriceList, own: PriceList | None) -> PriceList:
    """An organization's prices: its own where it has some, otherwise the general ones. The currency is the general one.

    From each day on which either changes, there is a version.
    """
    if own is None:
        return general
    days = sorted({version.valid_from for version in (*general.versions, *own.versions)})
    versions = []
    for day in days:
        valid = [found.prices if (found := prices.find_version(day)) else () for prices in (general, own)]
        merged = {price.subject: price for price in (*valid[0], *valid[1])}
        versions.append(PriceVersion(day, tuple(merged.values())))
    return PriceList(general.currency, general.decimals, tuple(versions))


def _read_version(given: object, place: str) -> PriceVersion:
    table = _read_table(given, place, {"valid_from", "prices"})
    day = table.get("valid_from")
    if isinstance(day, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", day):
        try:
            day = date.fromisoformat(day)
        except ValueError:
            day = None
    if type(day) is not date:
        raise InvalidPricesError(f"{place}.valid_from: must be a date, such as 2026-01-01")
    named = f"{place}.prices"
    prices = tuple(_read_price(one, f"{named}[{n}]") for n, one in enumerate(_read_list(table, "prices", named)))
    subjects = [price.subject for price in prices]
    for number, subject in enumerate(subjects):
        if subject in subjects[:number]:
            raise InvalidPricesError(f"{named}[{number}]: the version has a price of {_name(subject)} already")
    return PriceVersion(day, prices)


def _read_price(given: object, place: str) -> Price:
    table = _read_table(given, place, {"quantity", "kind", "model", "per", "free", "price", "tiers"})
    quantity, kind, model, per = table.get("quantity"), table.get("kind"), table.get("model"), table.get("per", 1)
    if quantity not in UNITS:
        raise InvalidPricesError(f"{place}.quantity: must be one of {', '.join(UNITS)}")
    for name, value in (("kind", kind), ("model", model)):
        if value is not None and (not isinstance(value, str) or not value):
            raise InvalidPricesError(f"{place}.{name}: must be a text")
    if quantity == STORED and (kind or model):
        raise InvalidPricesError(f"{place}: {STORED} has one price, without kind or model")
    if type(per) is not int or not 1 <= per <= _LARGEST:
        raise InvalidPricesError(f"{place}.per: must be a whole number from 1")
    if ("price" in table) == ("tiers" in table):
        raise InvalidPricesError(f"{place}: needs either price or tiers")
    if "tiers" in table:
        if "free" in table:
            raise InvalidPricesError(f"{place}.free: goes with price; write free units as a tier with the price 0")
        return Price(quantity, kind, model, per, _read_tiers(table["tiers"], f"{place}.tiers"))
    rest = Tier(None, _read_decimal(table["price"], f"{place}.price"))
    free = _read_decimal(table.get("free", 0), f"{place}.free")
    return Price(quantity, kind, model, per, (Tier(free, Decimal(0)), rest) if free else (rest,))


def _read_tiers(given: object, place: str) -> tuple[Tier, ...]:
    if not isinstance(given, list) or not given:
        raise InvalidPricesError(f"{place}: must be a list of tiers")
    tiers: list[Tier] = []
    for number, one in enumerate(given):
        named = f"{place}[{number}]"
        table = _read_table(one, named, {"up_to", "price"})
        is_last = number == len(given) - 1
        if ("up_to" in table) == is_last:
            raise InvalidPricesError(f"{named}.up_to: every tier but the last one needs it")
        up_to = None if is_last else _read_decimal(table["up_to"], f"{named}.up_to")
        if up_to is not None and up_to <= ((tiers[-1].up_to if tiers else None) or 0):
            raise InvalidPricesError(f"{named}.up_to: must be greater than the tier before")
        tiers.append(Tier(up_to, _read_decimal(table.get("price"), f"{named}.price")))
    return tuple(tiers)


def _read_table(given: object, place: str, names: set[str]) -> Mapping[str, Any]:
    prefix = f"{place}." if place else ""
    if not isinstance(given, Mapping):
        raise InvalidPricesError(f"{place or 'prices'}: must be a table")
    for name in given:
        if name not in names:
            raise InvalidPricesError(f"{prefix}{name}: is unknown; the names are {', '.join(sorted(names))}")
    return given


def _read_list(table: Mapping[str, Any], name: str, place: str) -> Sequence[Any]:
    given = table.get(name, [])
    if not isinstance(given, list):
        raise InvalidPricesError(f"{place}: must be a list")
    return given


def _read_decimal(given: object, place: str) -> Decimal:
    """A number, or a text with one. A float is taken as its shortest notation, which is what a JSON document had."""
    text = f"{Decimal(str(given)):f}" if type(given) in {int, float, Decimal} else given
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,13}(\.[0-9]{1,12})?", text) or Decimal(text) > _LARGEST:
        raise InvalidPricesError(f'{place}: must be a number from 0, such as 0.01 or "0.01"')
    return Decimal(text)


def _describe_price(price: Price) -> dict[str, Any]:
    tiers = [
        {**({} if tier.up_to is None else {"up_to": f"{tier.up_to:f}"}), "price": f"{tier.price:f}"}
        for tier in price.tiers
    ]
    named = {name: value for name, value in (("kind", price.kind), ("model", price.model)) if value is not None}
    return {"quantity": price.quantity, **named, "per": price.per, "tiers": tiers}


def _name(subject: tuple[str, str | None, str | None]) -> str:
    quantity, kind, model = subject
    return " ".join([quantity, *([f"of kind {kind}"] if kind else []), *([f"of model {model}"] if model else [])])
