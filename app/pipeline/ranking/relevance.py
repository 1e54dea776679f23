"""Relevance: which results of a search are those that a question expects."""

import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Expected:
    """What a search should find.

    Attributes:
        documents: For each expected document, the ids that stand for it; several have the same file name.
        quotes: The texts that results should contain.
    """

    documents: Sequence[Collection[int]]
    quotes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Judgement:
    """The relevance of a ranking.

    Attributes:
        gains: How many of the expected things each place of the ranking is the first to have.
        relevant: The number of expected things.
        flags: For each passage, whether it has one of them.
    """

    gains: Sequence[float]
    relevant: int
    flags: Sequence[bool]


def judge(passages: Sequence[tuple[int, str]], expected: Expected) -> Judgement:
    """Judge passages, each the id of its document and its text, the best ranked first.

    With quotes, each passage is a place of the ranking; those of other documents than the expected ones do not count.
    Without quotes, each document is one, at its best passage.
    """
    return _judge_quotes(passages, expected) if expected.quotes else _judge_documents(passages, expected.documents)


def _judge_documents(passages: Sequence[tuple[int, str]], documents: Sequence[Collection[int]]) -> Judgement:
    ranked = list(dict.fromkeys(document_id for document_id, _ in passages))
    left, gains = list(documents), list[float]()
    for document_id in ranked:
        still = [ids for ids in left if document_id not in ids]
        gains.append(float(len(left) - len(still)))
        left = still
    flags = [any(document_id in ids for ids in documents) for document_id, _ in passages]
    return Judgement(gains, len(documents), flags)


def _judge_quotes(passages: Sequence[tuple[int, str]], expected: Expected) -> Judgement:
    quotes = [fold(quote) for quote in expected.quotes]
    left, gains, flags = list(quotes), list[float](), list[bool]()
    for document_id, text in passages:
        counts = not expected.documents or any(document_id in ids for ids in expected.documents)
        folded = fold(text) if counts else ""
        flags.append(any(contains(folded, quote) for quote in quotes))
        still = [quote for quote in left if not contains(folded, quote)]
        gains.append(float(len(left) - len(still)))
        left = still
    return Judgement(gains, len(quotes), flags)


def fold(text: str) -> str:
    """A text without differences of case, width and white space."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def contains(text: str, quote: str) -> bool:
    """Whether a text has a quote or at least half of it, as where a passage begins or ends within it. Fold both."""
    least = (len(quote) + 1) // 2
    if quote in text or (len(text) >= least and text in quote):
        return bool(text)
    lengths = range(least, min(len(quote), len(text)))
    return any(text.endswith(quote[:length]) or text.startswith(quote[-length:]) for length in lengths)
