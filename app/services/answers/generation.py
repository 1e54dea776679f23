"""Answers by a language model: written from the hits of a search, with citations."""

import asyncio
from collections.abc import Sequence
from typing import Any

from app.db.engine import Database
from app.db.provider_usage import count_usage
from app.db.ranking import Hit
from app.domain.ports import ChatModel
from app.domain.vectors import Account, Completion
from app.pipeline.answering.citation import INSTRUCTIONS, cite, compose_question
from app.services.answers.references import make_reference
from app.services.providers.calls import ProviderCalls

_MAX_TOKENS = 1000


class Generation:
    """Has a language model answer from the hits of a search."""

    def __init__(self, database: Database, providers: ProviderCalls, chat: ChatModel) -> None:
        self._database = database
        self._providers = providers
        self._chat = chat

    async def answer(self, account: Account, question: str, hits: Sequence[Hit]) -> dict[str, Any]:
        """The language model's answer from the hits, with its citations.

        Raises:
            ProviderBusyError, ProviderPausedError, ProviderDownError, ProviderRequestError
        """
        chat = self._chat
        passages = [hit.text for hit in hits]
        prompt = compose_question(question, passages)
        tokens = chat.count_tokens(INSTRUCTIONS) + chat.count_tokens(prompt) + _MAX_TOKENS

        async def request() -> Completion:
            """Count usage at once, even if the task is cancelled in the meantime."""
            completion = await chat.complete(INSTRUCTIONS, prompt, max_tokens=_MAX_TOKENS)
            await asyncio.shield(self._count(account, completion))
            return completion

        completion = await self._providers.call(chat.provider, request, tokens=tokens)
        usage = {"input_tokens": completion.input_tokens, "output_tokens": completion.output_tokens}
        cited = cite(completion.text, passages)
        return {
            "answered": bool(cited.quotes),
            "answer": cited.text,
            "references": [make_reference(quote, hits[quote.passage]) for quote in cited.quotes],
            "mode": "llm",
            "model": chat.model,
            "usage": usage,
        }

    async def _count(self, account: Account, completion: Completion) -> None:
        async with self._database.statement() as connection:
            await count_usage(
                connection,
                account,
                self._chat.provider,
                self._chat.model,
                input_tokens=completion.input_tokens,
                output_tokens=completion.output_tokens,
            )
