"""Answers by a language model: written from the hits of a search, with citations that are checked."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from app.db.engine import Database
from app.db.providers.usage import count_usage
from app.db.search.ranking import Hit
from app.domain.errors import (
    ProviderContextError,
    ProviderDownError,
    ProviderFilteredError,
    ProviderRefusedError,
    ProviderRequestError,
)
from app.domain.ports import ChatModel, Embedder, OnText
from app.domain.usage import UsageKind
from app.domain.vectors import Account, Completion
from app.pipeline.answering.phrases import refuse
from app.pipeline.answering.prompt import Passage, Prompt, compose_prompt, fit_passages
from app.services.answers.references import make_reference
from app.services.answers.similarity import make_similarity
from app.services.answers.streams import NoSink, SentenceSink
from app.services.answers.writing import AnswerTooLongError, Writing
from app.services.providers.calls import ProviderCalls

DECLINED = "The language model declined to answer this question."
FILTERED = "The provider's content filter withheld the answer."
_ROUNDS = 5
"""How often a request is sent that is longer than the model's context, each time with half of the passages' tokens."""
_CHARACTERS_A_TOKEN = 12
"""More than any language has on average: a longer answer comes from a provider that ignores the limit."""
_LEAST_ROOM = 50

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ChatLimits:
    """The limits of a request in tokens: the model's context, the passages' share of it, and the answer."""

    context: int
    share: float
    answer: int


@dataclass
class Usage:
    """The tokens that an answer was charged for, over all of its requests."""

    input_tokens: int = 0
    output_tokens: int = 0

    def add(self, completion: Completion) -> None:
        """Add those of one request."""
        self.input_tokens += completion.input_tokens
        self.output_tokens += completion.output_tokens


class Generation:
    """Has a language model answer from the hits of a search.

    Args:
        database: Counts the usage.
        providers: Calls the provider.
        chat: The language model.
        limits: The limits of a request.
        embedder: A local embedding model, which compares sentences of answers and passages; None where there is none.
    """

    def __init__(
        self,
        database: Database,
        providers: ProviderCalls,
        chat: ChatModel,
        limits: ChatLimits,
        embedder: Embedder | None,
    ) -> None:
        self._database = database
        self._providers = providers
        self._chat = chat
        self._limits = limits
        self._embedder = embedder

    async def answer(
        self,
        account: Account,
        question: str,
        hits: Sequence[Hit],
        sink: SentenceSink | None = None,
        usage: Usage | None = None,
    ) -> dict[str, Any]:
        """The language model's answer from the hits, with its citations.

        Args:
            account: The tenant that usage is charged to.
            question: The question, complete in itself.
            hits: The hits of the search, best first.
            sink: Receives the sentences as they are released.
            usage: The usage so far, to which this one is added.

        Raises:
            ProviderBusyError, ProviderPausedError, ProviderDownError, ProviderRequestError
        """
        sink, usage = sink or NoSink(), usage or Usage()
        room = self._measure_room(question)
        for _ in range(_ROUNDS):
            writing = self._prepare(question, hits, sink, room)
            try:
                completion = await self._write(account, question, writing, usage)
            except ProviderContextError as error:
                shortened, failure = room // 2, error
                log.info("fewer_passages", tokens=shortened, reason=error.detail)
            except (ProviderRefusedError, ProviderFilteredError) as error:
                await writing.withdraw()
                phrase = DECLINED if isinstance(error, ProviderRefusedError) else FILTERED
                return await self._refuse(phrase, writing, sink, usage)
            else:
                return await self._conclude(writing, completion, hits, sink, usage)
            if shortened < _LEAST_ROOM:
                break
            room = shortened
        raise failure

    async def complete(self, account: Account, prompt: Prompt, *, max_tokens: int, usage: Usage) -> Completion:
        """Send one short request whose answer does not stream."""
        return await self._call(account, prompt, max_tokens, usage, None, None)

    def _measure_room(self, question: str) -> int:
        """The number of tokens for passages."""
        limits, prompt = self._limits, compose_prompt(question, [])
        rest = limits.context - limits.answer - sum(map(self._chat.count_tokens, (prompt.instructions, prompt.text)))
        return max(min(int(limits.context * limits.share), rest), _LEAST_ROOM)

    def _prepare(self, question: str, hits: Sequence[Hit], sink: SentenceSink, room: int) -> Writing:
        passages = fit_passages([_make_passage(hit) for hit in hits], self._chat.count_tokens, room)
        return Writing(
            question,
            passages,
            hits,
            sink,
            similarity=make_similarity(self._embedder),
            longest=self._limits.answer * _CHARACTERS_A_TOKEN,
        )

    async def _write(self, account: Account, question: str, writing: Writing, usage: Usage) -> Completion:
        """Have the answer written.

        Raises:
            ProviderRequestError: all tokens were used for reasoning.
            ProviderDownError: the answer has no visible text.
        """
        prompt = compose_prompt(question, writing.passages)
        completion = await self._call(account, prompt, self._limits.answer, usage, writing, writing.receive)
        await writing.end()
        if not writing.has_text and completion.is_truncated:
            raise ProviderRequestError(f"{self._chat.model} used all {self._limits.answer} tokens before it answered.")
        if not writing.has_text:
            raise ProviderDownError(f"The answer of {self._chat.model} is empty.")
        return completion

    async def _call(
        self,
        account: Account,
        prompt: Prompt,
        max_tokens: int,
        usage: Usage,
        writing: Writing | None,
        on_text: OnText | None,
    ) -> Completion:
        chat = self._chat
        asked = sum(map(chat.count_tokens, (prompt.instructions, prompt.text)))

        async def request() -> Completion:
            """Count usage at once, even if the task is cancelled in the meantime or the answer breaks off."""
            try:
                completion = await chat.complete(
                    prompt.instructions, prompt.text, max_tokens=max_tokens, on_text=on_text
                )
            except AnswerTooLongError:
                completion = self._estimate(asked, writing)
            except BaseException:
                if writing and writing.received:
                    await asyncio.shield(self._count(account, self._estimate(asked, writing), usage))
                raise
            await asyncio.shield(self._count(account, completion, usage))
            return completion

        return await self._providers.call(chat.provider, request, tokens=asked + max_tokens)

    def _estimate(self, asked: int, writing: Writing | None) -> Completion:
        """What an answer that broke off has cost."""
        received = writing.received if writing else ""
        return Completion(received, asked, self._chat.count_tokens(received), is_truncated=True)

    async def _count(self, account: Account, completion: Completion, usage: Usage) -> None:
        usage.add(completion)
        async with self._database.statement() as connection:
            await count_usage(
                connection,
                account,
                UsageKind.CHAT,
                self._chat.provider,
                self._chat.model,
                input_tokens=completion.input_tokens,
                output_tokens=completion.output_tokens,
            )

    async def _conclude(
        self, writing: Writing, completion: Completion, hits: Sequence[Hit], sink: SentenceSink, usage: Usage
    ) -> dict[str, Any]:
        """The result of an answer that has arrived."""
        citer = writing.citer
        if not citer.quotes:
            refused = await self._refuse(refuse(writing.question), writing, sink, usage)
            return {**refused, "truncated": completion.is_truncated}
        references = [make_reference(quote, hits[quote.passage]) for quote in citer.quotes]
        return {
            **self._describe(writing, usage),
            "answered": True,
            "answer": citer.text,
            "references": references,
            "truncated": completion.is_truncated,
        }

    async def _refuse(self, phrase: str, writing: Writing, sink: SentenceSink, usage: Usage) -> dict[str, Any]:
        """The result of an answer of which no sentence is supported."""
        await sink.send([{"text": phrase, "citations": []}])
        return {**self._describe(writing, usage), "answered": False, "answer": phrase, "references": []}

    def _describe(self, writing: Writing, usage: Usage) -> dict[str, Any]:
        return {
            "mode": "llm",
            "model": self._chat.model,
            "usage": {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens},
            "truncated": False,
            "unsupported": list(writing.citer.unsupported),
        }


def _make_passage(hit: Hit) -> Passage:
    return Passage(hit.text, hit.filename, hit.page, hit.context)
