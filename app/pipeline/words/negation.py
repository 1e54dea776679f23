"""Searches for what lacks something: "food without nuts" does not ask for texts that have nuts."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

from app.pipeline.words.function_words import ENGLISH, is_function_word, list_languages
from app.pipeline.words.languages import guess_languages, list_stems, stem_words
from app.pipeline.words.lexemes import split_words


def _read(words: str) -> frozenset[str]:
    return frozenset(words.split())


_WITHOUT = _read("without ohne kein keine keinen keinem keiner keines sans senza sem zonder geen без")
_NOT = _read(
    """
    no not never cannot neither nor doesn don didn isn aren wasn weren nicht pas sin
    aucun aucune ningun ninguna nessun nessuna nenhum nenhuma niet не нет
    """
)
_ENDS = _read("and but with und aber mit et mais avec y pero con e ma mas com en maar met и но с")  # noqa: RUF001
_FREE, _FREE_OF = _read("free frei"), _read("of from von")
_LONGEST_QUERY = 12
_REACH, _MOST = 5, 3
"""A negation reaches this many words, and of these so many that are no function words."""


class Absence:
    """The words that a query asks to be absent; false for nearly all queries, which ask for none.

    A word that the query has a second time is its subject. In a long query, "without" is rarely the request.
    """

    def __init__(self, query: str) -> None:
        words, _ = split_words(query, singles=False)
        # "no" means "not" in Spanish, which rarely asks for an absence; "sin" is a noun in English.
        negations = _WITHOUT | ({"no"} if list_languages(words)[:1] in ([], ["english"]) else set())
        negations |= {"sin"} if ENGLISH.isdisjoint(words) else set()
        negated = set(_find_negated(words, negations, 1)) if len(words) <= _LONGEST_QUERY else set()
        other = {word for place, word in enumerate(words) if place not in negated}
        absent = {words[place] for place in negated if words[place].isalpha()} - other
        self._stems = frozenset(stem for word in absent for stem in list_stems(word))

    def __bool__(self) -> bool:
        """Whether there are such words."""
        return bool(self._stems)

    def is_contradicted(self, text: str) -> bool:
        """Whether a text has one of the words and never says that it is absent."""
        words, _ = split_words(text, singles=True)
        stems = stem_words(words, guess_languages(words, text))
        present = {place for place, stem in enumerate(stems) if stem in self._stems}
        return bool(present) and present.isdisjoint(_find_negated(words, _WITHOUT | _NOT, _MOST))


def _find_negated(words: Sequence[str], negations: AbstractSet[str], most: int) -> Iterator[int]:
    """The places of the negated words, at most ``most`` after each negation, up to a conjunction.

    "nut-free" negates the word before it, "free of nuts" those after it.
    """
    for place, word in enumerate(words):
        if word in negations:
            yield from _reach(words, place + 1, most)
        elif word in _FREE and not _FREE_OF.isdisjoint(words[place + 1 : place + 2]):
            yield from _reach(words, place + 2, most)
        elif word in _FREE and place and words[place - 1] + word in words[place + 1 : place + 2]:
            yield place - 1  # a compound, which gives its parts and then the whole


def _reach(words: Sequence[str], start: int, most: int) -> Iterator[int]:
    found = 0
    for place in range(start, min(start + _REACH, len(words))):
        if words[place] in _ENDS or found == most:
            return
        if not is_function_word(words[place]):
            found += 1
            yield place
