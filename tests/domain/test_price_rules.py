"""Prices are read exactly, and a mistake in them is named by its place."""

import json
import tomllib
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.domain.prices import InvalidPricesError, describe_prices, overlay, parse_prices

_FILE = """
currency = "EUR"

[[versions]]
valid_from = 2026-07-01
prices = [{ quantity = "documents", price = 0.02 }]

[[versions]]
valid_from = 2026-01-01

  [[versions.prices]]
  quantity = "documents"
  tiers = [{ up_to = 1000, price = 0 }, { up_to = 10_000, price = 0.01 }, { price = "0.005" }]

  [[versions.prices]]
  quantity = "tokens_in"
  model = "gpt-4o"
  per = 1_000_000
  free = 100_000
  price = 2.50
"""


def _version(**price: Any) -> dict[str, Any]:
    return {"versions": [{"valid_from": "2026-01-01", "prices": [price]}]}


def test_a_file_is_read_without_loss_and_its_versions_are_in_order() -> None:
    prices = parse_prices(tomllib.loads(_FILE, parse_float=Decimal))
    assert [version.valid_from for version in prices.versions] == [date(2026, 1, 1), date(2026, 7, 1)]
    documents, tokens = prices.versions[0].prices
    assert [(tier.up_to, tier.price) for tier in documents.tiers] == [
        (Decimal(1000), Decimal(0)),
        (Decimal(10000), Decimal("0.01")),
        (None, Decimal("0.005")),
    ]
    assert [(tier.up_to, tier.price) for tier in tokens.tiers] == [
        (Decimal(100000), Decimal(0)),
        (None, Decimal("2.50")),
    ]
    assert tokens.per == 1_000_000


def test_the_json_of_prices_gives_the_same_prices() -> None:
    prices = parse_prices(tomllib.loads(_FILE, parse_float=Decimal))
    assert parse_prices(json.loads(json.dumps(describe_prices(prices)))) == prices


def test_a_float_of_a_json_body_is_what_the_client_wrote() -> None:
    [price] = parse_prices(_version(quantity="pages", price=0.1)).versions[0].prices
    assert price.tiers[0].price == Decimal("0.1")


def test_a_version_is_valid_from_its_day_until_the_next_one() -> None:
    prices = parse_prices(tomllib.loads(_FILE, parse_float=Decimal))
    found = [prices.find_version(day) for day in (date(2025, 12, 31), date(2026, 6, 30), date(2026, 7, 1))]
    assert [version and version.valid_from for version in found] == [None, date(2026, 1, 1), date(2026, 7, 1)]


def test_own_prices_replace_those_of_the_same_quantity_kind_and_model_only() -> None:
    general = parse_prices(tomllib.loads(_FILE, parse_float=Decimal))
    own = parse_prices({"versions": [{"valid_from": "2026-03-01", "prices": [{"quantity": "documents", "price": 1}]}]})
    merged = overlay(general, own)
    assert merged.currency == "EUR"
    assert [version.valid_from.month for version in merged.versions] == [1, 3, 7]
    costs = [{price.quantity: price.tiers[-1].price for price in version.prices} for version in merged.versions]
    assert costs == [
        {"documents": Decimal("0.005"), "tokens_in": Decimal("2.50")},
        {"documents": Decimal(1), "tokens_in": Decimal("2.50")},
        {"documents": Decimal(1)},
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "prices: must be a table"),
        ({"version": []}, "version: is unknown; the names are currency, decimals, versions"),
        ({"currency": "euro"}, "currency: must be three capital letters"),
        ({"decimals": 9}, "decimals: must be a number from 0 to 4"),
        ({"versions": {}}, "versions: must be a list"),
        ({"versions": [{"prices": []}]}, r"versions\[0\]\.valid_from: must be a date"),
        ({"versions": [{"valid_from": "2026-02-30"}]}, r"versions\[0\]\.valid_from: must be a date"),
        ({"versions": [{"valid_from": "2026-01-01"}] * 2}, "versions: two are valid from 2026-01-01"),
        (_version(quantity="files", price=1), r"versions\[0\]\.prices\[0\]\.quantity: must be one of documents"),
        (_version(quantity="pages"), r"prices\[0\]: needs either price or tiers"),
        (_version(quantity="pages", price=-1), r"prices\[0\]\.price: must be a number from 0"),
        (_version(quantity="pages", price=float("nan")), r"prices\[0\]\.price: must be a number from 0"),
        (_version(quantity="pages", price=True), r"prices\[0\]\.price: must be a number from 0"),
        (_version(quantity="pages", price=1, per=0), r"prices\[0\]\.per: must be a whole number"),
        (_version(quantity="pages", price=1, kind=7), r"prices\[0\]\.kind: must be a text"),
        (_version(quantity="stored_gb_months", price=1, kind="document"), "has one price, without kind or model"),
        (_version(quantity="pages", tiers=[]), r"prices\[0\]\.tiers: must be a list of tiers"),
        (_version(quantity="pages", tiers=[{"up_to": 1, "price": 1}]), r"tiers\[0\]\.up_to: every tier but the last"),
        (
            _version(quantity="pages", tiers=[{"up_to": 5, "price": 1}, {"up_to": 5, "price": 1}, {"price": 1}]),
            r"tiers\[1\]\.up_to: must be greater than the tier before",
        ),
        (_version(quantity="pages", free=5, tiers=[{"price": 1}]), r"prices\[0\]\.free: goes with price"),
    ],
)
def test_a_mistake_is_named_by_its_place(given: object, message: str) -> None:
    with pytest.raises(InvalidPricesError, match=message) as caught:
        parse_prices(given)
    assert "\n" not in str(caught.value)


def test_a_quantity_of_one_kind_and_model_has_one_price() -> None:
    price = {"quantity": "pages", "model": "m", "price": 1}
    with pytest.raises(InvalidPricesError, match="has a price of pages of model m already"):
        parse_prices({"versions": [{"valid_from": "2026-01-01", "prices": [price, price]}]})


@pytest.mark.parametrize("price", ["0.0000002", "0.000000000001", 2e-7, "1000000000000"])
def test_the_smallest_and_the_largest_price_are_stored_without_an_exponent(price: object) -> None:
    tiers = [{"up_to": price, "price": price}, {"price": price}]
    prices = parse_prices(
        {"versions": [{"valid_from": "2026-01-01", "prices": [{"quantity": "pages", "tiers": tiers}]}]}
    )
    assert parse_prices(json.loads(json.dumps(describe_prices(prices)))) == prices
    assert "E" not in json.dumps(describe_prices(prices)["versions"])
