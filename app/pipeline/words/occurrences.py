"""Where the words of a query occur in a text, by the same analysis of words as the lexical index."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

from app.pipeline.words.accents import stem_accented
from app.pipeline.words.compounds import COMPOUNDING, find_end
from app.pipeline.words.languages import guess_languages, list_other_characters, stem_words
from app.pipeline.words.lexemes import (
    IS_UNSPACED,
    MARKS,
    MAX_LENGTH,
    TOKEN,
    Word,
    is_plain,
    split_parts,
)
from app.pipeline.words.places import fold_cluster, fold_with_places
from app.pipeline.words.quantities import SKIPPED_IN_DATES, read_written_date
from app.pipeline.words.query import read_query
from app.pipeline.words.word_lists import LATIN

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


_EDGES, _ENDS = "([\"'", ".,;:!?)]\"'"
"""What is around words and in no token."""
_LONGEST_PIECE = 40  # characters of a piece of text whose words are cached
_Analysed = tuple[int, int, str, str, str]
"""A word of a piece of text: start, end, the word, its stem, and the marked stem of the end of a compound."""


class Occurrence(NamedTuple):
    """A place where a text has a word of the query; ``term`` is the number of the word in the query."""

    start: int
    end: int
    term: int


class _Text(NamedTuple):
    """A text in the form that is compared with a query.

    Attributes:
        written: The text itself.
        folded: Its folded form.
        starts: The start of what each folded character was made of; ``ends`` is its end.
        others: The different characters that are not ASCII.
        scripts: These, folded.
        pieces: What is between white space, in small letters.
    """

    written: str
    folded: str
    starts: Sequence[int]
    ends: Sequence[int]
    others: str
    scripts: str
    pieces: Sequence[str]

    def locate(self, pieces: Iterable[str]) -> Iterator[tuple[int, str]]:
        """The folded places of pieces, which are in the order of the text, and how the folded text writes them."""
        lower = self.folded.lower()  # has the same places: folding leaves no letter that becomes two small ones
        place = 0
        for piece in pieces:
            place = _locate(lower, piece, place)
            end = place + len(piece)
            yield place, self.folded[place:end]
            place = end

    def read(self, place: int, piece: str) -> str:
        """How the text itself writes a piece."""
        return self.written[self.starts[place] : self.ends[place + len(piece) - 1]]


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
        """The pieces of texts, in small letters, that were compared with the beginnings: texts repeat their words."""
        self._having: set[str] = set()
        """Those that have a beginning."""
        self._having_inside: set[str] = set()
        """Words that have one, but do not begin with it: few languages form words so."""

    def find(self, text: str) -> list[Occurrence]:
        """The occurrences in a text, by their starts."""
        return self.find_all([text])[0]

    def find_all(self, texts: Sequence[str]) -> list[list[Occurrence]]:
        """The occurrences in each of several texts."""
        folded = [_fold(text) for text in texts]
        self._compare(set().union(*(text.pieces for text in folded)) - self._seen)
        return [self._find_folded(text) for text in folded]

    def _compare(self, pieces: AbstractSet[str]) -> None:
        """Find the pieces that have a beginning, without analysing each.

        All are joined in one text, without the joints of words, in which ``str.find`` takes a microsecond for a
        thousand characters.
        """
        ordered = list(pieces)
        lower = "\n".join(ordered)
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
            (self._having_inside if is_inside else self._having).add(piece)
            place = joined.find(beginning, ends[number])

    def _find_folded(self, text: _Text) -> list[Occurrence]:
        candidates = [piece for piece in text.pieces if piece in self._having or piece in self._having_inside]
        if not candidates:
            return []
        languages = tuple(guess_languages(text.pieces, text.folded, text.scripts))
        finds_inside = not _WITHIN.isdisjoint(languages)
        placed = [
            (place, piece)
            for candidate, (place, piece) in zip(candidates, text.locate(candidates), strict=True)
            if finds_inside or candidate in self._having or not piece[1:].islower()
        ]
        accented = stem_accented(text.others, languages, (text.read(place, piece) for place, piece in placed))
        found, terms = list[Occurrence](), self._terms
        for place, piece in placed:
            for start, end, word, stem, compound in analyse(languages, piece):
                term = terms.get(stem)
                if term is None and accented:
                    term = terms.get(accented.get(word, ""))
                if term is None and compound:
                    term = terms.get(compound)
                if term is not None:
                    found.append(Occurrence(place + start, place + end, term))
        found = sorted(found + list(self._find_dates(text.folded)) if self._has_dates else found)
        return [Occurrence(text.starts[start], text.ends[end - 1], term) for start, end, term in found]

    def _find_dates(self, text: str) -> Iterator[Occurrence]:
        """The dates of the query that the text writes with the name of the month."""
        for year in _YEAR.finditer(text):
            begin = max(0, year.start() - _LONGEST_DATE)
            tokens = list(TOKEN.finditer(text, begin, year.end()))
            for date in read_written_date([token[0].lower() for token in tokens]):
                if (term := self._terms.get(date)) is not None:
                    starts = [token.start() for token in tokens if token[0].lower() not in SKIPPED_IN_DATES]
                    yield Occurrence(starts[-_PARTS_OF_DATE], year.end(), term)


def analyse(languages: tuple[str, ...], piece: str) -> tuple[_Analysed, ...]:
    """The words of a piece of text. Letters of ASCII are stemmed in the language of the Latin words alone."""
    if piece.isascii() and languages and languages[0] in LATIN:
        languages = languages[:1]
    return _analyse_short(languages, piece) if len(piece) <= _LONGEST_PIECE else _analyse_any(languages, piece)


def _analyse_any(languages: tuple[str, ...], piece: str) -> tuple[_Analysed, ...]:
    bare = piece.lstrip(_EDGES).rstrip(_ENDS)
    if bare.isalpha() and is_plain(bare, lower := bare.lower()):  # as nearly all are
        word, start = lower[:MAX_LENGTH], piece.index(bare)
        return ((start, start + len(bare), word, stem_words([word], languages)[0], find_end(word, languages)),)
    words = [(token.start(), word) for token in TOKEN.finditer(piece) for word in split_token(token[0])]
    stems = stem_words([word.word for _, word in words], languages)
    return tuple(
        (place + word.start, place + word.end, word.word, stem, find_end(word.word, languages))
        for (place, word), stem in zip(words, stems, strict=True)
    )


_analyse_short = lru_cache(maxsize=1 << 14)(_analyse_any)
"""Cached, because texts repeat their words."""


def _fold(text: str) -> _Text:
    characters = list_other_characters(text)
    folded, starts, ends = fold_with_places(text, characters)
    scripts = "".join(map(fold_cluster, characters))
    return _Text(text, folded, starts, ends, "".join(characters), scripts, folded.lower().split())


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
