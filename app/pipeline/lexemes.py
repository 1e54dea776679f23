"""Text as normalised words for the lexical index, the same code for documents and questions.

Done here rather than by Postgres' ``to_tsvector``, whose parser sees a Chinese sentence as one word and
whose configuration must know the language beforehand. What was weighed: docs/search.md.

- Accents and width are folded, case is dropped: ``Café`` is ``cafe``.
- A compound gives its parts, its neighbouring parts joined, and itself without the joints, so ``ISO-9001``,
  ``ISO 9001`` and ``iso9001:2015`` meet, and so do ``max_in_flight`` and ``maxInFlight``.
- Scripts without spaces, and Hangul with its suffixes, give overlapping pairs of characters and, in documents,
  single ones.
- Words are reduced by the Snowball stemmer of the language a document's commonest words suggest. A question is
  too short to tell, so it asks for the stems of every language at once.
"""

import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise, zip_longest

import Stemmer

MAX_POSITION = 16_383  # Postgres' limits for a tsvector
MAX_POSITIONS = 255
MAX_LENGTH = 255  # characters of a lexeme, at most 1020 bytes of Postgres' 2046

FUNCTION_WORDS = {
    "english": "the of and to in is was for that on with as by at from it are what which who how",
    "spanish": "el la los las de del que en y a se con por para una un su al es como cual fue",
    "german": "der die das und in den von zu mit dem des ist im fur auf ein eine wurde als auch wie was wer welche",
    "french": "le la les des et du en est que dans un une pour qui sur au par avec plus",
    "italian": "il la di che e in un per una del della sono con non i gli le da al nel",
    "portuguese": "o a os as de do da que em e um uma para com nao por no na se dos",
    "dutch": "de het een van en in is dat op te zijn voor met die niet aan er om ook",
    "russian": "и в не на что с по как это из к у за от о для его",  # noqa: RUF001
}
_LANGUAGES_OF: dict[str, list[str]] = {}
for _language, _function_words in FUNCTION_WORDS.items():
    for _word in _function_words.split():
        _LANGUAGES_OF.setdefault(_word, []).append(_language)

FIRST_UNSPACED = "\u0e00"
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# Vowel signs of the Indic scripts belong to their word, though Python's \w leaves them out.
_LETTER = f"(?:[^\\W{_UNSPACED}]|[\u0900-\u0963\u0970-\u0dff\u0300-\u036f])"
_TOKEN = re.compile(f"[{_UNSPACED}]+|{_LETTER}+(?:(?:[-.'’/:@+&]+|(?<=\\d),(?=\\d)){_LETTER}+)*")  # noqa: RUF001
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_JOINT = re.compile(r"[-.'’/:@+&,_]+|(?<=[a-z0-9])(?=[A-Z])")  # noqa: RUF001
_ACCENT = re.compile("(?<=[A-Za-zΑ-ωЕе])[\u0300-\u036f]+")  # noqa: RUF001
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L"}
)


class _Stemmers(threading.local):
    """A stemmer keeps state while it works, so each thread has its own."""

    def __init__(self) -> None:
        self.by_language = {language: Stemmer.Stemmer(language) for language in FUNCTION_WORDS}


_stemmers = _Stemmers()


def lexemes(text: str) -> dict[str, list[int]]:
    """The words of a piece of a document and where each stands, counted in words from 1, as a tsvector wants them."""
    words, places = _words(text, singles=True)
    found: dict[str, list[int]] = {}
    for lexeme, place in zip(_stemmers.by_language[_guess_language(words)].stemWords(words), places, strict=True):
        known = found.setdefault(lexeme, [])
        if not known or (known[-1] < place <= MAX_POSITION and len(known) < MAX_POSITIONS):
            known.append(min(place, MAX_POSITION))
    return found


def query_lexemes(text: str) -> list[str]:
    """Every lexeme under which a word of the question may be indexed, without repeats, in the question's order."""
    words, _ = _words(text, singles=False)
    return list(dict.fromkeys(stemmer.stemWord(word) for word in words for stemmer in _stemmers.by_language.values()))


def _words(text: str, *, singles: bool) -> tuple[list[str], list[int]]:
    """Words and their places; a joined word stands where its last part does, a pair where its first character does."""
    words: list[str] = []
    places: list[int] = []
    place = 0
    for token in _TOKEN.findall(_fold(text)):
        lower = token.lower()
        if token < FIRST_UNSPACED and token[1:] == lower[1:] and token.isalnum():  # nearly all there is
            place += 1
            words.append(lower[:MAX_LENGTH])
            places.append(place)
            continue
        for word, step in _pairs(token, singles=singles) if _IS_UNSPACED.match(token) else _parts(token):
            place += step
            words.append(word[:MAX_LENGTH])
            places.append(place)
    return words, places


def _pairs(run: str, *, singles: bool) -> Iterator[tuple[str, int]]:
    """Single characters and pairs, each with how many places it is after the former."""
    for first, second in zip_longest(run, run[1:], fillvalue=""):
        if singles or len(run) == 1:
            yield first, 1
        if second:
            yield first + second, not singles


def _parts(compound: str) -> Iterator[tuple[str, int]]:
    """The parts of a compound, neighbours joined, and the whole, each with how many places it is after the former."""
    parts = [part.lower() for part in _JOINT.split(compound) if part]
    for former, part in pairwise(["", *parts]):
        yield part, 1
        if former:
            yield former + part, 0
    if len(parts) > 2:  # noqa: PLR2004 (two parts joined are the whole)
        yield "".join(parts), 0


def _fold(text: str) -> str:
    """Compatibility forms and accents of Latin and Greek dropped; other scripts keep their marks."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return unicodedata.normalize("NFC", _ACCENT.sub("", decomposed))


def _guess_language(words: Iterable[str]) -> str:
    """The language of which the most function words are there; English where that tells nothing."""
    present = _LANGUAGES_OF.keys() & set(words)
    counts = Counter(language for word in present for language in _LANGUAGES_OF[word])
    return max(FUNCTION_WORDS, key=counts.__getitem__)
