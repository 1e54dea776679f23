"""Snippets: the part of a chunk that shows best why a search found it."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.pipeline.words.lexemes import IS_UNSPACED
from app.pipeline.words.occurrences import Occurrence, Terms
from app.pipeline.words.places import continues

MAX_CHARACTERS = 300
_WINDOW = 240
"""The occurrences that a snippet is chosen for lie within this number of characters, which leaves room around them."""
_LEAST_CHARACTERS = 200
_REPEATED = 0.02
"""The weight of a further occurrence of the same word, so that of two equal windows the one with more is chosen."""
_LONGEST_STEP = 40
"""The maximum number of characters by which a cut moves to the edge of a word; longer words are cut."""
_SENTENCE_END = re.compile(r"[.!?…]['\"”’)\]]*\s+|[。！？]|\n\s*")  # noqa: RUF001
_JOINER = "\u200d"


@dataclass(frozen=True, slots=True)
class Snippet:
    """An excerpt of a text, unchanged, and the ranges in it that match the query, as ``(start, end)`` in characters."""

    text: str
    highlights: Sequence[tuple[int, int]]


def make_snippets(query: str, texts: Sequence[str]) -> list[Snippet]:
    """A snippet of each text, at most ``MAX_CHARACTERS`` long.

    It shows the window with the most weight of different words of the query. A word's weight is its inverse document
    frequency among ``texts``. A text without any word of the query is shown from its beginning.
    """
    found = Terms(query).find_all(texts)
    frequency = Counter(term for occurrences in found for term in {one.term for one in occurrences})
    weights = {term: math.log(1 + len(texts) / count) for term, count in frequency.items()}
    return [_make(text, occurrences, weights) for text, occurrences in zip(texts, found, strict=True)]


def _make(text: str, occurrences: Sequence[Occurrence], weights: Mapping[int, float]) -> Snippet:
    start, end = _choose_range(text, _choose_window(occurrences, weights))
    return Snippet(text[start:end], _merge(occurrences, start, end))


def _choose_window(occurrences: Sequence[Occurrence], weights: Mapping[int, float]) -> tuple[int, int]:
    """The start and the end of the best window; two pointers, so the time is linear."""
    best, window = -1.0, (0, 0)
    inside: Counter[int] = Counter()
    score, right = 0.0, 0
    for left, first in enumerate(occurrences):
        while right < len(occurrences) and (right == left or occurrences[right].end - first.start <= _WINDOW):
            term = occurrences[right].term
            score += weights[term] * (_REPEATED if inside[term] else 1)
            inside[term] += 1
            right += 1
        if score > best + 1e-9:
            best, window = score, (first.start, max(one.end for one in occurrences[left:right]))
        inside[first.term] -= 1
        score -= weights[first.term] * (_REPEATED if inside[first.term] else 1)
    return window


def _choose_range(text: str, window: tuple[int, int]) -> tuple[int, int]:
    """The window with text around it: from the beginning of its sentence if that is near, to the edge of a word."""
    length = len(text)
    if length <= MAX_CHARACTERS:
        return _strip(text, 0, length)
    start, end = window
    around = max(0, MAX_CHARACTERS - (end - start))
    begin = _find_sentence(text, start, around // 2)
    if begin is None:
        wanted = max(0, start - around, min(start - around // 3, length - MAX_CHARACTERS))
        begin = _move_forward(text, wanted, start)
    latest = min(length, begin + MAX_CHARACTERS)
    least = end if end <= latest else begin + 1
    ends = [match.end() for match in _SENTENCE_END.finditer(text, max(least, begin + _LEAST_CHARACTERS), latest)]
    finish = length if latest == length else ends[-1] if ends else _move_back(text, latest, least)
    return _strip(text, begin, finish)


def _find_sentence(text: str, start: int, distance: int) -> int | None:
    """The beginning of the sentence at ``start``; None if it is further away, or too near to the end of the text."""
    earliest = max(0, start - distance)
    begins = [match.end() for match in _SENTENCE_END.finditer(text, earliest, start)]
    begin = begins[-1] if begins else 0 if start <= distance else None
    return begin if begin is not None and begin <= len(text) - _LEAST_CHARACTERS else None


def _move_forward(text: str, place: int, limit: int) -> int:
    """The next edge of a word, at most ``limit``; within a long word, the next edge of a character."""
    for other in range(place, min(limit, place + _LONGEST_STEP)):
        if not _is_inside_word(text, other):
            return other
    return next((other for other in range(place, limit) if not _is_inside_character(text, other)), limit)


def _move_back(text: str, place: int, limit: int) -> int:
    """The edge of a word before ``place``, at least ``limit``; within a long word, the edge of a character."""
    for other in range(place, max(limit, place - _LONGEST_STEP), -1):
        if not _is_inside_word(text, other):
            return other
    return next((other for other in range(place, limit, -1) if not _is_inside_character(text, other)), limit)


def _is_inside_word(text: str, place: int) -> bool:
    if not 0 < place < len(text):
        return False
    if _is_inside_character(text, place):
        return True
    before, after = text[place - 1], text[place]
    if IS_UNSPACED.match(before) or IS_UNSPACED.match(after):
        return False
    return not before.isspace() and not after.isspace()


def _is_inside_character(text: str, place: int) -> bool:
    """Whether a cut would separate a character from its marks, or the parts of an emoji."""
    if not 0 < place < len(text):
        return False
    before, after = text[place - 1], text[place]
    return continues(after) or _JOINER in {before, after} or _modifies(after)


def _modifies(character: str) -> bool:
    """Whether it is a variation selector or a skin tone."""
    return "\ufe00" <= character <= "\ufe0f" or "\U0001f3fb" <= character <= "\U0001f3ff"


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    """The range without white space at its ends."""
    stripped = text[start:end].strip()
    start += len(text[start:end]) - len(text[start:end].lstrip())
    return start, start + len(stripped)


def _merge(occurrences: Sequence[Occurrence], start: int, end: int) -> list[tuple[int, int]]:
    """The ranges of the occurrences within a snippet, relative to its start; overlapping and touching ones as one."""
    merged: list[tuple[int, int]] = []
    for one in occurrences:
        if one.start < start or one.end > end:
            continue
        first, last = one.start - start, one.end - start
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged
