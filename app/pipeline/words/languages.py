"""The language of a text, by its function words, and the stems of its words.

Each script of a text has a language of its own, so a Greek text stems its English words as English.
"""

import re
import threading
from collections.abc import Iterable, Sequence

import Stemmer

from app.pipeline.words.function_words import count_function_words, list_languages
from app.pipeline.words.word_lists import LATIN

_SCRIPTS = {
    "latin": ("A-Za-z", tuple(LATIN)),
    "greek": ("\u0370-\u03ff", ("greek",)),
    "cyrillic": ("\u0400-\u052f", ("russian", "ukrainian", "bulgarian", "serbian")),
    "armenian": ("\u0530-\u058f", ("armenian",)),
    "hebrew": ("\u0590-\u05ff", ("hebrew", "yiddish")),
    "arabic": ("\u0600-\u06ff\u0750-\u077f", ("arabic", "persian", "urdu")),
    "devanagari": ("\u0900-\u097f", ("hindi", "nepali", "marathi")),
    "tamil": ("\u0b80-\u0bff", ("tamil",)),
}
"""The letters of each script, and its languages; the first is that of a text without function words."""
_NO_WORDS = {language: 0.0 for _, languages in _SCRIPTS.values() for language in languages}
_STEMMED_AS = {"ukrainian": "russian"}
"""Languages that share a stemmer."""
_KNOWN = frozenset(Stemmer.algorithms())
_SCRIPT_OF = {
    letter: script
    for script, (letters, _) in _SCRIPTS.items()
    for letter in re.findall(f"[{letters}]", "".join(map(chr, range(0x0C00))))
}
_ASCII = bytes(range(128))
_LATIN_LETTER = re.compile("[A-Za-z]")
_FIRST_OTHER = "\u0370"
_MOST_LANGUAGES = 3
_MOST_WORDS = 1 << 14
"""How many words of a language are kept with their stems: the most frequent ones are nearly all of a text."""
_LONGEST_KEPT = 40
_FALLBACK = "english"
"""Tried for every Latin word: titles and lists have no function words, and count as English."""


class _Stemmers(threading.local):
    """The stemmers of one thread: a stemmer keeps state while it works."""

    def __init__(self) -> None:
        self._made: dict[str, Stemmer.Stemmer | None] = {}

    def __getitem__(self, language: str) -> Stemmer.Stemmer | None:
        """The stemmer of a language; None where there is none."""
        if language not in self._made:
            name = _STEMMED_AS.get(language, language)
            # Its own cache sorts its words whenever it is full; ``_Stems`` is the cache.
            self._made[language] = Stemmer.Stemmer(name, maxCacheSize=0) if name in _KNOWN else None
        return self._made[language]


_stemmers = _Stemmers()


def list_other_characters(text: str) -> set[str]:
    """The characters of a text that are not ASCII. Bytes are left out sooner than characters are looked at."""
    others = text.encode(errors="surrogatepass").translate(None, _ASCII)
    return set(others.decode(errors="surrogatepass"))


class _Stems(dict[str, str]):
    """The stems of one language by word, for all threads: texts repeat their words."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._language = language

    def __missing__(self, word: str) -> str:
        """The stem of a word; the word itself where nothing is left, as the Greek stemmer does with some."""
        if word.isdecimal():
            return word  # no stemmer changes it, and texts have too many different ones to keep
        stemmer = _stemmers[self._language]
        stem = (stemmer.stemWord(word) if stemmer else "") or word
        if len(word) <= _LONGEST_KEPT:
            if len(self) >= _MOST_WORDS:
                self.clear()
            self[word] = word if stem == word else stem
        return stem


_stems: dict[str, _Stems] = {}


def guess_languages(words: Iterable[str], text: str, others: Iterable[str] | None = None) -> list[str]:
    """The language of each script that ``text`` has, Latin first: the one with the most function words.

    ``others`` are the characters of the text that are not ASCII, if the caller has them already.
    """
    counts = count_function_words(words)
    scripts = ["latin"]
    if not text.isascii():
        present = set(map(_SCRIPT_OF.get, list_other_characters(text) if others is None else others))
        present |= {"latin"} if _LATIN_LETTER.search(text) else set()
        scripts = [script for script in _SCRIPTS if script in present]
    counted = _NO_WORDS | counts
    return [max(_SCRIPTS[script][1], key=counted.__getitem__) for script in scripts]


def stem_words(words: list[str], languages: Sequence[str]) -> list[str]:
    """The stems of words. A stemmer leaves the words of other scripts as they are."""
    for language in languages:
        if _stemmers[language] is None:
            continue
        stems = _stems.get(language) or _stems.setdefault(language, _Stems(language))
        if language in LATIN and len(languages) > 1:
            # Texts in other scripts have few Latin words, so the others are not tried.
            words = [stems[word] if word < _FIRST_OTHER else word for word in words]
        else:
            words = list(map(stems.__getitem__, words))
    return words


def list_stems(word: str, languages: Iterable[str] = ()) -> list[str]:
    """The lexemes under which the index may have a word of a query, each once, the most likely first.

    Args:
        word: A folded word.
        languages: The languages that the query may be in. Without one, the word is stemmed in every language.
    """
    script = next(filter(None, map(_SCRIPT_OF.get, word)), "latin")
    known = _SCRIPTS[script][1]
    wanted = [language for language in languages if language in known]
    if wanted and script == "latin":
        wanted.append(_FALLBACK)
    stemmers = filter(None, map(_stemmers.__getitem__, dict.fromkeys(wanted or known)))
    return list(dict.fromkeys([*(stemmer.stemWord(word) or word for stemmer in stemmers), word]))


def choose_languages(words: Iterable[str]) -> list[str]:
    """The languages for ``list_stems`` of a query's words; none where its function words suggest many or none."""
    languages = list_languages(words)
    return languages if len(languages) <= _MOST_LANGUAGES else []
