"""Statements are rated exactly: tiers, free units, the most precise price, and changes within a month."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from app.domain.prices import parse_prices
from app.domain.statements import Line, Use
from app.services.billing.rating import add_amounts, rate

_TIERS = [{"up_to": 1000, "price": 0}, {"up_to": 5000, "price": "0.01"}, {"price": "0.005"}]


def _rate(uses: list[tuple[int, str, str, str, int]], *versions: tuple[int, list[dict[str, Any]]]) -> list[Line]:
    """Rate uses of October 2026 (day, quantity, kind, model, amount) by versions that begin on days of it."""
    given = {"versions": [{"valid_from": f"2026-10-{day:02}", "prices": prices} for day, prices in versions]}
    found = [
        Use(date(2026, 10, day), quantity, kind, model, Decimal(amount)) for day, quantity, kind, model, amount in uses
    ]
    return rate(found, parse_prices(given))


def _show(lines: list[Line]) -> list[tuple[str, str, str]]:
    return [(line.tier, str(line.units), str(line.amount)) for line in lines]


def test_tiers_are_graduated() -> None:
    lines = _rate([(3, "documents", "document", "", 7234)], (1, [{"quantity": "documents", "tiers": _TIERS}]))
    assert _show(lines) == [
        ("up to 1,000", "1000", "0.00"),
        ("above 1,000 up to 5,000", "4000", "40.00"),
        ("above 5,000", "2234", "11.17"),
    ]
    assert add_amounts(lines, 2) == Decimal("51.17")


@pytest.mark.parametrize(("units", "amounts"), [(999, ["0.00"]), (1000, ["0.00"]), (1001, ["0.00", "0.01"])])
def test_the_last_unit_of_a_tier_belongs_to_it(units: int, amounts: list[str]) -> None:
    lines = _rate([(3, "documents", "document", "", units)], (1, [{"quantity": "documents", "tiers": _TIERS}]))
    assert [str(line.amount) for line in lines] == amounts


def test_tiers_count_over_the_month_when_prices_change_within_it() -> None:
    dearer = [{"up_to": 1000, "price": 0}, {"price": "0.02"}]
    lines = _rate(
        [(3, "documents", "document", "", 800), (14, "documents", "document", "", 300), (15, "documents", "x", "", 50)],
        (1, [{"quantity": "documents", "tiers": _TIERS}]),
        (15, [{"quantity": "documents", "tiers": dearer}]),
    )
    assert _show(lines) == [
        ("up to 1,000", "1000", "0.00"),
        ("above 1,000 up to 5,000", "100", "1.00"),
        ("above 1,000", "50", "1.00"),
    ]
    assert [line.valid_from and line.valid_from.day for line in lines] == [1, 1, 15]


def test_the_most_precise_price_counts_once() -> None:
    prices = [
        {"quantity": "tokens_in", "per": 1000, "price": 1},
        {"quantity": "tokens_in", "kind": "question", "per": 1000, "price": 2},
        {"quantity": "tokens_in", "model": "large", "per": 1000, "price": 3},
        {"quantity": "tokens_in", "kind": "question", "model": "large", "per": 1000, "price": 4},
    ]
    uses = [("question", "large"), ("question", "small"), ("document", "large"), ("document", "small")]
    lines = _rate([(3, "tokens_in", kind, model, 1000) for kind, model in uses], (1, prices))
    assert {(line.kind, line.model): str(line.amount) for line in lines} == {
        (None, None): "1.00",
        ("question", None): "2.00",
        (None, "large"): "3.00",
        ("question", "large"): "4.00",
    }


def test_quantities_without_a_price_are_listed_and_cost_nothing() -> None:
    lines = _rate([(3, "pages", "document", "", 40), (4, "tokens_in", "document", "m", 9)])
    assert [(line.quantity, line.model, str(line.units), str(line.amount)) for line in lines] == [
        ("pages", None, "40", "0.00"),
        ("tokens_in", "m", "9", "0.00"),
    ]


@pytest.mark.parametrize(("units", "amount"), [(1, "0.00"), (3, "0.02"), (5, "0.02"), (7, "0.04"), (9, "0.04")])
def test_each_line_is_rounded_half_to_even(units: int, amount: str) -> None:
    [line] = _rate([(3, "pages", "document", "", units)], (1, [{"quantity": "pages", "price": "0.005"}]))
    assert str(line.amount) == amount


def test_large_amounts_are_exact() -> None:
    [line] = _rate(
        [(3, "characters", "document", "", 9_223_372_036_854_775_807)],
        (1, [{"quantity": "characters", "price": "999999999.123456789012"}]),
    )
    cents, rest = divmod(9_223_372_036_854_775_807 * 999_999_999_123_456_789_012, 10**10)
    assert str(line.amount).replace(".", "") == str(cents + (rest > 5 * 10**9))
