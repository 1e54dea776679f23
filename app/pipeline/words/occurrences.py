"""Where the words of a query occur in a text, by the same analysis of words as the lexical index."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from app.pipeline.words.accents import stem_accented
from app.pipeline.words.compounds import COMPOUNDING, find_end
from app.pipeline.words.folding import fold, is_separate
from app.pipeline.words.languages import guess_languages, list_other_characters, stem_words
from app.pipeline.words.lexemes import (
    FIRST_UNSPACED,
    IS_UNSPACED,
    MARKS,
    MAX_LENGTH,
    TOKEN,
    Word,
    is_plain,
    split_parts,
)
from app.pipeline.words.quantities import SKIPPED_IN_DATES, read_written_date
from app.pipeline.words.query import read_query

_VOWEL_JAMO, _LAST_JAMO = "\u1160", "\u11ff"
"""Hangul vowels and final consonants, which join the consonant before them."""
_CHANGED_LENGTH = re.compile(rb"[^\x00]?\x00+|[^\x00\x01]", re.DOTALL)
"""In the sizes of folded characters: a character with marks, or one that folds to several."""
_MOST = 255
_JOINTS = re.compile(f"[^\\w\\n{MARKS}]+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_YEAR = re.compile(r"(?<!\w)[12]\d{3}(?!\w)")
_LONGEST_DATE, _PARTS_OF_DATE = 40, 3
"""The number of characters before a year in which its month and day are, and of words that are a date."""
_LEAST, _MOST_LETTERS, _CHANGED, _DIGITS = 3, 5, 3, 1
"""The number of characters at the beginning of a stem by which its words are found: all but those that stemmers change,
within these limits, of which the least is shorter for a short stem; and of a number."""
_WITHIN = frozenset((*COMPOUNDING, "indonesian"))
"""Languages in Latin letters whose words are also found by what is within them: their stemmers remove beginnings, or
their compounds are found by their ends."""


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
        beginnings = set(map(_make_beginning, self._terms))
        self._beginnings = [one for one in beginnings if not _is_exact(one)]
        self._exact = [one for one in beginnings if _is_exact(one)]
        self._has_dates = any(map(_DATE.fullmatch, self._terms))
        self._seen: set[str] = set()
        """The pieces of texts that were compared with the beginnings: texts repeat their words."""
        self._having: set[str] = set()
        """Those that have a beginning."""
        self._having_inside: set[str] = set()
        """Words that have one, but do not begin with it: few languages form words so."""
        self._stems: dict[tuple[tuple[str, ...], str], list[tuple[int, int, str, str]]] = {}
        """By languages and piece of text, the words that may be the query's: start, end, word and stem."""

    def find(self, text: str) -> list[Occurrence]:
        """The occurrences in a text, by their starts."""
        return self.find_all([text])[0]

    def find_all(self, texts: Sequence[str]) -> list[list[Occurrence]]:
        """The occurrences in each of several texts."""
        folded = [(text, None, None) if text.isascii() else fold_with_places(text) for text in texts]
        pieces = [text.split() for text, _, _ in folded]
        self._compare(set().union(*pieces) - self._seen)
        found = []
        for written, (text, starts, ends), parts in zip(texts, folded, pieces, strict=True):
            occurrences = self._find_folded(text, parts, written)
            if starts is not None and ends is not None:
                occurrences = [Occurrence(starts[start], ends[end - 1], term) for start, end, term in occurrences]
            found.append(occurrences)
        return found

    def _compare(self, pieces: AbstractSet[str]) -> None:
        """Find the pieces that have a beginning, without analysing each.

        All are joined in one text, without the joints of words, in which ``str.find`` takes a microsecond for a
        thousand characters.
        """
        ordered = list(pieces)
        lower = "\n".join(ordered).lower()
        for joined, beginnings in ((_remove_joints(lower), self._beginnings), (lower, self._exact)):
            ends = list(accumulate(map(len, joined.splitlines(keepends=True)))) if beginnings else []
            for beginning in beginnings:
                self._note(ordered, joined, ends, beginning)
        self._seen |= pieces

    def _note(self, pieces: Sequence[str], joined: str, ends: Sequence[int], beginning: str) -> None:
        place = joined.find(beginning)
        while place >= 0:
            number = bisect_right(ends, place)
            piece = pieces[number]
            is_inside = place > (ends[number - 1] if number else 0) and piece.isascii() and piece.isalpha()
            (self._having_inside if is_inside and piece[1:].islower() else self._having).add(piece)
            place = joined.find(beginning, ends[number])

    def _find_folded(self, text: str, pieces: Sequence[str], written: str) -> list[Occurrence]:
        """The occurrences in a folded text, which was ``written`` so before."""
        if self._having.isdisjoint(pieces) and self._having_inside.isdisjoint(pieces):
            return []
        languages = tuple(guess_languages(text.lower().split(), text))
        wanted = self._having if _WITHIN.isdisjoint(languages) else self._having | self._having_inside
        accented = stem_accented(written, languages)
        found, done = list[Occurrence](), 0
        for piece in pieces:
            if piece in wanted:
                place = _locate(text, piece, done)
                done = place + len(piece)
                for start, end, word, stem in self._stem(languages, piece):
                    if (term := self._get_term(stem, accented.get(word), find_end(word, languages))) is not None:
                        found.append(Occurrence(place + start, place + end, term))
        return sorted(found + list(self._find_dates(text)) if self._has_dates else found)

    def _get_term(self, *stems: str | None) -> int | None:
        """The number of the first of the stems of a word that the query has."""
        return next((self._terms[stem] for stem in stems if stem in self._terms), None)

    def _find_dates(self, text: str) -> Iterator[Occurrence]:
        """The dates of the query that the text writes with the name of the month."""
        for year in _YEAR.finditer(text):
            begin = max(0, year.start() - _LONGEST_DATE)
            tokens = list(TOKEN.finditer(text, begin, year.end()))
            for date in read_written_date([token[0].lower() for token in tokens]):
                if (term := self._terms.get(date)) is not None:
                    starts = [token.start() for token in tokens if token[0].lower() not in SKIPPED_IN_DATES]
                    yield Occurrence(starts[-_PARTS_OF_DATE], year.end(), term)

    def _stem(self, languages: tuple[str, ...], piece: str) -> list[tuple[int, int, str, str]]:
        """The words of a piece of text that may be the query's, placed from its start, with their stems."""
        stemmed = self._stems.get((languages, piece))
        if stemmed is None:
            words = [(token.start(), word) for token in TOKEN.finditer(piece) for word in split_token(token[0])]
            stems = stem_words([word.word for _, word in words], languages)
            stemmed = self._stems[languages, piece] = [
                (place + word.start, place + word.end, word.word, stem)
                for (place, word), stem in zip(words, stems, strict=True)
                if stem in self._terms or word.word < FIRST_UNSPACED  # which may have had accents
            ]
        return stemmed


def _make_beginning(stem: str) -> str:
    """What every word with this stem has, without joints. Stems differ only in their ends."""
    if _is_exact(stem):
        return stem
    bare = _remove_joints(stem)
    if bare[0].isdigit():
        return bare[:_DIGITS]
    return bare[: max(1, min(len(bare) - 1, _LEAST), min(len(bare) - _CHANGED, _MOST_LETTERS))]


def _is_exact(stem: str) -> bool:
    """Whether a text has a stem as it is: one of a script without spaces, or a sign."""
    return IS_UNSPACED.match(stem) is not None or not _remove_joints(stem)


def _remove_joints(text: str) -> str:
    """The text without what may separate the letters of a word, hyphens and points for instance."""
    return _JOINTS.sub("", text).replace("_", "")


def _locate(text: str, piece: str, place: int) -> int:
    """The place from which on a piece is next between white space."""
    while True:
        place = text.index(piece, place)
        end = place + len(piece)
        if (place == 0 or text[place - 1].isspace()) and (end == len(text) or text[end].isspace()):
            return place
        place += 1


def split_token(token: str) -> Iterator[Word]:
    """The words of a token, the same that ``split_words`` makes of a document's."""
    if is_plain(token, lower := token.lower()):
        return iter([Word(lower[:MAX_LENGTH], 0, len(token), 1)])
    return split_parts(token, singles=True)


def fold_with_places(text: str) -> tuple[str, Sequence[int], Sequence[int]]:
    """The folded text, and for each of its characters the start and the end of what it was made of."""
    characters = list_other_characters(text)
    if all(map(_folds.__getitem__, characters)):
        for character in characters:
            if (other := _folds[character]) != character:
                text = text.replace(character, other)
        return text, range(len(text)), range(1, len(text) + 1)
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


class _Folds(dict[str, str]):
    """The character that a character folds to; empty for one that gives none or several, or joins others."""

    def __missing__(self, character: str) -> str:
        folded = fold(character) if _sizes[character] == 1 and is_separate(character) else ""
        self[character] = folded
        return folded


_folds = _Folds()
