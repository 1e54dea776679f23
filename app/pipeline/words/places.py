"""The folded form of a text with the places of its characters in the text."""

import re
import unicodedata
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache

from app.pipeline.words.folding import REMOVED, fold, is_separate

_VOWEL_JAMO, _LAST_JAMO = "\u1160", "\u11ff"
"""Hangul vowels and final consonants, which join the consonant before them."""
_CHANGED_LENGTH = re.compile(rb"[^\x00]?\x00+|[^\x00\x01]", re.DOTALL)
"""In the sizes of folded characters: a character with marks, or one that folds to several."""
_MOST = 255


def fold_with_places(text: str, characters: AbstractSet[str]) -> tuple[str, Sequence[int], Sequence[int]]:
    """The folded text, and for each of its characters the start and the end of what it was made of.

    ``characters`` are those of the text that are not ASCII.
    """
    length = len(text)
    removed = {character for character in characters if not _folds[character]}
    if removed <= REMOVED:
        places: Sequence[int] = _list_other_places(text, removed) if removed else range(len(text))
        for character in characters:
            if (other := _folds[character]) != character:
                text = text.replace(character, other)
        return text, places, [*places[1:], length][: len(places)] if removed else range(1, length + 1)
    sizes = bytes(map(_sizes.__getitem__, text))
    folded: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    done = 0
    for changed in (*_CHANGED_LENGTH.finditer(sizes), None):
        start, end = changed.span() if changed else (len(text), len(text))
        folded.append(_fold_each(text[done:start]))
        starts += range(done, start)
        ends += range(done + 1, start + 1)
        made = fold_cluster(text[start:end])
        folded.append(made)
        starts += [start] * len(made)
        ends += [end] * len(made)
        done = end
    return "".join(folded), starts, ends


def _list_other_places(text: str, characters: AbstractSet[str]) -> list[int]:
    """The places of the characters of a text that are not among these."""
    return [place for place, character in enumerate(text) if character not in characters]


@lru_cache(maxsize=4096)
def fold_cluster(cluster: str) -> str:
    """Fold a character with its marks; cached, because a text has few different ones."""
    return fold(cluster)


def _fold_each(text: str) -> str:
    """Fold characters that each give one; a few pairs of them would give one together."""
    folded = fold(text)
    return folded if len(folded) == len(text) else "".join(map(fold, text))


def continues(character: str) -> bool:
    """Whether a character belongs to the one before it: an accent, a vowel sign, a part of a Hangul syllable."""
    return _sizes[character] == 0


class _Sizes(dict[str, int]):
    """The number of characters that a character folds to; 0 for one that belongs to the one before it."""

    def __missing__(self, character: str) -> int:
        is_mark = unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) != 0
        is_jamo = _VOWEL_JAMO <= character <= _LAST_JAMO
        size = 0 if is_mark or is_jamo else min(len(fold(character)), _MOST)
        self[character] = size
        return size


_sizes = _Sizes()


class _Folds(dict[str, str]):
    """The character that a character folds to; empty for one that gives none or several, or joins others."""

    def __missing__(self, character: str) -> str:
        folded = fold(character) if _sizes[character] == 1 and is_separate(character) else ""
        self[character] = folded
        return folded


_folds = _Folds()
