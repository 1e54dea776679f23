"""The quoted phrases of a query, which a text must contain."""

import re
from collections.abc import Sequence

from app.domain.queries import Phrase, PhraseWord
from app.pipeline.words.languages import list_stems
from app.pipeline.words.lexemes import split_words

_PAIRS = ('""', "“”", "„“", "„”", "«»", "»«", "「」", "『』", "《》")
_QUOTED = re.compile("|".join(f"(?<![\\w{mark[0]}]){mark[0]}[^{mark}\n]+{mark[1]}(?!\\w)" for mark in _PAIRS))
_MOST, _MOST_WORDS = 4, 16
_LONGEST_QUERY = 150
"""In a text of more characters, quotation marks are no request: a pasted paragraph has them for emphasis."""


def read_phrases(text: str, languages: Sequence[str]) -> tuple[Phrase, ...]:
    """The phrases between quotation marks, with the stems of their words in ``languages``."""
    if len(text) > _LONGEST_QUERY:
        return ()
    quoted = [match[0][1:-1] for match in _QUOTED.finditer(text)]
    phrases = (_read_phrase(words, languages) for words in quoted[:_MOST])
    return tuple(phrase for phrase in phrases if phrase.words)


def _read_phrase(text: str, languages: Sequence[str]) -> Phrase:
    """The words of a phrase. Joined parts of compounds have the place of a part, so they are left out."""
    words: list[PhraseWord] = []
    former = 0
    for word, place in zip(*split_words(text, singles=True), strict=True):
        if place > former:
            words.append(PhraseWord(tuple(list_stems(word, languages)), place - former))
            former = place
    return Phrase(tuple(words[:_MOST_WORDS]))
