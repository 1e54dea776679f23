"""Words of the index that resemble a word of a query: compounds that begin with it, and what it may be meant to be."""

from collections.abc import Sequence
from dataclasses import replace

from app.domain.queries import AskedWord

_SHORTEST, _LONG = 4, 8
"""Shorter words are not corrected; longer ones may differ in two letters instead of one."""
_SHORTEST_BEGUN, LONGEST_ENDING = 5, 4
"""Words of the index from 5 letters on are compared with a word without its last letters, at most 4 of them."""
_LEAST_OF_TWO = 6
"""Shorter words of the index may differ from such a beginning in one letter only."""
_OF_STEM = 0.25
"""Added to the distance from a stem, so that of equally near words the one near to the whole word is meant."""
_FACTOR = 0.5
_MOST = 3
_BEGINNING, _SHORTEST_WITH_BEGINNING = 6, 8
"""Words of 8 letters also find those that have the same first 6: compounds, and forms that the stemmer separates."""
_BEGINNING_FACTOR = 0.3


def count_changes(word: AskedWord) -> int:
    """The number of letters in which a word may be misspelled; 0 for a short one, a code or a number."""
    written = get_written(word)
    return _count_allowed(written) if written.isalpha() else 0


def _count_allowed(word: str) -> int:
    return 0 if len(word) < _SHORTEST else 1 if len(word) < _LONG else 2


def get_written(word: AskedWord) -> str:
    """The word before stemming. Where that is not known, the longest of the forms that count in full."""
    if word.written:
        return word.written
    forms = zip(word.lexemes, word.list_weights(), strict=True)
    return max((form for form, weight in forms if weight >= word.weight), key=len)


def get_beginning(word: AskedWord) -> str:
    """What other words may begin with; empty for a short word, a code or a number."""
    stem = word.lexemes[0]
    is_long = _count_allowed(stem) and stem.isalpha() and len(get_written(word)) >= _SHORTEST_WITH_BEGINNING
    return stem[:_BEGINNING] if is_long and len(stem) >= _BEGINNING else ""


def add_beginning(word: AskedWord, known: Sequence[str]) -> AskedWord:
    """The word with the words of the index that have its beginning."""
    return _add_forms(word, [lexeme for lexeme in known if lexeme.isalpha()], _BEGINNING_FACTOR)


def add_near(word: AskedWord, known: Sequence[tuple[str, int]]) -> AskedWord:
    """The word with the words of the index that it may be meant to be; ``known`` has each with its number of chunks.

    They are the nearest ones, and of these the most common ones.
    """
    stem, written = word.lexemes[0], get_written(word)
    near = sorted(
        (distance, -chunks, lexeme)
        for lexeme, chunks in known
        if lexeme.isalpha() and (distance := _measure(stem, written, lexeme)) is not None
    )
    return _add_forms(word, [lexeme for distance, _, lexeme in near[:_MOST] if distance == near[0][0]], _FACTOR)


def _measure(stem: str, written: str, lexeme: str) -> float | None:
    """The distance of a lexeme from a word or its stem, in changed letters; None if there are too many.

    A mistake may hide the ending from the stemmer, so that the lexeme is also compared with the beginning of the word
    as it is written. Each letter of the ending is half a change.
    """
    distances = list[float]()
    if len(stem) >= _SHORTEST and (changes := measure_changes(stem, lexeme)[-1]) <= _count_allowed(stem):
        distances.append(changes + _OF_STEM * (len(stem) < len(written)))
    if len(lexeme) >= _SHORTEST_BEGUN:
        most = _count_allowed(written) if len(lexeme) >= _LEAST_OF_TWO else 1
        least = max(len(lexeme) - 2, len(written) - LONGEST_ENDING)
        for length, changes in enumerate(measure_changes(lexeme, written)):
            if length >= least and changes <= most:
                distances.append(changes + (len(written) - length) / 2)
    return min(distances, default=None)


def _add_forms(word: AskedWord, lexemes: Sequence[str], factor: float) -> AskedWord:
    factors = word.factors + (1.0,) * (len(word.lexemes) - len(word.factors)) + (factor,) * len(lexemes)
    return replace(word, lexemes=(*word.lexemes, *lexemes), factors=factors)


def measure_changes(first: str, second: str) -> list[int]:
    """The number of letters that are added, left out, replaced, or swapped with the next one, from one word to another.

    The last number is that of both words, the others are those from the first one to each beginning of the second one.

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
    return row
