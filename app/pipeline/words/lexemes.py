"""Text as normalised words for the lexical index, the same code for documents and questions.

Postgres' ``to_tsvector`` is not used: its parser reads a Chinese sentence as one word, and its configuration needs
the language in advance. The alternatives are compared in docs/search.md.

- Accents, width and case are folded: ``Café`` becomes ``cafe``.
- A compound gives its parts, adjacent parts joined, and the whole without joints, so that ``ISO-9001``, ``ISO 9001``
  and ``iso9001:2015`` match, and ``max_in_flight`` matches ``maxInFlight``. Letters and digits are parts as well:
  ``HTTP429`` and ``10kg`` match ``HTTP 429`` and ``10 kg``.
- A name with signs gives one more word with its signs: ``C#``, ``C++``, ``.NET``. The word without them stays, so a
  text that was indexed before this rule is still found.
- Scripts without spaces, and Hangul with its suffixes, give overlapping pairs of characters; documents also give
  single characters.
- Words are stemmed by the Snowball stemmer of the language that the function words of a document suggest. A question
  is too short for that, so it searches for the stems of all languages.
"""

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise, zip_longest
from typing import NamedTuple

import Stemmer

from app.pipeline.words.function_words import FUNCTION_WORDS

MAX_POSITION = 16_383  # Postgres' limits for a tsvector
MAX_POSITIONS = 255
MAX_LENGTH = 255  # characters of a lexeme, at most 1020 bytes of Postgres' 2046

_LANGUAGES_OF: dict[str, list[str]] = {}
for _language, _function_words in FUNCTION_WORDS.items():
    for _word in _function_words.split():
        _LANGUAGES_OF.setdefault(_word, []).append(_language)

FIRST_UNSPACED = "\u0e00"
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs of the Indic scripts belong to their word, although Python's \w does not match them.
_LETTER = f"(?:[^\\W{_UNSPACED}]|[\u0900-\u0963\u0970-\u0dff\u0300-\u036f])"
_COMPOUND = f"{_LETTER}+(?:(?:[-.'’/:@+&]+|(?<=\\d),(?=\\d)){_LETTER}+)*[+#\\\\]*"  # noqa: RUF001
TOKEN = re.compile(f"[{_UNSPACED}]+|{_COMPOUND}|(?<![\\w.)\\]])\\.(?=[^\\W\\d_]){_COMPOUND}")
IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_JOINT = re.compile(
    r"[-.'’/:@+&,_#\\]+"  # noqa: RUF001
    r"|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z]{2})(?=[A-Z][a-z]{2})"  # maxSize, HTTPServer
    r"|(?<=[^\W\d_]{2})(?=\d{2,}(?![^\W_]))|(?<=[^\W\d_])(?=\d{3,}(?![^\W_]))"  # HTTP42, E1045, not S15
    r"|(?<=\d)(?=(?!st|nd|rd|th)[^\W\d_]{2,4}(?![^\W_]))"  # 10kg, not 10th
)
_SIGNED = re.compile(r"^\.[^\W_]+|(?<![^\W_])[^\W_]++(?:\+{2,3}|\+$|\\?#$)")
"""The words of a compound with their signs; Markdown may escape the last one: ``C\\#``. Linear in its length."""
_ACCENT = re.compile("(?<=[A-Za-zΑ-ωЕе])[\u0300-\u036f]+")  # noqa: RUF001
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
    | dict.fromkeys("\u2010\u2011\u2212", "-")  # hyphen, non-breaking hyphen, minus
    | {"♯": "#"}
)


class Word(NamedTuple):
    """A word before stemming.

    ``start`` and ``end`` are its place in its token, in characters; ``step`` is the distance of its position from that
    of the word before it, in words.
    """

    word: str
    start: int
    end: int
    step: int


class _Stemmers(threading.local):
    """The stemmers of one thread: a stemmer keeps state while it works."""

    def __init__(self) -> None:
        self.by_language = {language: Stemmer.Stemmer(language) for language in FUNCTION_WORDS}


stemmers = _Stemmers()


def lexemes(text: str) -> dict[str, list[int]]:
    """The lexemes of a chunk with their positions, counted in words from 1, as a tsvector stores them."""
    words, places = split_words(text, singles=True)
    found: dict[str, list[int]] = {}
    for lexeme, place in zip(stemmers.by_language[guess_language(words)].stemWords(words), places, strict=True):
        known = found.setdefault(lexeme, [])
        if not known or (known[-1] < place <= MAX_POSITION and len(known) < MAX_POSITIONS):
            known.append(min(place, MAX_POSITION))
    return found


def query_lexemes(text: str) -> list[str]:
    """Every lexeme under which a word of the question may be indexed, each once, in the order of the question."""
    words, _ = split_words(text, singles=False)
    return list(dict.fromkeys(stem for word in words for stem in list_stems(word)))


def list_stems(word: str) -> list[str]:
    """The stem of a word in each language."""
    return [stemmer.stemWord(word) for stemmer in stemmers.by_language.values()]


def split_words(text: str, *, singles: bool) -> tuple[list[str], list[int]]:
    """The words of a text before stemming, and their positions.

    A joined word has the position of its last part, a pair of its first character.
    """
    words: list[str] = []
    places: list[int] = []
    place = 0
    for token in TOKEN.findall(fold(text)):
        lower = token.lower()
        if is_plain(token, lower):
            place += 1
            words.append(lower[:MAX_LENGTH])
            places.append(place)
            continue
        for word, _, _, step in (
            split_run(token, singles=singles) if IS_UNSPACED.match(token) else split_compound(token)
        ):
            place += step
            words.append(word)
            places.append(place)
    return words, places


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


def fold(text: str) -> str:
    """The text without compatibility forms and without Latin and Greek accents; other scripts keep their marks."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return unicodedata.normalize("NFC", _ACCENT.sub("", decomposed))


def guess_language(words: Iterable[str]) -> str:
    """The language with the most function words among ``words``; English where there are none."""
    present = _LANGUAGES_OF.keys() & set(words)
    counts = Counter(language for word in present for language in _LANGUAGES_OF[word])
    return max(FUNCTION_WORDS, key=counts.__getitem__)
