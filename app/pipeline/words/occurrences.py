"""Where the words of a query occur in a text, by the same analysis of words as the lexical index."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from app.pipeline.words.accents import stem_accented
from app.pipeline.words.folding import fold
from app.pipeline.words.languages import guess_languages, stem_words
from app.pipeline.words.lexemes import IS_UNSPACED, MAX_LENGTH, TOKEN, Word, is_plain, split_parts
from app.pipeline.words.quantities import SKIPPED_IN_DATES, read_written_date
from app.pipeline.words.query import read_query

_VOWEL_JAMO, _LAST_JAMO = "\u1160", "\u11ff"
"""Hangul vowels and final consonants, which join the consonant before them."""
_CHANGED_LENGTH = re.compile(rb"[^\x00]?\x00+|[^\x00\x01]", re.DOTALL)
"""In the sizes of folded characters: a character with marks, or one that folds to several."""
_MOST = 255
_SPACE = re.compile(r"\s")
_JOINTS = r"(?:[^\w\s]|_)*"
"""What may separate the letters of a word, hyphens and points for instance: more than do, but quick to compile."""
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_YEAR = re.compile(r"(?<!\w)[12]\d{3}(?!\w)")
_LONGEST_DATE, _PARTS_OF_DATE = 40, 3
"""The number of characters before a year in which its month and day are, and of words that are a date."""
_LETTERS, _DIGITS = 3, 1
"""The number of characters at the beginning of a stem by which its words are found."""


class Occurrence(NamedTuple):
    """A place where a text has a word of the query; ``term`` is the number of the word in the query."""

    start: int
    end: int
    term: int


class Terms:
    """The words of a query in every form that search looks for. For one query, in one thread."""

    def __init__(self, query: str) -> None:
        words = enumerate(read_query(query).words)
        self._terms = {form: number for number, word in reversed(list(words)) for form in word.lexemes}
        self._beginnings = re.compile("|".join(sorted(set(map(_make_pattern, self._terms)))) or "(?!)")
        self._has_dates = any(map(_DATE.fullmatch, self._terms))
        self._matches: dict[tuple[object, ...], tuple[Occurrence, ...]] = {}
        """By languages, piece of text and stems of accented words: texts repeat their words."""

    def find(self, text: str) -> list[Occurrence]:
        """The occurrences in a text, by their starts."""
        if text.isascii():
            return self._find_folded(text, text)
        folded, starts, ends = fold_with_places(text)
        found = self._find_folded(folded, text)
        return [Occurrence(starts[start], ends[end - 1], term) for start, end, term in found]

    def _find_folded(self, text: str, written: str) -> list[Occurrence]:
        """The occurrences in a folded text, which was ``written`` so before."""
        pieces = list(self._list_pieces(text))
        if not pieces:
            return []
        languages = tuple(guess_languages(text.lower().split(), text))
        accented = stem_accented(written, languages)
        found = [
            Occurrence(place + start, place + end, term)
            for place, piece in pieces
            for start, end, term in self._match(languages, piece, accented)
        ]
        return sorted(found + list(self._find_dates(text)) if self._has_dates else found)

    def _find_dates(self, text: str) -> Iterator[Occurrence]:
        """The dates of the query that the text writes with the name of the month."""
        for year in _YEAR.finditer(text):
            begin = max(0, year.start() - _LONGEST_DATE)
            tokens = list(TOKEN.finditer(text, begin, year.end()))
            for date in read_written_date([token[0].lower() for token in tokens]):
                if (term := self._terms.get(date)) is not None:
                    starts = [token.start() for token in tokens if token[0].lower() not in SKIPPED_IN_DATES]
                    yield Occurrence(starts[-_PARTS_OF_DATE], year.end(), term)

    def _list_pieces(self, text: str) -> Iterator[tuple[int, str]]:
        """The parts between white space that may have a word of the query, with their places.

        A regular expression finds them, which is several times as fast as taking every word of the text apart.
        """
        lower = text.lower()
        end = 0
        for match in self._beginnings.finditer(lower if len(lower) == len(text) else text):
            if match.start() < end:
                continue
            start = match.start()
            while start > end and not text[start - 1].isspace():
                start -= 1
            end = space.start() if (space := _SPACE.search(text, match.end())) else len(text)
            yield start, text[start:end]

    def _match(self, languages: tuple[str, ...], piece: str, accented: dict[str, str]) -> tuple[Occurrence, ...]:
        """The words of the query in a piece of text, placed from its start."""
        key = (languages, piece, *accented.items())
        matches = self._matches.get(key)
        if matches is None:
            words = [(token.start(), word) for token in TOKEN.finditer(piece) for word in split_token(token[0])]
            stems = stem_words([word.word for _, word in words], languages)
            matches = self._matches[key] = tuple(
                Occurrence(place + word.start, place + word.end, term)
                for (place, word), stem in zip(words, stems, strict=True)
                if (term := self._terms.get(stem, self._terms.get(accented.get(word.word, "")))) is not None
            )
        return matches


def _make_pattern(stem: str) -> str:
    """A pattern that every word with this stem begins with, wherever it has joints. Stems differ only in their ends."""
    if IS_UNSPACED.match(stem):
        return re.escape(stem)
    length = _DIGITS if stem[0].isdigit() else max(1, min(len(stem) - 1, _LETTERS))
    return _JOINTS.join(map(re.escape, stem[:length]))


def split_token(token: str) -> Iterator[Word]:
    """The words of a token, the same that ``split_words`` makes of a document's."""
    if is_plain(token, lower := token.lower()):
        return iter([Word(lower[:MAX_LENGTH], 0, len(token), 1)])
    return split_parts(token, singles=True)


def fold_with_places(text: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """The folded text, and for each of its characters the start and the end of what it was made of."""
    if all(_sizes[character] == 1 for character in set(text)):
        return _fold_each(text), range(len(text)), range(1, len(text) + 1)
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
        made = _fold_cluster(text[start:end])
        folded.append(made)
        starts += [start] * len(made)
        ends += [end] * len(made)
        done = end
    return "".join(folded), starts, ends


@lru_cache(maxsize=4096)
def _fold_cluster(cluster: str) -> str:
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
