"""Queries, as the words that search looks for. ``app.pipeline.words.query`` reads them from a text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AskedWord:
    """A word of a query.

    ``lexemes`` are the forms under which the index may have it; a text that has several counts only the best one.
    ``weight`` multiplies its rarity.
    """

    lexemes: tuple[str, ...]
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Query:
    """The words of a query that carry its subject, each once, in the order of the query."""

    words: tuple[AskedWord, ...]

    @property
    def lexemes(self) -> list[str]:
        """Every form of every word, each once."""
        return list(dict.fromkeys(lexeme for word in self.words for lexeme in word.lexemes))
