"""Text as normalised words for the lexical index, the same code for documents and questions.

Postgres' ``to_tsvector`` is not used: its parser reads a Chinese sentence as one word, and its configuration needs
the language in advance. docs/words.md has the rules and their measurements.

- Accents, width and case are folded: ``Café`` becomes ``cafe``.
- A compound gives its parts, adjacent parts joined, and the whole without joints, so that ``ISO-9001``, ``ISO 9001``
  and ``iso9001:2015`` match, and ``max_in_flight`` matches ``maxInFlight``. Letters and digits are parts as well:
  ``HTTP429`` and ``10kg`` match ``HTTP 429`` and ``10 kg``.
- A name with signs gives one more word with its signs: ``C#``, ``C++``, ``.NET``. The word without them stays, so a
  text that was indexed before this rule is still found.
- Scripts without spaces, and Hangul with its suffixes, give overlapping pairs of characters; documents also give
  single characters.
- Words of documents are stemmed by the Snowball stemmer of the language that their function words suggest. A query has
  the stems of the languages that its own suggest, or of all languages of the script where they suggest none.
- A word with accents has two stems: with its accents, so that ``volvió`` matches ``volver``, and without, so that
  ``volvio`` matches it. A long Germanic compound has the stem of its end as well.
"""

import re
from bisect import insort
from collections.abc import Iterator, Sequence
from itertools import pairwise, zip_longest
from typing import NamedTuple

from app.pipeline.words.accents import stem_accented
from app.pipeline.words.compounds import stem_ends
from app.pipeline.words.folding import fold, fold_except_tones, has_tones
from app.pipeline.words.grouped_numbers import join_groups
from app.pipeline.words.languages import guess_languages, stem_words
from app.pipeline.words.quantities import read_dates, read_measure, read_numbers, read_quantity
from app.pipeline.words.times import read_times

MAX_POSITION = 16_383  # Postgres' limits for a tsvector
MAX_POSITIONS = 255
MAX_LENGTH = 255  # characters of a lexeme, at most 1020 bytes of Postgres' 2046
_MOST_TOKENS = 1 << 14
_LONGEST_KEPT = 40
"""Longer tokens are not kept: few are repeated, and a compound of many parts takes much memory."""

FIRST_UNSPACED = "\u0e00"
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3021-\u30ff\u3400-\u9fff\uac00-\ud7af"
    "\uf900-\ufaff\U00020000-\U0003ffff"
)
MARKS = "\u0900-\u0963\u0970-\u0dff\u0300-\u036f"
"""Vowel signs of Indic scripts and accents, which belong to their word although Python's \\w does not match them."""
_SYMBOLS = "\u2190-\u23ff\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
"""Arrows, mathematical signs, marks of lists and emoji, which are words, except for the colours of skin."""


def _write_token(letter: str) -> str:
    compound = f"{letter}+(?:(?:[-.'’/:@+&]+|(?<=\\d),(?=\\d)){letter}+)*[+#\\\\]*"  # noqa: RUF001
    return f"{compound}|(?<![\\w.)\\]])\\.(?=[^\\W\\d_]){compound}|[\U0001f1e6-\U0001f1ff]{{2}}|[%€$£¥§°‰{_SYMBOLS}]"


_LETTER = f"(?:[^\\W{_UNSPACED}]|[{MARKS}])"
TOKEN = re.compile(f"[{_UNSPACED}]+|{_write_token(_LETTER)}")
_ASCII_TOKEN = re.compile(_write_token(r"\w"), re.ASCII)
"""``TOKEN`` for ASCII, twice as fast: most texts are ASCII once they are folded."""
IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_JOINT = re.compile(
    r"[-.'’/:@+&,_#\\]+"  # noqa: RUF001
    r"|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z]{2})(?=[A-Z][a-z]{2})"  # maxSize, HTTPServer
    r"|(?<=[^\W\d_]{2})(?=\d{2,}(?![^\W_]))|(?<=[^\W\d_])(?=\d{3,}(?![^\W_]))"  # HTTP42, E1045, not S15
    r"|(?<=\d)(?=(?!st|nd|rd|th)[^\W\d_]{2,4}(?![^\W_]))"  # 10kg, not 10th
)
_SIGNED = re.compile(r"^\.[^\W_]+|(?<![^\W_])[^\W_]++(?:\+{2,3}|\+$|\\?#$)")
"""The words of a compound with their signs; Markdown may escape the last one: ``C\\#``. Linear in its length."""


class Word(NamedTuple):
    """A word before stemming.

    ``start`` and ``end`` are its place in its token, in characters; ``step`` is the distance of its position from that
    of the word before it, in words.
    """

    word: str
    start: int
    end: int
    step: int


class _Known(dict[str, tuple[str, Sequence[Word] | None]]):
    """Tokens in small letters, and their parts: None for a plain token. Kept because texts repeat their words."""

    def __missing__(self, token: str) -> tuple[str, Sequence[Word] | None]:
        lower = token.lower()
        if IS_UNSPACED.match(token):
            return lower, ()  # long, and rarely the same
        found = (lower[:MAX_LENGTH], None) if is_plain(token, lower) else (lower, tuple(split_compound(token)))
        if len(token) <= _LONGEST_KEPT and not token.isdecimal():
            if len(self) >= _MOST_TOKENS:
                self.clear()
            self[token] = found
        return found


_known = _Known()


def lexemes(text: str) -> dict[str, list[int]]:
    """The lexemes of a chunk with their positions, counted in words from 1, as a tsvector stores them."""
    words, places = split_words(text, singles=True)
    languages = guess_languages(words, text)
    found: dict[str, list[int]] = {}
    for lexeme, place in zip(stem_words(words, languages), places, strict=True):
        if lexeme not in found:
            found[lexeme] = [place]
        elif (known := found[lexeme])[-1] < place:
            known.append(place)
    if len(places) > MAX_POSITIONS:  # else no position is beyond a limit
        found = {lexeme: _limit(known) for lexeme, known in found.items()}
    for stems in (stem_accented(text, languages), stem_ends(words, languages)):
        if stems:
            _add_stems(found, words, places, stems)
    return found


def _limit(places: list[int]) -> list[int]:
    """Positions within Postgres' limits. A word that is only beyond the last position is there."""
    first, *others = places
    return [min(first, MAX_POSITION), *(place for place in others if place <= MAX_POSITION)][:MAX_POSITIONS]


def _add_stems(found: dict[str, list[int]], words: list[str], places: list[int], stems: dict[str, str]) -> None:
    """Add further stems of words, at the places of the words."""
    for word, place in zip(words, places, strict=True):
        if (stem := stems.get(word)) and place <= MAX_POSITION:
            known = found.setdefault(stem, [])
            if place not in known and len(known) < MAX_POSITIONS:
                insort(known, place)


def split_words(text: str, *, singles: bool) -> tuple[list[str], list[int]]:
    """The words of a text before stemming, and their positions.

    A joined word has the position of its last part, a pair of its first character. With ``singles``, as for documents,
    a script without spaces also gives single characters, and words with tones also their forms without.
    """
    words: list[str] = []
    places: list[int] = []
    place = 0
    with_tones = has_tones(text)
    number = ""
    for token in find_tokens(fold_except_tones(text) if with_tones else fold(text)):
        lower, parts = _known[token]
        if parts is None:
            place += 1
            words.append(lower)
            places.append(place)
        else:
            for word, _, _, step in parts or split_parts(token, singles=singles):
                place += step
                words.append(word)
                places.append(place)
        is_number = lower[0] <= "9"
        if number or is_number:
            made = read_quantity(number, lower, words)
            words += made
            places += [place] * len(made)
            number = lower if is_number else ""
    return _add_without_tones(words, places) if with_tones and singles else (words, places)


def find_tokens(folded: str) -> list[str]:
    """The tokens of a folded text; the groups of a number such as "12 500" are one token."""
    return (_ASCII_TOKEN if folded.isascii() else TOKEN).findall(join_groups(folded))


def _add_without_tones(words: list[str], places: list[int]) -> tuple[list[str], list[int]]:
    """Words with tones, each followed by its form without them, for queries that are typed so."""
    both = [
        (form, place) for word, place in zip(words, places, strict=True) for form in dict.fromkeys((word, fold(word)))
    ]
    return [word for word, _ in both], [place for _, place in both]


def split_parts(token: str, *, singles: bool) -> Iterator[Word]:
    """The words of a token that is not plain."""
    return split_run(token, singles=singles) if IS_UNSPACED.match(token) else split_compound(token)


def is_plain(token: str, lower: str) -> bool:
    """Whether a token is one word, as nearly all are: no compound, and not of a script without spaces."""
    return token < FIRST_UNSPACED and token[1:] == lower[1:] and (token.isalpha() or token.isdecimal())


def split_run(run: str, *, singles: bool) -> Iterator[Word]:
    """The pairs of characters of a script without spaces, with ``singles`` also each character."""
    for place, (first, second) in enumerate(zip_longest(run, run[1:], fillvalue="")):
        if singles or len(run) == 1:
            yield Word(first, place, place + 1, 1)
        if second:
            yield Word(first + second, place, place + 2, not singles)


def split_compound(compound: str) -> Iterator[Word]:
    """The parts of a compound, adjacent parts joined, the whole, and its words with signs."""
    cuts = [(0, 0), *(match.span() for match in _JOINT.finditer(compound)), (len(compound), len(compound))]
    parts = [(compound[start:end].lower(), start, end) for (_, start), (end, _) in pairwise(cuts) if start < end]
    for number, (part, start, end) in enumerate(parts):
        # The letter of E1045 or iPhone has no meaning alone, and "a" or "e" would suggest a wrong language.
        is_prefix = len(part) == 1 and number + 1 < len(parts) and parts[number + 1][1] == end
        if not is_prefix:
            yield Word(part[:MAX_LENGTH], start, end, 1)
        if number:
            former, begin, _ = parts[number - 1]
            yield Word((former + part)[:MAX_LENGTH], begin, end, 0)
    if len(parts) > 2:  # noqa: PLR2004 (two joined parts are the whole)
        yield Word("".join(part for part, _, _ in parts)[:MAX_LENGTH], parts[0][1], parts[-1][2], 0)
    for match in _SIGNED.finditer(compound):
        yield Word(match[0].lower().replace("\\", "")[:MAX_LENGTH], *match.span(), 0)
    if compound[0].isdigit():
        for quantity in _list_quantities(compound):
            yield Word(quantity, 0, len(compound), 0)


def _list_quantities(compound: str) -> list[str]:
    """The dates, numbers and times that a compound may be, in one notation."""
    quantities = read_dates(compound, is_query=False) + read_numbers(compound)
    if ":" in compound or compound.upper() != compound.lower():  # most numbers have neither a colon nor a letter
        quantities += read_measure(compound) + read_times(compound)
    return quantities
