"""Words with accents: a stemmer recognises the endings of its language only with them, as in "volvió" and "vivían"."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from app.pipeline.words.folding import fold, has_tones
from app.pipeline.words.languages import stem_words

_ACCENT = re.compile("[\u00c0-\u024f\u0300-\u036f]")
_LETTERS = re.compile(r"[^\W\d_]+")
_LONGEST = 100  # characters of a piece of text between spaces


def find_accented(text: str) -> dict[str, str]:
    """The Latin words of a text that have accents, by their folded forms; none where accents are tones."""
    return {fold(word): word for piece in _list_accented(text) for word in _list_words(piece)}


def stem_accented(text: str, languages: Sequence[str], parts: Iterable[str] | None = None) -> dict[str, str]:
    """The folded stems of the words that are stemmed in another way with their accents, by their folded forms.

    ``parts`` are the parts of the text whose words are stemmed; None: all. With them, the different characters of the
    text that are not ASCII suffice as ``text``.
    """
    language = languages[0] if languages else ""
    stems: dict[str, str] = {}
    for piece in _list_accented(text, parts):
        if pairs := _stem_piece(piece, language):
            stems.update(pairs)
    return stems


def _list_accented(text: str, parts: Iterable[str] | None = None) -> list[str]:
    """The pieces of a text, or of parts of it, between spaces that may have accents; none where these are tones."""
    if text.isascii() or not _ACCENT.search(text) or has_tones(text):
        return []
    pieces = (text if parts is None else " ".join(parts)).split()
    return [piece for piece in pieces if not piece.isascii() and len(piece) <= _LONGEST]


def _list_words(piece: str) -> list[str]:
    # The small letter of the Turkish İ is an i with a point above it.
    lower = unicodedata.normalize("NFC", piece.lower().replace("i\u0307", "i"))
    return [word for word in _LETTERS.findall(lower) if not word.isascii()]


@lru_cache(maxsize=1 << 14)
def _stem_piece(piece: str, language: str) -> tuple[tuple[str, str], ...]:
    """The folded words and stems of a piece of text; cached, because texts repeat their words."""
    words = _list_words(piece)
    folded = [fold(word) for word in words]
    plain = stem_words(folded, [language])
    stems = [fold(stem) for stem in stem_words(words, [language])]
    return tuple((word, stem) for word, stem, other in zip(folded, stems, plain, strict=True) if stem != other)
