"""The weights of a query's words: their rarity among the chunks of one or several agents."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from app.domain.queries import Query


@dataclass(frozen=True, slots=True)
class FoundWord:
    """A word of a query that a chunk has.

    ``forms`` are the lexemes by which the chunk has it. ``weight`` is the rarity of the rarest.
    """

    forms: tuple[str, ...]
    weight: float


class WordWeights:
    """The weights of the words of one query, by the formula that ``app.db.search.ranking`` uses.

    Args:
        query: The query.
        counts: The number of chunks with each lexeme of the query; under the empty one, of all chunks.
    """

    def __init__(self, query: Query, counts: Mapping[str, int]) -> None:
        self._counts = counts
        self._words: dict[str, list[tuple[int, float]]] = {}
        """The numbers of the words that have a form, each with its weight."""
        self._total = 0.0
        for number, word in enumerate(query.words):
            factors = zip(word.lexemes, word.list_weights(), strict=True)
            weights = {form: factor * self._measure_rarity(form) for form, factor in factors}
            for form, weight in weights.items():
                self._words.setdefault(form, []).append((number, weight))
            known = [weight for form, weight in weights.items() if counts.get(form)]
            self._total += max(known or weights.values())  # a word that no chunk has is as rare as can be

    def find(self, lexemes: Iterable[str]) -> list[FoundWord]:
        """The words of the query that a chunk with these lexemes has, the word with the highest weight first."""
        found: dict[int, dict[str, float]] = {}
        for form in sorted(lexemes):
            for number, weight in self._words.get(form, []):
                found.setdefault(number, {})[form] = weight
        words = [FoundWord(tuple(forms), max(forms.values())) for _, forms in sorted(found.items())]
        return sorted(words, key=lambda word: -word.weight)

    def measure_share(self, words: Iterable[FoundWord]) -> float:
        """The part of the weights of all words of the query that these have: 0 to 1."""
        return min(1.0, sum(word.weight for word in words) / self._total) if self._total else 0.0

    def _measure_rarity(self, form: str) -> float:
        count = self._counts.get(form, 0)
        return math.log(1 + (max(self._counts.get("", 0) - count, 0) + 0.5) / (count + 0.5))
