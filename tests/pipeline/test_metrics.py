"""Measures of rankings: nDCG, recall, reciprocal rank, and the sign test."""

import math

import pytest

from app.pipeline.ranking.metrics import (
    find_percentile,
    measure_ndcg,
    measure_recall,
    measure_reciprocal_rank,
    measure_sign_chance,
)


@pytest.mark.parametrize(
    ("gains", "ideal", "expected"),
    [
        ([1, 0, 1], [1, 1], (1 + 1 / math.log2(4)) / (1 + 1 / math.log2(3))),
        ([0, 0, 0], [1], 0.0),
        ([], [1], 0.0),
        ([0] * 10 + [1], [1], 0.0),
        ([3, 2], [2, 3], 1.0),
        ([2], [1, 1], 1.0),
        ([1] * 10, [1] * 50, 1.0),
        ([1], [], 0.0),
    ],
)
def test_ndcg_is_the_discounted_gain_as_a_share_of_the_best_possible(
    gains: list[float], ideal: list[float], expected: float
) -> None:
    assert measure_ndcg(gains, ideal) == pytest.approx(expected)


def test_recall_counts_the_first_results_only() -> None:
    assert measure_recall([1, 0, 2], 4) == 0.75
    assert measure_recall([0] * 10 + [1], 1) == 0
    assert measure_recall([1], 0) == 0


def test_the_reciprocal_rank_is_that_of_the_first_relevant_result() -> None:
    assert measure_reciprocal_rank([0, 0, 1, 1]) == pytest.approx(1 / 3)
    assert measure_reciprocal_rank([0]) == 0


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert (find_percentile(values, 0.5), find_percentile(values, 0.95)) == (50, 95)
    assert find_percentile([7.0], 0.95) == 7
    assert find_percentile([], 0.5) is None


def test_the_sign_test_says_how_likely_an_uneven_result_is_by_chance() -> None:
    assert measure_sign_chance(0, 0) == 1
    assert measure_sign_chance(3, 3) == 1
    assert measure_sign_chance(5, 0) == pytest.approx(2 / 32)
    assert measure_sign_chance(1, 9) == measure_sign_chance(9, 1) == pytest.approx(2 * (1 + 10) / 1024)
    assert measure_sign_chance(2000, 3000) < 1e-9
