"""Whether passages answer a question.

Every question finds passages, since some are always nearest: one on Mongolia to documents on parcels as well. The rule
is a logistic regression with four features of words, and a bound on words and meaning together. docs/answers.md has
what they were fitted on, and what they refuse.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.pipeline.answering.matching import Match, QuestionWords

LEAST = 0.5
"""The least result of ``Evidence.measure`` at which a question is answered."""
COMPARED = 5
"""The number of passages that are compared with each other."""
_LEAST_IN_COMMON = 0.75
"""The least sum of the best passage's strength and its best sentence's cosine, by the default embedding model.

Questions of another domain share a few words with some passage, and no meaning. The model splits words of some
scripts into letters. Such texts have large cosines with each other, so the bound refuses nothing there.
"""
_ABSENT = 0.4
"""The part of the best passage's value that stands for each passage that is lacking."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of a question and its passages, each about 0 to 1.

    Args:
        strength: How much of the question the best passage has: mean of its words, of those near each other, and of
            pairs of neighbouring words.
        lead: By how much the strength exceeds the mean of the other passages. What answers a question stands out.
        frequency_lead: The same with words that count more where they occur more often in a shorter passage.
        missing_names: The share of the question's names and numbers that the best passage lacks.
    """

    strength: float
    lead: float
    frequency_lead: float
    missing_names: float


WEIGHTS = Features(strength=3.0, lead=5.0, frequency_lead=11.5, missing_names=-5.0)
BIAS = -2.5


class Evidence:
    """Compares the words of a question with passages."""

    def __init__(self, asked: QuestionWords) -> None:
        self._asked = asked
        self._matches: dict[str, Match] = {}

    def measure(self, passages: Sequence[str]) -> float:
        """How likely the passages answer the question, from words: 0 to 1."""
        features = self.describe(passages)
        return _rate(features) if features else 0.0

    def suffices(self, passages: Sequence[str], compare: Callable[[int], float] | None) -> bool:
        """Whether the passages answer the question.

        Args:
            passages: Texts found by search with their headings and names, best first.
            compare: Returns the largest cosine of the question and a sentence of the passage at a place; None without
                a model.
        """
        if (features := self.describe(passages)) is None or _rate(features) < LEAST:
            return False
        return compare is None or features.strength + compare(self._find_best(passages)) >= _LEAST_IN_COMMON

    def describe(self, passages: Sequence[str]) -> Features | None:
        """The features of the first passages; None where none has a word of the question, or one of its codes."""
        asked = self._asked
        matches = _leave_out_alike([self._match(passage) for passage in passages[:COMPARED]])
        strengths = [asked.measure(match) for match in matches]
        if not any(strengths) or asked.lacks_code(matches):
            return None
        best = matches[strengths.index(max(strengths))]
        named = [0.0 if is_name else 1.0 for is_name in asked.names]
        return Features(
            strength=max(strengths),
            lead=_measure_lead(strengths),
            frequency_lead=_measure_lead([self._weigh_frequency(match) for match in matches]),
            missing_names=1 - asked.share([max(pair) for pair in zip(best.strengths, named, strict=True)]),
        )

    def _match(self, passage: str) -> Match:
        if passage not in self._matches:
            self._matches[passage] = self._asked.match(passage)
        return self._matches[passage]

    def _find_best(self, passages: Sequence[str]) -> int:
        """The place of the passage that has most of the question."""
        strengths = [self._asked.measure(self._match(passage)) for passage in passages[:COMPARED]]
        return strengths.index(max(strengths))

    def _weigh_frequency(self, match: Match) -> float:
        """The share of the question, where a word counts up to 1 by its occurrences and by the text's length."""
        counts = [max(len(places), strength) for places, strength in zip(match.places, match.strengths, strict=True)]
        share = self._asked.share(
            [strength * count / (count + 1) for strength, count in zip(match.strengths, counts, strict=True)]
        )
        return 2 * share / math.log2(2 + match.length / 100)


def _leave_out_alike(matches: Sequence[Match]) -> list[Match]:
    """The passages without those that repeat one before them: an answer in two versions of a document is still one."""
    distinct: list[Match] = []
    for match in matches:
        if not any(match.is_like(other) for other in distinct):
            distinct.append(match)
    return distinct


def _rate(features: Features) -> float:
    value = BIAS + sum(getattr(WEIGHTS, name) * getattr(features, name) for name in Features.__slots__)
    return 1 / (1 + math.exp(-value))


def _measure_lead(values: Sequence[float]) -> float:
    """By how much the largest value exceeds the mean of the others; absent ones count as a part of the largest."""
    best, *others = sorted(values, reverse=True)
    others += [_ABSENT * best] * (COMPARED - 1 - len(others))
    return best - sum(others) / len(others)
