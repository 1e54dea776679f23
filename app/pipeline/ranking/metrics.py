"""Measures of a ranking against what was expected of it, and of one ranking against another."""

from collections.abc import Sequence
from math import ceil, log2


def measure_ndcg(gains: Sequence[float], ideal: Sequence[float], cutoff: int = 10) -> float:
    """The normalised discounted cumulative gain of a ranking, from 0 to 1 (Järvelin and Kekäläinen, 2002).

    Args:
        gains: The relevance of each result, the best ranked first; 0 for one that is not relevant.
        ideal: The relevance of everything that is relevant, in any order.
        cutoff: The number of results that count.
    """
    best = _discount(sorted(ideal, reverse=True)[:cutoff])
    # One result can have several of the things that are relevant, and so be better than the ideal of one each.
    return min(1.0, _discount(gains[:cutoff]) / best) if best else 0.0


def _discount(gains: Sequence[float]) -> float:
    return sum(gain / log2(rank + 1) for rank, gain in enumerate(gains, 1))


def measure_recall(gains: Sequence[float], relevant: int, cutoff: int = 10) -> float:
    """The share of the relevant things that are among the first ``cutoff`` results, each gain being their number."""
    return min(1.0, sum(gains[:cutoff]) / relevant) if relevant else 0.0


def measure_reciprocal_rank(gains: Sequence[float]) -> float:
    """1 divided by the rank of the first relevant result; 0 without one."""
    return next((1 / rank for rank, gain in enumerate(gains, 1) if gain > 0), 0.0)


def find_percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least this share of all values does not exceed; None without values."""
    if not values:
        return None
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def measure_sign_chance(wins: int, losses: int) -> float:
    """The probability of so uneven wins and losses, or more uneven ones, if both were equally likely (sign test)."""
    count = wins + losses
    ways = tail = 1  # binomial coefficients, each from the one before it, and their sum
    for fewer in range(1, min(wins, losses) + 1):
        ways = ways * (count - fewer + 1) // fewer
        tail += ways
    return min(1.0, float(2 * tail / 2**count))
