"""Answers without a language model: sentences quoted from the documents."""

from collections.abc import Sequence
from typing import Any

from app.db.ranking import Hit
from app.domain.vectors import Account
from app.pipeline.answering.phrases import refuse
from app.pipeline.answering.quotes import Quote, choose_quotes
from app.services.answers.references import make_reference
from app.services.answers.search import Search


class Extraction:
    """Answers from the hits of a search by quoting them."""

    def __init__(self, search: Search) -> None:
        self._search = search

    async def answer(self, account: Account, question: str, hits: Sequence[Hit]) -> dict[str, Any]:
        """Quote the sentences that answer the question; ``mode`` says that no language model was used.

        A question that the hits are not about is not answered.
        """
        is_about = await self._search.is_about(account.agent_id, question, hits)
        quotes = choose_quotes(question, [hit.text for hit in hits]) if is_about else []
        return {
            "answered": bool(quotes),
            "answer": _compose(quotes) or refuse(question),
            "references": [make_reference(quote, hits[quote.passage]) for quote in quotes],
            "mode": "extractive",
        }


def _compose(quotes: list[Quote]) -> str:
    """The quotes, each followed by the number of its reference."""
    cited = (f"{' '.join(quote.text.split())} [{number}]" for number, quote in enumerate(quotes, 1))
    return " ".join(cited)
