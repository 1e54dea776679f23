"""A query as the words that search looks for."""

from collections import Counter
from dataclasses import dataclass

from app.pipeline.words.function_words import leave_out_function_words
from app.pipeline.words.lexemes import list_stems, split_words


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


def read_query(text: str) -> Query:
    """The words of a query. Function words are left out, unless there are no others; a repeated word weighs more."""
    counts = Counter(split_words(text, singles=False)[0])
    return Query(
        tuple(
            AskedWord(tuple(dict.fromkeys(list_stems(word))), counts[word])
            for word in leave_out_function_words(list(counts))
        )
    )
