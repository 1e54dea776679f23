"""Answering without a language model: the sentences that hold most of the question's rare words."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.pipeline.chunk import find_sentences
from app.pipeline.lexemes import query_lexemes

MAX_SENTENCES = 3
_ENOUGH = 0.6  # a further sentence must score this share of the best one
_PASSAGE_WEIGHT = 0.25  # how much a passage's own rank counts beside its sentences' words


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of a passage: ``passages[passage].text[start:end]``."""

    passage: int
    start: int
    end: int
    text: str


def choose_quotes(question: str, passages: Sequence[str]) -> list[Quote]:
    """The sentences that answer ``question`` best, the best first.

    Each word of the question weighs its inverse document frequency among the candidate
    sentences; a sentence scores the sum over the words it holds, and a passage that search
    ranked higher lends its sentences a little. Sentences that say the same count once.

    Args:
        question: A question in the language of the passages.
        passages: Texts found by search, the best first.
    """
    words = set(query_lexemes(question))
    candidates = [
        (Quote(number, start, end, text[start:end]), words.intersection(query_lexemes(text[start:end])))
        for number, text in enumerate(passages)
        for start, end in find_sentences(text)
    ]
    frequency = Counter(word for _, found in candidates for word in found)
    weight = {word: math.log(1 + len(candidates) / count) for word, count in frequency.items()}

    def score(candidate: tuple[Quote, set[str]]) -> float:
        quote, found = candidate
        return sum(weight[word] for word in found) * (1 + _PASSAGE_WEIGHT / (1 + quote.passage))

    ranked = sorted((candidate for candidate in candidates if candidate[1]), key=score, reverse=True)
    enough = _ENOUGH * score(ranked[0]) if ranked else 0.0
    return _take_distinct(quote for quote, found in ranked if score((quote, found)) >= enough)


def _take_distinct(quotes: Iterable[Quote]) -> list[Quote]:
    taken: dict[str, Quote] = {}
    for quote in quotes:
        taken.setdefault(" ".join(quote.text.split()).casefold(), quote)
        if len(taken) == MAX_SENTENCES:
            break
    return list(taken.values())
