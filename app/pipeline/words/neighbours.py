"""The words of a query that are next to each other: a text that has them so is more likely about the same."""

from dataclasses import replace
from itertools import pairwise

from app.domain.queries import AskedWord, Phrase, PhraseWord
from app.pipeline.words.lexemes import split_words
from app.pipeline.words.query import read_query

_MOST_PAIRS = 16
_STRONG = 0.7
"""Forms and words of less weight make no pair: parts of dates, and words that only resemble those of the query."""


def read_pairs(text: str) -> list[Phrase]:
    """The pairs of neighbouring words of a query, function words left out, as far apart as in the query."""
    places: dict[str, int] = {}
    for word, place in zip(*split_words(text, singles=False), strict=True):
        places.setdefault(word, place)
    placed: dict[int, PhraseWord] = {}
    for asked in read_query(text).words:
        place = min((places[form] for form in asked.lexemes if form in places), default=0)
        if place and (forms := _list_strong(asked)):
            placed.setdefault(place, PhraseWord(forms))
    ordered = sorted(placed.items())[: _MOST_PAIRS + 1]
    return [
        Phrase((former, replace(word, distance=place - before)))
        for (before, former), (place, word) in pairwise(ordered)
    ]


def _list_strong(asked: AskedWord) -> tuple[str, ...]:
    weights = zip(asked.lexemes, asked.list_weights(), strict=True)
    return tuple(form for form, weight in weights if weight >= _STRONG)
