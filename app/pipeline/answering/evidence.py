"""How much of a question a passage is about: whether there is anything to answer it from.

A question that no passage is about, such as one on Mongolia to documents on parcels, still finds the passages that
are nearest to it.
"""

import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from app.pipeline.words.function_words import leave_out_function_words
from app.pipeline.words.lexemes import IS_UNSPACED, lexemes, list_stems, split_words

LEAST = 0.25
"""The least share of a question at which it is answered; docs/answers.md has the measurements."""
_BACKGROUND = 30
"""The number of chunks without a word that are added to an agent's: a few chunks say little about its rarity."""
_SHORTEST_BEGINNING = 4
_BEGINNING = 2 / 3
"""The part of a word that must match the beginning of another one, for languages without a stemmer."""
_SEPARATE = 0.5
"""The weight of a pair of characters that a passage has apart: pairs also span the limits of words."""


class Evidence:
    """The words of a question that carry a subject, and their weights.

    Args:
        question: The question, in any language.
        counts: The number of the agent's chunks with each lexeme of the question; under the empty one, of all.
    """

    def __init__(self, question: str, counts: Mapping[str, int]) -> None:
        words = list(dict.fromkeys(split_words(question, singles=False)[0]))
        self._stems = {word: list_stems(word) for word in leave_out_function_words(words)}
        total = counts.get("", 0) + _BACKGROUND
        self._weights = {
            word: _weigh(max(counts.get(stem, 0) for stem in stems), total) for word, stems in self._stems.items()
        }

    def measure(self, passages: Sequence[str]) -> float:
        """The largest share, by weight, of the question's words that one of the passages has: 0 to 1."""
        total = sum(self._weights.values())
        return max((self._measure(passage) for passage in passages), default=0.0) / total if total else 0.0

    def _measure(self, passage: str) -> float:
        found = lexemes(passage).keys()
        return sum(weight * self._match(word, found) for word, weight in self._weights.items())

    def _match(self, word: str, found: AbstractSet[str]) -> float:
        """How well a passage with the lexemes ``found`` has the word: 0 to 1."""
        if not found.isdisjoint(self._stems[word]):
            return 1.0
        if IS_UNSPACED.match(word):
            return _SEPARATE * sum(character in found for character in word) / len(word)
        beginning = word[: max(_SHORTEST_BEGINNING, round(_BEGINNING * len(word)))]
        is_long = len(word) >= _SHORTEST_BEGINNING
        return 1.0 if is_long and any(other.startswith(beginning) for other in found) else 0.0


def _weigh(count: int, total: int) -> float:
    """The inverse document frequency, in the form that search uses."""
    return math.log(1 + (total - count + 0.5) / (count + 0.5))
