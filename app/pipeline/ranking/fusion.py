"""Fusion: one score from the words and the meaning of each candidate.

docs/adr/0002-hybrid-ranking.md has the measurements.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """How a chunk matches a query.

    ``words`` is the sum of its words' scores, which has no upper limit. ``share`` is the part of the query's words that
    it has, by rarity: 0 to 1. ``meaning`` is the cosine; None where the chunk has no vector.
    """

    words: float
    share: float
    meaning: float | None


@dataclass(frozen=True, slots=True)
class Fused:
    """The score of a candidate, in two parts: what its words and its meaning contribute."""

    words: float
    meaning: float

    @property
    def score(self) -> float:
        """The score: 0 to 1, or from -1 by meaning alone."""
        return self.words + self.meaning


def fuse(candidates: Sequence[Candidate], words_weight: float) -> list[Fused]:
    """The score of each candidate, in their order.

    Args:
        candidates: All candidates of one search.
        words_weight: The share of the words in a score: 1 for words alone, 0 for meaning alone.
    """
    best = max((candidate.words for candidate in candidates), default=0.0) or 1.0
    return [
        Fused(words_weight * candidate.words / best, (1 - words_weight) * (candidate.meaning or 0.0))
        for candidate in candidates
    ]
