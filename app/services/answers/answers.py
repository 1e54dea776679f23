"""Answers: a question is submitted as a task, which searches and then answers with citations."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from app.db.engine import Database
from app.db.provider_usage import count_usage
from app.db.ranking import Hit
from app.domain.counting import count_of
from app.domain.ports import ChatModel
from app.domain.tasks import NewTask, Progress, Queue, Task, TaskName
from app.domain.vectors import Account, Completion
from app.ledger.submit import submit
from app.pipeline.answering.citation import INSTRUCTIONS, cite, compose_question
from app.pipeline.answering.quotes import Quote, choose_quotes
from app.services.answers.search import Search
from app.services.intake.backpressure import Backpressure
from app.services.providers.calls import ProviderCalls
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt

_MAX_TOKENS = 1000
_NO_ANSWER = "The documents of this agent hold no answer to this question."


class Answers:
    """Answers questions from an agent's documents."""

    def __init__(
        self,
        database: Database,
        admission: Admission,
        backpressure: Backpressure,
        search: Search,
        providers: ProviderCalls,
        chat: ChatModel | None,
    ) -> None:
        self._database = database
        self._admission = admission
        self._backpressure = backpressure
        self._search = search
        self._providers = providers
        self._chat = chat

    async def ask(self, organization_id: int, agent_id: int, question: str, top_k: int) -> Task:
        """Submit a question. The answer becomes the task's result.

        Args:
            organization_id: The agent's organization.
            agent_id: The agent whose documents are searched.
            question: The question, in any language.
            top_k: The largest number of passages that the answer is based on.

        Raises:
            BacklogFullError: when the agent has too many tasks waiting.
        """
        await self._backpressure.check(agent_id)
        async with self._database.transaction() as connection:
            task = await submit(
                connection,
                NewTask(
                    organization_id,
                    agent_id,
                    TaskName.ANSWER_QUESTION,
                    Queue.HIGH,
                    arguments={"question": question, "top_k": top_k},
                ),
            )
        self._admission.nudge(task.queue)
        return task

    async def answer(self, attempt: RunningAttempt) -> Outcome:
        """Search, then let the language model answer; without one, quote the sentences that answer the question.

        A question that the hits are not about is not answered from quotes.

        Raises:
            ProviderBusyError, ProviderPausedError, ProviderDownError, ProviderRequestError
        """
        began = time.monotonic()
        question = attempt.task.arguments["question"]
        account = Account(attempt.task.organization_id, attempt.task.agent_id)
        await attempt.report(Progress("retrieval", 20, "Searching the documents"))
        hits = await self._search.find(account, question, top_k=attempt.task.arguments["top_k"])
        await attempt.report(Progress("generate_answer", 50, f"Answering from {count_of(len(hits), 'passage')}"))
        if self._chat and hits:
            answer = await self._generate(self._chat, account, question, hits)
        else:
            is_about = await self._search.is_about(account.agent_id, question, hits)
            answer = _extract(question, hits if is_about else [])
        return Outcome({**answer, "processing_time": round(time.monotonic() - began, 4)}, "Answered")

    async def _generate(self, chat: ChatModel, account: Account, question: str, hits: Sequence[Hit]) -> dict[str, Any]:
        """The language model's answer from the passages, with its citations."""
        passages = [hit.text for hit in hits]
        prompt = compose_question(question, passages)
        tokens = chat.count_tokens(INSTRUCTIONS) + chat.count_tokens(prompt) + _MAX_TOKENS

        async def request() -> Completion:
            """Count usage at once, even if the task is cancelled in the meantime."""
            completion = await chat.complete(INSTRUCTIONS, prompt, max_tokens=_MAX_TOKENS)
            await asyncio.shield(self._count(account, chat, completion))
            return completion

        completion = await self._providers.call(chat.provider, request, tokens=tokens)
        usage = {"input_tokens": completion.input_tokens, "output_tokens": completion.output_tokens}
        cited = cite(completion.text, passages)
        return {
            "answered": bool(cited.quotes),
            "answer": cited.text,
            "references": [_refer(quote, hits[quote.passage]) for quote in cited.quotes],
            "mode": "llm",
            "model": chat.model,
            "usage": usage,
        }

    async def _count(self, account: Account, chat: ChatModel, completion: Completion) -> None:
        async with self._database.statement() as connection:
            await count_usage(
                connection,
                account,
                chat.provider,
                chat.model,
                input_tokens=completion.input_tokens,
                output_tokens=completion.output_tokens,
            )


def _extract(question: str, hits: Sequence[Hit]) -> dict[str, Any]:
    """An answer made of quoted sentences of the hits; ``mode`` says that no language model was used."""
    quotes = choose_quotes(question, [hit.text for hit in hits])
    return {
        "answered": bool(quotes),
        "answer": _compose(quotes),
        "references": [_refer(quote, hits[quote.passage]) for quote in quotes],
        "mode": "extractive",
    }


def _compose(quotes: list[Quote]) -> str:
    """The quotes, each followed by the number of its reference."""
    cited = (f"{' '.join(quote.text.split())} [{number}]" for number, quote in enumerate(quotes, 1))
    return " ".join(cited) or _NO_ANSWER


def _refer(quote: Quote, hit: Hit) -> dict[str, Any]:
    return {
        "document_id": hit.document_id,
        "filename": hit.filename,
        "page": hit.page,
        "start": hit.start + quote.start,
        "end": hit.start + quote.end,
        "quote": quote.text,
    }
