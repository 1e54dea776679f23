"""Which words of a question a text has, and where."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from app.pipeline.words.folding import fold
from app.pipeline.words.function_words import leave_out_function_words, list_languages
from app.pipeline.words.languages import choose_languages, list_stems
from app.pipeline.words.lexemes import IS_UNSPACED, TOKEN, lexemes, split_words

_BACKGROUND = 30
"""The number of chunks without a word that are added to an agent's: a few chunks say little about its rarity."""
_SHORTEST_BEGINNING = 4
_BEGINNING = 2 / 3
"""The part of a word that must match the beginning of another one, for languages without a stemmer."""
_SEPARATE = 0.5
"""The weight of a pair of characters that a text has apart: pairs also span the limits of words."""
_PHRASED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]{2,}")
"""Thai to Myanmar, and Khmer: letters of words without spaces, of which a pair says nothing."""
_RUN = 4
"""Characters of such a script that must follow each other in the text as in the question."""
_WINDOW = 30
"""The number of words within which words of the question are near each other."""
_SLACK = 2
"""By how many words the distance of two words may differ from that in the question."""
_MOST_PLACES = 20
_CODE = re.compile(r"(?<![\w.-])(?:[A-Z]{1,3}-?|[a-z]{1,2})[0-9]+\b(?![.,:-][0-9])")
"""A code, which names one thing: an error, a line, a room."""
_ALIKE = 0.6
"""The share of their words that nearly equal texts have in common."""


@dataclass(frozen=True, slots=True)
class Match:
    """The words of a question in a text: for each how well the text has it, from 0 to 1, and its positions.

    ``lexemes`` are all of the text, ``length`` is the number of its words.
    """

    strengths: tuple[float, ...]
    places: tuple[Sequence[int], ...]
    lexemes: frozenset[str]
    length: int

    def is_like(self, other: "Match") -> bool:
        """Whether two texts are nearly the same, as those of two versions of a document are."""
        common = len(self.lexemes & other.lexemes)
        return common >= _ALIKE * (len(self.lexemes) + len(other.lexemes) - common)


class QuestionWords:
    """The words of a question that carry its subject, with their weights by rarity.

    Args:
        question: The question, in any language.
        counts: The number of the agent's chunks with each lexeme of the question; under the empty one, of all.
    """

    def __init__(self, question: str, counts: Mapping[str, int]) -> None:
        every = list(dict.fromkeys(split_words(question, singles=False)[0]))
        self.words = list(leave_out_function_words(every))
        order = {word: place for place, word in enumerate(every)}
        self._places = [order[word] for word in self.words]
        languages = choose_languages(every)
        self._stems = [list_stems(word, languages) for word in self.words]
        self._question = fold(question).lower()
        total = counts.get("", 0) + _BACKGROUND
        self.weights = [_weigh(max(counts.get(stem, 0) for stem in stems), total) for stems in self._stems]
        self.total = sum(self.weights)
        # German writes every noun with a capital.
        names = set() if list_languages(every)[:1] == ["german"] else find_names(question)
        self.names = [word in names for word in self.words]
        self.codes = [self._find_code(code) for code in _CODE.findall(question)]

    def match(self, text: str) -> Match:
        """Find the words in a text, by their stems, their beginnings and their characters."""
        found = lexemes(text)
        beginnings = "\n" + "\n".join(found) + "\n"
        folded = fold(text).lower() if self._runs else ""
        matches = [
            self._find(word, stems, found, beginnings, folded)
            for word, stems in zip(self.words, self._stems, strict=True)
        ]
        return Match(
            tuple(strength for strength, _ in matches),
            tuple(places for _, places in matches),
            frozenset(found),
            max((places[-1] for places in found.values()), default=0),
        )

    def share(self, strengths: Sequence[float]) -> float:
        """The share of the question, by weight, that is found: 0 to 1."""
        found = sum(weight * strength for weight, strength in zip(self.weights, strengths, strict=True))
        return found / self.total if self.total else 0.0

    def lacks_code(self, matches: Sequence[Match]) -> bool:
        """Whether no text has one of the codes of the question, such as F9 or E-1045."""
        return any(
            code and not any(match.strengths[place] for match in matches for place in code) for code in self.codes
        )

    def _find_code(self, code: str) -> list[int]:
        """The places of the words of a code that have its number."""
        parts = split_words(code, singles=False)[0]
        return [
            place
            for place, word in enumerate(self.words)
            if word in parts and any(character.isdigit() for character in word)
        ]

    def measure(self, match: Match) -> float:
        """How much of the question a text has: the mean of its words, those near each other, and its pairs; 0 to 1."""
        return (self.share(match.strengths) + self.share_near(match) + self.share_pairs(match)) / 3

    def share_near(self, match: Match) -> float:
        """The largest share of the question that a text has within 30 words."""
        events = sorted((place, number) for number, places in enumerate(match.places) for place in places)
        counts = [0] * len(self.words)
        best = inside = 0.0
        first = 0
        for place, number in events:
            inside += 0.0 if counts[number] else self.weights[number]
            counts[number] += 1
            while events[first][0] < place - _WINDOW:
                left = events[first][1]
                counts[left] -= 1
                inside -= 0.0 if counts[left] else self.weights[left]
                first += 1
            best = max(best, inside)
        return best / self.total if self.total else 0.0

    def share_pairs(self, match: Match) -> float:
        """The share of the pairs of neighbouring words that a text has about as far apart as the question."""
        total = found = 0.0
        for number in range(len(self.words) - 1):
            weight = min(self.weights[number : number + 2])
            total += weight
            apart = self._places[number + 1] - self._places[number]
            first, second = match.places[number], match.places[number + 1]
            found += weight if _are_apart(first, second, apart) else 0.0
        return found / total if total else self.share(match.strengths)

    @cached_property
    def _runs(self) -> dict[str, list[str]]:
        """For each pair of characters of Thai and the like, the runs of the question that contain it."""
        runs: dict[str, list[str]] = {}
        for letters in _PHRASED.findall(self._question):
            for start in range(max(1, len(letters) - _RUN + 1)):
                run = letters[start : start + _RUN]
                for place in range(len(run) - 1):
                    runs.setdefault(run[place : place + 2], []).append(run)
        return runs

    def _find(
        self, word: str, stems: Sequence[str], found: Mapping[str, Sequence[int]], beginnings: str, folded: str
    ) -> tuple[float, Sequence[int]]:
        """How well a text has a word, and where.

        Args:
            word: The word, not stemmed.
            stems: Its stems in all languages.
            found: The lexemes of the text with their positions.
            beginnings: The lexemes, each between line ends.
            folded: The text, where the question has words of Thai and the like.
        """
        places = sorted({place for stem in stems for place in found.get(stem, ())})
        if word in self._runs:
            return (1.0, places) if any(run in folded for run in self._runs[word]) else (0.0, ())
        if places:
            return 1.0, places
        if IS_UNSPACED.match(word):
            return _SEPARATE * sum(character in found for character in word) / len(word), ()
        if len(word) < _SHORTEST_BEGINNING:
            return 0.0, ()
        beginning = word[: max(_SHORTEST_BEGINNING, round(_BEGINNING * len(word)))]
        at = beginnings.find(f"\n{beginning}")
        if at < 0:
            return 0.0, ()
        return 1.0, found[beginnings[at + 1 : beginnings.index("\n", at + 1)]]


def find_names(question: str) -> set[str]:
    """The words of a question that are names or numbers: with a capital, not the first, or with a digit."""
    tokens = [(match.start(), match[0]) for match in TOKEN.finditer(question)]
    named = [token for place, token in tokens if token[0].isdigit() or (place and token[0].isupper())]
    return {word for token in named for word in split_words(token, singles=False)[0]}


def _are_apart(first: Sequence[int], second: Sequence[int], apart: int) -> bool:
    return any(
        abs(abs(right - left) - apart) <= _SLACK for left in first[:_MOST_PLACES] for right in second[:_MOST_PLACES]
    )


def _weigh(count: int, total: int) -> float:
    """The inverse document frequency, in the form that search uses."""
    return math.log(1 + (total - count + 0.5) / (count + 0.5))
