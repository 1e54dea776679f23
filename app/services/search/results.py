"""Results: the hits of a search as a client receives them, with what it wants to know about each."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.db.search.ranking import Hit
from app.domain.filters import read_filters
from app.domain.identity import Access
from app.domain.vectors import Account
from app.pipeline.words.snippet import Snippet, make_snippets
from app.services.search.explanations import Explanation, Explanations
from app.services.search.neighbours import Neighbours, Surroundings
from app.services.search.search import Mode
from app.services.search.several_agents import SeveralAgents

_INLINE_STEPS = 4_000_000
"""Characters of the query times those of the texts for which snippets are made within some milliseconds."""


@dataclass(frozen=True, slots=True)
class Result:
    """A hit with the part of it that matches the query, and what else was asked for."""

    hit: Hit
    snippet: Snippet
    surroundings: Surroundings | None
    explanation: Explanation | None


@dataclass(frozen=True, slots=True)
class Found:
    """The results of a search. ``reranking_failed``: they have the order that they had before."""

    results: Sequence[Result]
    reranking_failed: bool


class Results:
    """Searches, and completes the hits.

    Args:
        agents: Searches.
        neighbours: Finds what surrounds the hits.
        explanations: Explains the hits.
        reranks: Whether the installation has a reranker.
        count: Counts a search of each of these agents; None where usage is not counted.
    """

    def __init__(
        self,
        agents: SeveralAgents,
        neighbours: Neighbours,
        explanations: Explanations,
        *,
        reranks: bool = False,
        count: Callable[[Sequence[Account]], None] | None = None,
    ) -> None:
        self._agents = agents
        self._neighbours = neighbours
        self._explanations = explanations
        self._reranks = reranks
        self._count = count

    async def find(
        self,
        access: Access,
        agent_ids: Sequence[int],
        query: str,
        *,
        top_k: int,
        mode: Mode = "hybrid",
        where: Mapping[str, Any] | None = None,
        neighbours: int = 0,
        explain: bool = False,
    ) -> Found:
        """The ``top_k`` chunks that match best, the best first.

        Args:
            access: What the caller may see. Only documents that match its filter are found.
            agent_ids: The agents whose documents are searched, which the caller may see.
            query: Words or a question, in any language.
            top_k: The largest number of chunks.
            mode: Words (``text``), vectors (``vector``), or both ranked together (``hybrid``).
            where: A filter in the form that ``app.domain.filters`` reads.
            neighbours: The number of chunks to add from before and from after each hit.
            explain: Whether to say why each was found.

        Raises:
            InvalidRequestError, ProviderBusyError, ProviderPausedError, ProviderDownError: see ``Search.find``.
        """
        accounts = [Account(access.organization_id, agent_id) for agent_id in agent_ids]
        read = read_filters(access.document_filter, where)
        ranking = await self._agents.rank(accounts, query, top_k=top_k, mode=mode, where=read)
        if self._count:
            self._count(accounts)
        hits = [one.hit for one in ranking.hits]
        snippets = await _make_snippets(query, [hit.text for hit in hits])
        surroundings: Sequence[Surroundings | None] = [None] * len(hits)
        if neighbours and hits:
            surroundings = await self._neighbours.find(hits, neighbours)
        explanations: Sequence[Explanation | None] = [None] * len(hits)
        if explain and hits:
            explanations = await self._explanations.explain(ranking.query, agent_ids, ranking.hits)
        return Found(
            [Result(*parts) for parts in zip(hits, snippets, surroundings, explanations, strict=True)],
            self._reranks and mode == "hybrid" and any(one.rerank_score is None for one in ranking.hits),
        )


async def _make_snippets(query: str, texts: Sequence[str]) -> list[Snippet]:
    # A long query with long texts would hold up the other requests of this process.
    is_long = len(query) * sum(map(len, texts)) > _INLINE_STEPS
    return await asyncio.to_thread(make_snippets, query, texts) if is_long else make_snippets(query, texts)
