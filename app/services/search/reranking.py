"""Reranking: a model reads the query together with each of the best hits and gives them a new order."""

import asyncio
import math
from collections.abc import Sequence

import structlog

from app.db.engine import Database
from app.db.providers.usage import count_usage
from app.db.search.ranking import Hit
from app.domain.errors import SluiceError
from app.domain.ports import Reranker
from app.domain.usage import UsageKind
from app.domain.vectors import Account, Relevance
from app.services.providers.calls import ProviderCalls

_MAX_WAIT = 1.0
"""Seconds for which a search waits until the reranker may be called."""

log = structlog.get_logger()


class Reranking:
    """Scores hits by a reranker.

    Args:
        database: Counts the usage.
        providers: Calls a reranker across the network.
        reranker: The model.
        candidates: How many of the best hits it reads; at least as many as are requested.
    """

    def __init__(self, database: Database, providers: ProviderCalls, reranker: Reranker, candidates: int) -> None:
        self._database = database
        self._providers = providers
        self._reranker = reranker
        self.candidates = candidates

    async def score(self, account: Account, query: str, hits: Sequence[Hit]) -> list[float] | None:
        """The scores of hits, from 0 to 1; None where the reranker fails: a search does not fail with it."""
        texts = [f"{hit.context}\n{hit.text}".strip() for hit in hits]
        size = self._reranker.batch_size
        batches = [texts[start : start + size] for start in range(0, len(texts), size)]
        try:
            relevance = [await self._request(account, query, batch) for batch in batches]
        except SluiceError as error:
            log.warning("reranking_failed", code=error.code, detail=error.detail)
            return None
        return _normalise([score for one in relevance for score in one.scores])

    async def _request(self, account: Account, query: str, texts: Sequence[str]) -> Relevance:
        provider = self._reranker.provider
        if provider is None:
            return await self._reranker.score(query, texts)

        async def request() -> Relevance:
            """Count usage at once, even if the search is cancelled in the meantime."""
            relevance = await self._reranker.score(query, texts)
            await asyncio.shield(self._count(account, provider, relevance.tokens))
            return relevance

        return await self._providers.call(provider, request, max_wait=_MAX_WAIT)

    async def _count(self, account: Account, provider: str, tokens: int) -> None:
        async with self._database.statement() as connection:
            await count_usage(
                connection, account, UsageKind.RERANK, provider, self._reranker.model, input_tokens=tokens
            )


def _normalise(scores: list[float]) -> list[float]:
    """Scores from 0 to 1 as they are; others, which models give before their last step, by the logistic function."""
    if all(0 <= score <= 1 for score in scores):
        return scores
    return [1 / (1 + math.exp(-max(-700.0, min(700.0, score)))) for score in scores]
