"""Facts about a company from an agent's documents, found by questions about the fields of a profile."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.db.search.ranking import Hit
from app.domain.profiles import Fact, SourceKind
from app.domain.vectors import Account
from app.pipeline.profiles.text_facts import read_text_facts
from app.services.answers.answers import Answers
from app.services.search.search import Search

_PASSAGES = 6
_QUESTIONS: Mapping[str, str] = {
    "legal_name": "What is the legal name of the company, and in which country is it registered?",
    "emails": "What are the company's e-mail address and telephone number?",
    "address": "What is the postal address of the company?",
    "founded": "In which year was the company founded?",
}
"""The questions that find passages with the fields that have a form of their own, by one of these fields."""
_DESCRIPTION = "What does the company do?"


class DocumentFacts:
    """Searches an agent's documents for the fields of a profile."""

    def __init__(self, search: Search, answers: Answers) -> None:
        self._search = search
        self._answers = answers

    async def find(
        self, account: Account, name: str, on_question: Callable[[int, int], Awaitable[None]]
    ) -> tuple[list[Fact], list[Hit]]:
        """The facts, each with the document, page and characters that show it, and the passages for a summary.

        Args:
            account: The agent.
            name: The company's name, which the searches contain.
            on_question: Called with the number of the next question and the number of questions.

        Raises:
            ProviderBusyError, ProviderPausedError, ProviderDownError: when the model or the store is unavailable.
        """
        facts, passages, total = list[Fact](), dict[int, Hit](), len(_QUESTIONS) + 1
        for number, question in enumerate(_QUESTIONS.values(), 1):
            await on_question(number, total)
            hits = await self._search.find(account, f"{name} {question}", top_k=_PASSAGES)
            passages |= {hit.chunk_id: hit for hit in hits}
        await on_question(total, total)
        hits = await self._search.find(account, f"{name} {_DESCRIPTION}", top_k=_PASSAGES)
        passages |= {hit.chunk_id: hit for hit in hits}
        found = await asyncio.to_thread(_read_all, list(passages.values()))
        facts += await self._describe(account, name, hits)
        return [*facts, *found], list(passages.values())

    async def _describe(self, account: Account, name: str, hits: Sequence[Hit]) -> list[Fact]:
        answer = await self._answers.reply(account, f"What does {name} do?", hits)
        return [_quote(reference) for reference in answer["references"][:1]]


def _quote(reference: Mapping[str, Any]) -> Fact:
    """The description: the first quote of an answer."""
    place = {name: reference[name] for name in ("document_id", "page", "start", "end", "quote")}
    return Fact("description", " ".join(reference["quote"].split())[:1000], SourceKind.TEXT, **place)


def _read_all(hits: Sequence[Hit]) -> list[Fact]:
    return [_place(fact, hit) for hit in hits for fact in read_text_facts(hit.text, None, is_legal=True)]


def _place(fact: Fact, hit: Hit) -> Fact:
    """The fact with the place of its quote; where the quote joins lines, that of its passage."""
    quote = fact.quote or fact.value
    at = hit.text.find(quote)
    start, end = (at, at + len(quote)) if at >= 0 else (0, len(hit.text))
    return replace(
        fact,
        document_id=hit.document_id,
        quote=hit.text[start:end][:1000],
        page=hit.page,
        start=hit.start + start,
        end=hit.start + end,
    )
