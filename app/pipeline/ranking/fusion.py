"""Fusion: one score from the words and the meaning of each candidate.

docs/adr/0002-hybrid-ranking.md has the measurements.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import NamedTuple, TypeVar

_NEIGHBOURS = 0.25
"""What a text gets that has all pairs of neighbouring words of the query, where the best match by words gets 1."""

Key = TypeVar("Key", bound=Hashable)


class Candidate(NamedTuple):
    """How a chunk matches a query.

    ``words`` is the sum of its words' scores, which has no upper limit. ``share`` is the part of the query's words that
    it has, by rarity: 0 to 1. ``meaning`` is the cosine; None where the chunk has no vector.
    """

    words: float
    share: float
    meaning: float | None


@dataclass(frozen=True, slots=True)
class Balance:
    """How words and meaning share a score.

    ``words`` is the weight of the words: 1 for words alone, 0 for meaning alone. ``doubt`` is the exponent of the share
    of the query's words that the best match by words has: where the model is good, a match of few words counts less.
    """

    words: float
    doubt: float = 0.0


WORDS_ALONE = Balance(1.0)
MEANING_ALONE = Balance(0.0)
EVEN = Balance(0.5)
"""The balance until an agent's texts have been used to measure the model: see ``calibration``."""


class Fused(NamedTuple):
    """The score of a candidate, in two parts: what its words and its meaning contribute."""

    words: float
    meaning: float

    @property
    def score(self) -> float:
        """The score: 0 to 1, or from -1 by meaning alone."""
        return self.words + self.meaning


def fuse(candidates: Sequence[Candidate], balance: Balance) -> list[Fused]:
    """The score of each candidate, in their order. The scores of one call are comparable with each other.

    Args:
        candidates: All candidates of one search.
        balance: How words and meaning share the score.
    """
    best = max(candidates, key=itemgetter(0), default=None)
    unit, rest = 0.0, 1 - balance.words
    if best is not None and best.words > 0:
        unit = balance.words * min(1.0, best.share) ** balance.doubt / best.words
    return [Fused(unit * words, rest * (meaning or 0.0)) for words, _, meaning in candidates]


def reward_neighbours(fused: Mapping[Key, Fused], shares: Mapping[Key, float]) -> dict[Key, Fused]:
    """The scores where texts also count that have words of the query next to each other, as the query has them.

    Args:
        fused: The scores of all candidates.
        shares: For the best candidates, the part of the query's pairs of neighbouring words that they have.
    """
    most = _NEIGHBOURS * max((one.words for one in fused.values()), default=0.0)
    # All are divided by the same, so that scores stay below 1.
    return {
        key: Fused((fused[key].words + most * share) / (1 + most), fused[key].meaning / (1 + most))
        for key, share in shares.items()
    }


def average(balances: Sequence[Balance]) -> Balance:
    """The balance of a search over several agents: the mean of theirs, so that their chunks get comparable scores."""
    if not balances:
        return EVEN
    count = len(balances)
    return Balance(sum(one.words for one in balances) / count, sum(one.doubt for one in balances) / count)
