"""Summaries of evaluations, and what the comparison of two says."""

from typing import Any

import pytest

from app.services.evaluations.summaries import Change, compare, summarise


def measure(ndcg: float, *, relevant: int = 1, ask: dict[str, Any] | None = None) -> dict[str, Any]:
    """The measures of a question."""
    mode = {"ndcg": ndcg, "recall": ndcg, "reciprocal_rank": ndcg, "ms": 1.0}
    return {"modes": {"text": mode}, "ask": ask, "answerable": relevant > 0, "relevant": relevant, "missing": 0}


def of(*values: float) -> dict[int, dict[str, Any]]:
    """The measures of questions with these nDCG."""
    return {number: measure(value) for number, value in enumerate(values, 1)}


@pytest.mark.parametrize(
    ("before", "after", "hint"),
    [
        ([0.5, 1], [0.5, 1], "No question changed."),
        (
            [0.5] * 6,
            [1] * 6,
            "Better: nDCG@10 rose for 6 questions and fell for 0; chance hardly explains this (p = 0.031).",
        ),
        (
            [1] * 6,
            [0.5] * 6,
            "Worse: nDCG@10 rose for 0 questions and fell for 6; chance hardly explains this (p = 0.031).",
        ),
        (
            [0, 1],
            [1, 1],
            "No clear difference: nDCG@10 rose for 1 question and fell for 0; chance can explain this (p = 1.00).",
        ),
    ],
)
def test_a_comparison_says_whether_chance_explains_it(before: list[float], after: list[float], hint: str) -> None:
    assert compare(of(*before), of(*after), ["text"])["text"].hint == hint


def test_only_questions_that_both_measured_and_that_expect_something_are_compared() -> None:
    before = of(1, 0, 0.5) | {9: measure(0, relevant=0)}
    after = of(0, 1) | {9: measure(1, relevant=0)}
    compared = compare(before, after, ["text"])["text"]
    assert (compared.questions, compared.wins, compared.losses, compared.before) == (2, 1, 1, 0.5)
    assert compared.changes == [Change(1, 1, 0), Change(2, 0, 1)], "losses first"


def test_unanswerable_questions_count_for_answers_and_not_for_searches() -> None:
    answered = {"answered": True, "quoted": None, "answered_by": "extractive", "ms": 3.0}
    measures = {
        1: measure(1, ask={**answered, "quoted": True}),
        2: measure(0.5, ask={**answered, "answered": False, "quoted": False}),
        3: measure(0, relevant=0, ask=answered),
    }
    summary = summarise(measures, ["text"], asked=True)
    assert (summary["questions"], summary["with_expected"], summary["modes"]["text"]["ndcg"]) == (3, 2, 0.75)
    ask = summary["ask"]
    assert (ask["answered_share"], ask["refused_share"], ask["quoted_share"]) == (0.5, 0.0, 0.5)
    only = summarise({3: measures[3]}, ["text"], asked=True)
    assert (only["modes"]["text"]["ndcg"], only["ask"]["answered_share"]) == (None, None)
