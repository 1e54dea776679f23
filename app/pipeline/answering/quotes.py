"""Answers without a language model: the fewest sentences that contain the rare words of the question."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.pipeline.chunking.chunk import find_sentences
from app.pipeline.words.lexemes import query_lexemes

MAX_SENTENCES = 3
_ENOUGH = 0.35  # a further sentence must add this share of the weight of the first one
_PASSAGE_WEIGHT = 0.25  # the weight of a passage's rank relative to the words of its sentences
_COMFORTABLE_CHARACTERS = 200  # longer sentences count less, because they contain other matters as well


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of a passage: ``passages[passage].text[start:end]``."""

    passage: int
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    quote: Quote
    words: frozenset[str]

    def gain(self, weights: dict[str, float], covered: set[str]) -> float:
        """The weight of the question's words that it adds to those already covered."""
        length = math.sqrt(max(1.0, len(self.quote.text) / _COMFORTABLE_CHARACTERS))
        rank = 1 + _PASSAGE_WEIGHT / (1 + self.quote.passage)
        return rank / length * sum(weights[word] for word in self.words - covered)


def choose_quotes(question: str, passages: Sequence[str]) -> list[Quote]:
    """The sentences that answer ``question``, best first.

    A greedy set cover: the weight of each word of the question is its inverse document frequency among the candidate
    sentences. The sentence that adds the most weight is chosen next, until none adds enough. Questions are not
    candidates.

    Args:
        question: A question in the language of the passages.
        passages: Texts found by search, best first.
    """
    asked = frozenset(query_lexemes(question))
    candidates = [
        candidate for number, text in enumerate(passages) for candidate in _list_candidates(number, text, asked)
    ]
    frequency = Counter(word for candidate in candidates for word in candidate.words)
    weights = {word: math.log(1 + len(candidates) / count) for word, count in frequency.items()}
    chosen: list[Quote] = []
    covered: set[str] = set()
    enough = 0.0
    while candidates and len(chosen) < MAX_SENTENCES:
        best = max(candidates, key=lambda candidate: candidate.gain(weights, covered))
        if (gain := best.gain(weights, covered)) <= enough:
            break
        enough = enough or _ENOUGH * gain
        chosen.append(best.quote)
        covered |= best.words
    return chosen


def _list_candidates(number: int, text: str, asked: frozenset[str]) -> Iterator[_Candidate]:
    for start, end in find_sentences(text):
        words = asked.intersection(query_lexemes(text[start:end]))
        if words and not text[start:end].endswith("?"):
            begin = _skip_headings(text, start, end, words)
            yield _Candidate(Quote(number, begin, end, text[begin:end]), words)


def _skip_headings(text: str, start: int, end: int, words: frozenset[str]) -> int:
    """The start of a sentence without its first lines (headings, table cells) that add none of ``words``."""
    lines = [start, *(place + 1 for place in range(start, end) if text[place] == "\n")]
    for begin in reversed(lines):
        if words <= set(query_lexemes(text[begin:end])):
            return begin + len(text[begin:end]) - len(text[begin:end].lstrip())
    return start
