"""Which words carry no subject: they suggest the language of a text, and are left out of queries."""

import math
from collections.abc import Iterable, Sequence
from struct import Struct

from app.pipeline.words.folding import fold, fold_except_tones
from app.pipeline.words.word_lists import ABBREVIATIONS, ALSO_SUBJECTS, LATIN, OTHER_SCRIPTS, PAIRS

_NEAR = 1.2
"""Languages whose function words are at most so many times rarer in a query are languages that it may be in."""


def _fold_words(words: str) -> frozenset[str]:
    """The words as the index has them: folded, and those with tones also with their tones."""
    return frozenset(f"{fold(words)} {fold_except_tones(words)}".lower().split())


def _index_words() -> dict[str, tuple[str, ...]]:
    languages: dict[str, list[str]] = {}
    for language, words in (LATIN | OTHER_SCRIPTS).items():
        for word in _fold_words(words):
            languages.setdefault(word, []).append(language)
    return {word: tuple(found) for word, found in languages.items()}


LANGUAGES_OF = _index_words()
"""The languages that have a word as a function word."""
_FUNCTION_WORDS = frozenset(LANGUAGES_OF)
_LANGUAGES = [*LATIN, *OTHER_SCRIPTS]
_COUNTS = Struct(f"<{len(_LANGUAGES)}Q")
_WHOLE = math.lcm(*map(len, LANGUAGES_OF.values()))
"""The count of a word, which the languages that have it share."""
_SHARES = {
    word: sum(_WHOLE // len(languages) << 64 * _LANGUAGES.index(language) for language in languages)
    for word, languages in LANGUAGES_OF.items()
}
"""By word, what each language gets of its count, as one number with 64 bits for each: all are added at once."""
ENGLISH = _fold_words(LATIN["english"])
_PAIRS = frozenset(PAIRS.split())
_CLEAR = frozenset(("english", "spanish", "german", "french", "italian", "portuguese", *OTHER_SCRIPTS))
"""Languages that one function word suggests: those of most queries, and those of other scripts."""
_ALSO_SUBJECTS = frozenset(ALSO_SUBJECTS.split())
ABBREVIATED = frozenset(ABBREVIATIONS.split())
"""Abbreviations without a subject, as compounds without a final full stop: "e.g"."""


def count_function_words(words: Iterable[str]) -> dict[str, float]:
    """How many different words belong to each language; one that several languages have counts for a part."""
    total = sum(map(_SHARES.__getitem__, _FUNCTION_WORDS.intersection(words)))
    counts = _COUNTS.unpack(total.to_bytes(_COUNTS.size, "little")) if total else ()
    return {language: count / _WHOLE for language, count in zip(_LANGUAGES, counts, strict=False) if count}


def list_languages(words: Iterable[str]) -> list[str]:
    """The languages that the function words of a query suggest about equally, the most likely first."""
    counts = count_function_words(words)
    most = max(counts.values(), default=0.0)
    return sorted((one for one in counts if counts[one] * _NEAR >= most), key=lambda one: -counts[one])


def is_function_word(word: str) -> bool:
    """Whether a word is a function word of any language."""
    return word in LANGUAGES_OF or word in _PAIRS


def leave_out_function_words(words: Sequence[str]) -> Sequence[str]:
    """The words of a query without the function words of its language; all of them where there are no others.

    "Die" is a function word in a German question, and a verb in an English one. One function word alone says little of
    the language, so it stays if it is a noun or a verb elsewhere: "sin city".
    """
    found: set[str] = set()
    for language in list_languages(words):
        own = {word for word in words if language in LANGUAGES_OF.get(word, ())}
        if len(own) == 1:
            own = own - _ALSO_SUBJECTS if language in _CLEAR else set()
        found |= own
    return [word for word in words if word not in found and word not in _PAIRS] or words
