"""Answers without a language model: quotes from the documents."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from app.db.search.ranking import Hit
from app.domain.ports import Embedder
from app.domain.vectors import Account
from app.pipeline.answering.evidence import Evidence
from app.pipeline.answering.matching import QuestionWords
from app.pipeline.answering.phrases import refuse
from app.pipeline.answering.pieces import list_pieces
from app.pipeline.answering.prompt import brace_marks
from app.pipeline.answering.quotes import Found, Quote, Similarity, choose_quotes
from app.pipeline.chunking.chunk import find_sentences
from app.services.answers.references import make_reference, make_sentence
from app.services.answers.similarity import make_similarity
from app.services.answers.streams import NoSink, SentenceSink
from app.services.search.search import Search

_SENTENCES, _ITEMS = 40, 100
"""The number of sentences, and of rows and entries, of a passage that are compared before a question is answered."""


class Extraction:
    """Answers from the hits of a search by quoting them.

    Args:
        search: Counts the words of a question among an agent's chunks.
        find_embedder: Returns a fast local embedding model, which compares sentences with the question; None where
            there is none.
    """

    def __init__(self, search: Search, find_embedder: Callable[[], Embedder] | None) -> None:
        self._search = search
        self._find_embedder = find_embedder

    async def answer(
        self, account: Account, question: str, hits: Sequence[Hit], sink: SentenceSink | None = None
    ) -> dict[str, Any]:
        """Quote what answers the question; ``mode`` says that no language model was used.

        A question that the hits do not answer is refused in its language. ``sink`` receives the sentences.
        """
        counts = await self._search.count_words(account.agent_id, question) if hits else {}
        similarity = make_similarity(self._find_embedder() if self._find_embedder else None)
        quotes = await asyncio.to_thread(_quote, question, counts, hits, similarity)
        sentences = [
            make_sentence(_show(number, quote), [(number, quote)], hits) for number, quote in enumerate(quotes, 1)
        ] or [make_sentence(refuse(question), [], hits)]
        await (sink or NoSink()).send(sentences)
        return {
            "answered": bool(quotes),
            "answer": "".join(sentence["text"] for sentence in sentences),
            "references": [make_reference(quote, hits[quote.passage]) for quote in quotes],
            "mode": "extractive",
        }


def _quote(question: str, counts: Mapping[str, int], hits: Sequence[Hit], similarity: Similarity | None) -> list[Quote]:
    asked = QuestionWords(question, counts)
    found = [
        Found(hit.text, hit.context, f"{hit.filename}\n{hit.metadata.get('title', '')}", hit.score) for hit in hits
    ]
    compare = partial(_compare, question, found, similarity) if similarity else None
    if not Evidence(asked).suffices([passage.indexed for passage in found], compare):
        return []
    return choose_quotes(question, asked, found, similarity)


def _compare(question: str, found: Sequence[Found], similarity: Similarity, place: int) -> float:
    """The largest cosine of the question and one of the first sentences of a passage, or of its rows and entries.

    A row is compared with the names of its columns: without them its values mean nothing.
    """
    passage = found[place]
    sentences = [passage.text[start:end] for start, end in islice(find_sentences(passage.text), _SENTENCES)]
    items = (piece.shown for piece in list_pieces(passage.text, passage.context) if piece.is_item)
    return max(similarity(question, [*sentences, *islice(items, _ITEMS)]), default=0.0)


def _show(number: int, quote: Quote) -> str:
    """What an answer shows of a quote, followed by its number. A number in brackets within it is no reference."""
    return f"{' ' if number > 1 else ''}{brace_marks(quote.shown)} [{number}]"
