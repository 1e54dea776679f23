"""The quoted phrases of a query, which a text must contain."""

import re
from collections.abc import Sequence

from app.domain.queries import Phrase, PhraseWord
from app.pipeline.words.folding import fold
from app.pipeline.words.languages import list_stems
from app.pipeline.words.lexemes import IS_UNSPACED, split_words

_PAIRS = ('""', "“”", "„“", "„”", "«»", "»«", "「」", "『』", "《》")
_QUOTED = re.compile("|".join(f"(?<![\\w{mark[0]}]){mark[0]}[^{mark}\n]+{mark[1]}(?!\\w)" for mark in _PAIRS))
_MOST, _MOST_WORDS = 4, 16
_LONGEST_QUERY = 150
"""In a text of more characters, quotation marks are no request: a pasted paragraph has them for emphasis."""


def read_phrases(text: str, languages: Sequence[str]) -> tuple[Phrase, ...]:
    """The phrases between quotation marks, with the stems of their words in ``languages``."""
    phrases = (_read_phrase(words, languages) for words in _list_quoted(text)[:_MOST])
    return tuple(phrase for phrase in phrases if phrase.words)


class ExactWords:
    """The single quoted words of a query; false where it has none. A text must have them as they are written.

    The lexemes of an index are stems, so only the text itself tells "running" from "runs". Case and accents may differ.
    """

    def __init__(self, query: str) -> None:
        words = [_fold(quoted).strip() for quoted in _list_quoted(query)]
        self._patterns = [
            re.compile(f"(?<!\\w){re.escape(word)}(?!\\w)")
            for word in words[:_MOST]
            if len(word.split()) == 1 and not IS_UNSPACED.search(word)
        ]

    def __bool__(self) -> bool:
        """Whether there are such words."""
        return bool(self._patterns)

    def are_in(self, text: str) -> bool:
        """Whether a text has all of them."""
        folded = _fold(text)
        return all(pattern.search(folded) for pattern in self._patterns)


def _fold(text: str) -> str:
    return fold(text).lower()


def _list_quoted(text: str) -> list[str]:
    """The texts between quotation marks, without these; none in a long query."""
    return [match[0][1:-1] for match in _QUOTED.finditer(text)] if len(text) <= _LONGEST_QUERY else []


def _read_phrase(text: str, languages: Sequence[str]) -> Phrase:
    """The words of a phrase. Joined parts of compounds have the place of a part, so they are left out."""
    words: list[PhraseWord] = []
    former = 0
    for word, place in zip(*split_words(text, singles=True), strict=True):
        if place > former:
            words.append(PhraseWord(tuple(list_stems(word, languages)), place - former))
            former = place
    return Phrase(tuple(words[:_MOST_WORDS]))
