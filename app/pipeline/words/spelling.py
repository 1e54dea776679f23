"""Words of the index that resemble a word of a query: compounds that begin with it, and what it may be meant to be."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.queries import AskedWord

_SHORTEST, _LONG = 4, 8
"""Shorter words are not corrected; longer ones may differ in two letters instead of one."""
_FACTOR = 0.5
_MOST = 3
_BEGINNING, _SHORTEST_WITH_BEGINNING = 6, 8
"""Words of 8 letters also find those that have the same first 6: compounds, and forms that the stemmer separates."""
_BEGINNING_FACTOR = 0.3


def count_changes(word: AskedWord) -> int:
    """The number of letters in which a word may be misspelled; 0 for a short one, a code or a number."""
    stem = word.lexemes[0]
    if not stem.isalpha() or len(stem) < _SHORTEST:
        return 0
    return 1 if len(stem) < _LONG else 2


def get_beginning(word: AskedWord) -> str:
    """What other words may begin with; empty for a short word, a code or a number."""
    stem = word.lexemes[0]
    longest = max(
        len(lexeme) for lexeme, weight in zip(word.lexemes, word.list_weights(), strict=True) if weight >= word.weight
    )
    is_long = count_changes(word) and longest >= _SHORTEST_WITH_BEGINNING
    return stem[:_BEGINNING] if is_long and len(stem) >= _BEGINNING else ""


def add_beginning(word: AskedWord, known: Sequence[str]) -> AskedWord:
    """The word with the words of the index that have its beginning."""
    return _add_forms(word, [lexeme for lexeme in known if lexeme.isalpha()], _BEGINNING_FACTOR)


def add_near(word: AskedWord, known: Sequence[tuple[str, int]]) -> AskedWord:
    """The word with the words of the index that it may be meant to be; ``known`` has each with its number of chunks.

    They are those with the fewest changes, and of these the most common ones.
    """
    stem, most = word.lexemes[0], count_changes(word)
    near = sorted(
        (changes, -chunks, lexeme)
        for lexeme, chunks in known
        if lexeme.isalpha() and (changes := measure_changes(stem, lexeme)) <= most
    )
    return _add_forms(word, [lexeme for changes, _, lexeme in near[:_MOST] if changes == near[0][0]], _FACTOR)


def _add_forms(word: AskedWord, lexemes: Sequence[str], factor: float) -> AskedWord:
    factors = word.factors + (1.0,) * (len(word.lexemes) - len(word.factors)) + (factor,) * len(lexemes)
    return replace(word, lexemes=(*word.lexemes, *lexemes), factors=factors)


def measure_changes(first: str, second: str) -> int:
    """The number of letters that are added, left out, replaced, or swapped with the next one, from one word to another.

    The optimal string alignment distance, a restricted Damerau-Levenshtein distance.
    """
    before, row = list[int](), list(range(len(second) + 1))
    for place, letter in enumerate(first, 1):
        before_last, before, row = before, row, [place]
        for other_place, other in enumerate(second, 1):
            changes = min(row[-1] + 1, before[other_place] + 1, before[other_place - 1] + (letter != other))
            if place > 1 and other_place > 1 and letter == second[other_place - 2] and other == first[place - 2]:
                changes = min(changes, before_last[other_place - 2] + 1)
            row.append(changes)
    return row[-1]
