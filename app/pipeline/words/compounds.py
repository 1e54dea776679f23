"""The ends of Germanic compounds: "Karte" finds "Versicherungskarte", with less weight than "Karte" itself.

No dictionary is needed where a compound joins its parts by an s after a suffix of nouns, as most long ones do. The
index has the stem of the end with a mark, so that a query can weigh it.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from app.pipeline.words.languages import stem_words

COMPOUNDING = ("german", "dutch", "swedish", "danish", "norwegian")
_MARK = "~"
_SHORTEST, _SHORTEST_END = 11, 4
_LINKED = re.compile(r"[^\W\d_]{3,40}(?:ung|heit|keit|schaft|ion|tat|ing|het|hed|heid|teit|skap|nad)s([^\W\d_]{4,40})")


def stem_ends(words: Iterable[str], languages: Sequence[str]) -> dict[str, str]:
    """The marked stems of the ends of the compounds among the folded words of a text."""
    if not languages or languages[0] not in COMPOUNDING:
        return {}
    return {word: end for word in words if (end := find_end(word, languages))}


def find_end(word: str, languages: Sequence[str]) -> str:
    """The marked stem of the end of a folded word; empty for a word that is no compound of the text's language."""
    if len(word) < _SHORTEST or not languages or languages[0] not in COMPOUNDING:
        return ""
    return _stem_end(word, languages[0])


def list_ends(word: str, languages: Sequence[str]) -> list[str]:
    """The marked stems of a word of a query, under which the index may have compounds that end with it.

    ``languages`` are those that the query may be in; all where there are none.
    """
    wanted = [language for language in languages or COMPOUNDING if language in COMPOUNDING]
    if len(word) < _SHORTEST_END or not (word.isalpha() and word.isascii()):
        return []
    return list(dict.fromkeys(_MARK + stem_words([word], [language])[0] for language in wanted))


@lru_cache(maxsize=1 << 14)
def _stem_end(word: str, language: str) -> str:
    """Cached, because texts repeat their words; empty for a word that is no such compound."""
    match = _LINKED.fullmatch(word)
    return _MARK + stem_words([match[1]], [language])[0] if match else ""
