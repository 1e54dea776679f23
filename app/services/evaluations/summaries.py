"""Summaries of evaluations, and the comparison of two, from the measures of each question."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.domain.counting import count_of
from app.pipeline.ranking.metrics import find_percentile, measure_sign_chance

_CHANCE = 0.05
"""A difference that chance alone makes more often than this is no clear difference."""
_SAME = 1e-9
_SHOWN = 10

Measures = Mapping[int, Mapping[str, Any]]
"""The measures of each question, by its number."""


@dataclass(frozen=True, slots=True)
class Change:
    """A question whose nDCG differs between two evaluations."""

    number: int
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class ModeComparison:
    """One mode in two evaluations, question by question.

    Attributes:
        questions: The number of questions that both measured.
        before: The mean nDCG@10 of the earlier one.
        after: That of the later one.
        wins: The number of questions that are better now.
        losses: The number of those that are worse now.
        chance: The probability of so uneven wins and losses if both evaluations were equally good.
        changes: The questions that changed most, losses first.
    """

    questions: int
    before: float
    after: float
    wins: int
    losses: int
    chance: float
    changes: Sequence[Change]

    @property
    def hint(self) -> str:
        """What the difference means, for people."""
        if not self.wins and not self.losses:
            return "No question changed."
        uneven = f"nDCG@10 rose for {count_of(self.wins, 'question')} and fell for {self.losses}"
        if self.chance > _CHANCE:
            return f"No clear difference: {uneven}; chance can explain this (p = {self.chance:.2f})."
        direction = "Better" if self.wins > self.losses else "Worse"
        return f"{direction}: {uneven}; chance hardly explains this (p = {self.chance:.2g})."


def summarise(measures: Measures, modes: Iterable[str], *, asked: bool) -> dict[str, Any]:
    """The summary of an evaluation: the number of questions, the means by mode, and the shares of right answers."""
    every = list(measures.values())
    expecting = [one for one in every if one["relevant"]]
    return {
        "questions": len(every),
        "with_expected": len(expecting),
        "with_missing_documents": sum(one["missing"] > 0 for one in every),
        "modes": {mode: _summarise_mode(mode, every, expecting) for mode in modes},
        "ask": _summarise_answers(every) if asked else None,
    }


def _summarise_mode(
    mode: str, every: Sequence[Mapping[str, Any]], expecting: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    found = [one["modes"][mode] for one in expecting]
    means = {name: _find_mean([one[name] for one in found]) for name in ("ndcg", "recall", "reciprocal_rank")}
    return {**means, "latency_ms": _summarise_times([one["modes"][mode]["ms"] for one in every])}


def _summarise_answers(every: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    answerable = [one["ask"] for one in every if one["answerable"]]
    others = [one["ask"] for one in every if not one["answerable"]]
    quotable = [one for one in answerable if one["quoted"] is not None]
    answered = sum(one["answered"] for one in answerable)
    refused = sum(not one["answered"] for one in others)
    quoted = sum(one["quoted"] for one in quotable)
    return {
        "answerable": len(answerable),
        "answered": answered,
        "answered_share": _find_share(answered, len(answerable)),
        "unanswerable": len(others),
        "refused": refused,
        "refused_share": _find_share(refused, len(others)),
        "with_expected_quotes": len(quotable),
        "quoted": quoted,
        "quoted_share": _find_share(quoted, len(quotable)),
        "answered_by": sorted({one["answered_by"] for one in (*answerable, *others)}),
        "latency_ms": _summarise_times([one["ms"] for one in (*answerable, *others)]),
    }


def compare(before: Measures, after: Measures, modes: Iterable[str]) -> dict[str, ModeComparison]:
    """Compare two evaluations of the same question set, mode by mode."""
    return {mode: _compare_mode(before, after, mode) for mode in modes}


def _compare_mode(before: Measures, after: Measures, mode: str) -> ModeComparison:
    both = [number for number in before if number in after and before[number]["relevant"]]
    changes = [
        Change(number, before[number]["modes"][mode]["ndcg"], after[number]["modes"][mode]["ndcg"]) for number in both
    ]
    wins = sum(change.after > change.before + _SAME for change in changes)
    losses = sum(change.after < change.before - _SAME for change in changes)
    changed = [change for change in changes if abs(change.after - change.before) > _SAME]
    changed.sort(key=lambda change: (change.after > change.before, -abs(change.after - change.before), change.number))
    return ModeComparison(
        questions=len(both),
        before=_find_mean([change.before for change in changes]) or 0.0,
        after=_find_mean([change.after for change in changes]) or 0.0,
        wins=wins,
        losses=losses,
        chance=measure_sign_chance(wins, losses),
        changes=changed[:_SHOWN],
    )


def _find_mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 4) if values else None


def _find_share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _summarise_times(values: Sequence[float]) -> dict[str, float | None]:
    return {"p50": find_percentile(values, 0.5), "p95": find_percentile(values, 0.95)}
