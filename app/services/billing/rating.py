"""Rating: the lines of a statement, from what was used and from the prices."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from app.domain.prices import UNITS, Price, PriceList, PriceVersion
from app.domain.statements import Line, Use

# Exact for every amount that can occur: sums of 64-bit integers times prices of 25 digits.
_EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)
_ORDER = list(UNITS)
_WITH_MODELS = {"tokens_in", "tokens_out"}

Subject = tuple[str, str | None, str | None]
Sums = dict[Subject, dict[tuple[date | None, Price | None], Decimal]]


def rate(uses: Iterable[Use], prices: PriceList) -> list[Line]:
    """The lines of a month.

    Tiers are graduated and count over the whole month: where prices change within it, the units before the change fill
    the first tiers at the former prices. Each use has one price, the most precise one that matches.
    """
    with localcontext(_EXACT):
        return [*_list_lines(_sum_units(uses, prices), prices.decimals)]


def _list_lines(units: Sums, decimals: int) -> Iterator[Line]:
    for subject in sorted(units, key=_sort_key):
        before = Decimal(0)
        # Versions in the order of their days; the days before the first one have no price.
        for valid_from, price in sorted(units[subject], key=lambda key: key[0] or date.min):
            amount = units[subject][valid_from, price]
            yield from _make_lines(subject, valid_from, price, before, amount, decimals)
            before += amount


def add_amounts(lines: Sequence[Line], decimals: int) -> Decimal:
    """The sum of the lines' amounts."""
    with localcontext(_EXACT):
        return sum((line.amount for line in lines), start=Decimal(0)).quantize(Decimal(1).scaleb(-decimals))


def _sum_units(uses: Iterable[Use], prices: PriceList) -> Sums:
    """The units by subject, and by the version and price that they have."""
    sums: Sums = defaultdict(lambda: defaultdict(Decimal))
    for use in uses:
        version = prices.find_version(use.day)
        price = _find_price(version, use)
        subject = price.subject if price else _unpriced_subject(use)
        sums[subject][version.valid_from if version and price else None, price] += use.amount
    return sums


def _find_price(version: PriceVersion | None, use: Use) -> Price | None:
    matching = [one for one in version.prices if one.matches(use.quantity, use.kind, use.model)] if version else []
    return max(matching, key=lambda price: price.precision, default=None)


def _unpriced_subject(use: Use) -> Subject:
    return use.quantity, None, use.model if use.quantity in _WITH_MODELS and use.model else None


def _sort_key(subject: Subject) -> tuple[int, str, str]:
    quantity, kind, model = subject
    return _ORDER.index(quantity), kind or "", model or ""


def _make_lines(
    subject: Subject, valid_from: date | None, price: Price | None, before: Decimal, amount: Decimal, decimals: int
) -> Iterator[Line]:
    """The lines of units that have one price. ``before`` units of the month are counted already."""
    cent = Decimal(1).scaleb(-decimals)
    quantity, kind, model = subject
    unit = UNITS[quantity]
    if price is None:
        if amount:
            yield Line(quantity, kind, model, unit, "", amount, 1, Decimal(0), cent * 0, None)
        return
    for tier_name, units, unit_price in _split(price, before, amount):
        rounded = (units * unit_price / price.per).quantize(cent)
        yield Line(quantity, kind, model, unit, tier_name, units, price.per, unit_price, rounded, valid_from)


def _split(price: Price, before: Decimal, amount: Decimal) -> Iterator[tuple[str, Decimal, Decimal]]:
    """The parts of an amount by tier: the tier's name, the units and the unit price."""
    start, position, end = Decimal(0), before, before + amount
    for tier in price.tiers:
        upper = end if tier.up_to is None else min(end, tier.up_to)
        if upper > position:
            yield _name_tier(price, start, tier.up_to), upper - position, tier.price
            position = upper
        start = tier.up_to or start


def _name_tier(price: Price, start: Decimal, up_to: Decimal | None) -> str:
    if len(price.tiers) == 1:
        return ""
    if up_to is None:
        return f"above {start:,}"
    return f"above {start:,} up to {up_to:,}" if start else f"up to {up_to:,}"
