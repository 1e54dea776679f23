"""Queries, as the words that search looks for. ``app.pipeline.words.query`` reads them from a text."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AskedWord:
    """A word of a query.

    ``lexemes`` are the forms under which the index may have it; a text that has several counts only the best one.
    ``factors`` says how much each form is worth, 1 where it is shorter than ``lexemes``. ``weight`` multiplies the
    word's rarity. ``written`` is the word before stemming; empty for a quantity or a word of several agents.
    """

    lexemes: tuple[str, ...]
    weight: float = 1.0
    factors: tuple[float, ...] = ()
    written: str = ""

    def list_weights(self) -> list[float]:
        """The weight of each form."""
        factors = self.factors + (1.0,) * (len(self.lexemes) - len(self.factors))
        return [self.weight * factor for factor in factors]


@dataclass(frozen=True, slots=True)
class PhraseWord:
    """A word of a phrase: its forms, and its distance from the word before it."""

    lexemes: tuple[str, ...]
    distance: int = 1


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that a text must have next to each other."""

    words: tuple[PhraseWord, ...]

    def write_tsquery(self) -> str:
        """The phrase in the syntax of Postgres' ``tsquery``."""
        written = ""
        for word in self.words:
            forms = " | ".join(_quote(lexeme) for lexeme in word.lexemes)
            written += f" <{word.distance}> ({forms})" if written else f"({forms})"
        return written


@dataclass(frozen=True, slots=True)
class Query:
    """The words of a query that carry its subject, each once, in the order of the query; and its quoted phrases."""

    words: tuple[AskedWord, ...]
    phrases: Sequence[Phrase] = ()

    @property
    def lexemes(self) -> list[str]:
        """Every form of every word, each once."""
        return list(dict.fromkeys(lexeme for word in self.words for lexeme in word.lexemes))


def _quote(lexeme: str) -> str:
    return "'" + lexeme.replace("\\", "\\\\").replace("'", "''") + "'"
