"""A query as the words that search looks for."""

from collections import Counter

from app.domain.queries import AskedWord, Query
from app.pipeline.words.function_words import leave_out_function_words
from app.pipeline.words.lexemes import list_stems, split_words


def read_query(text: str) -> Query:
    """The words of a query. Function words are left out, unless there are no others; a repeated word weighs more."""
    counts = Counter(split_words(text, singles=False)[0])
    return Query(
        tuple(
            AskedWord(tuple(dict.fromkeys(list_stems(word))), counts[word])
            for word in leave_out_function_words(list(counts))
        )
    )
