"""Search: finds the chunks of an agent's documents that match a query."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import structlog

from app.db.engine import Database
from app.db.search.ranking import Hit, count_chunks_with, find_documents, load_hits
from app.domain.errors import SluiceError
from app.domain.filters import Filter
from app.domain.queries import Query
from app.domain.vectors import Account, Nearest, VectorIndex, VectorKey
from app.pipeline.ranking.fusion import MEANING_ALONE, WORDS_ALONE, Balance, Candidate, Fused, fuse, reward_neighbours
from app.pipeline.words.negation import Absence
from app.pipeline.words.neighbours import read_pairs
from app.pipeline.words.phrases import ExactWords
from app.pipeline.words.query import read_query
from app.services.indexing.chunk_index import ChunkIndexer
from app.services.indexing.vectors import Vectors
from app.services.search.balances import Balances
from app.services.search.reranking import Reranking
from app.services.search.word_search import WordSearch

CANDIDATES = 100  # chunks proposed by each of words and vectors; at least four times top_k
_PREPARED, _ANY_QUERY = 3, "Which words are compared?"
"""The number of large agents for which a process is prepared, and what it searches for."""
_MORE = 10  # results that are loaded besides those wanted, because the words next to each other change their order

log = structlog.get_logger()

Mode = Literal["hybrid", "vector", "text"]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Ranked:
    """A chunk that was found, with the measures from which its score was made.

    ``rerank_score`` is None where no reranker has read it.
    """

    hit: Hit
    candidate: Candidate
    fused: Fused
    rerank_score: float | None = None


@dataclass(frozen=True, slots=True)
class Collected:
    """The candidates of one agent, and the query as its words were looked for: a misspelled word has near ones too."""

    query: Query
    candidates: Mapping[VectorKey, Candidate]


class Search:
    """Finds chunks by words, by vectors, or by both."""

    def __init__(
        self, database: Database, indexer: ChunkIndexer, vectors: Vectors, reranking: Reranking | None = None
    ) -> None:
        self._database = database
        self._indexer = indexer
        self._vectors = vectors
        self._words = WordSearch(database)
        self._reranking = reranking
        self._balances = Balances(database)

    async def prepare(self) -> None:
        """Search once for nothing, so that the first request does not wait for what a process reads and compiles once.

        In the largest agents candidates are collected, too, for which a process reads the keys of their chunks, and a
        connection plans statements of their own. Nothing is reranked: a reranker may cost money. A failure is logged:
        that request reports it, if it persists.
        """
        try:
            index = await self._vectors.choose()
            if index.embedding.provider == "local":  # others cost money, or take seconds to load
                await self.find(Account(0, 0), _ANY_QUERY, top_k=1)
                for agent_id in await self._words.list_largest(_PREPARED):
                    account = Account(0, agent_id)
                    await self.collect(account, _ANY_QUERY, limit=CANDIDATES, mode="hybrid", where=None, index=index)
        except SluiceError as error:
            log.info("search_not_prepared", code=error.code, detail=error.detail)

    async def find(
        self,
        account: Account,
        query: str,
        *,
        top_k: int,
        mode: Mode = "hybrid",
        where: Filter | None = None,
        index: VectorIndex | None = None,
    ) -> list[Hit]:
        """The ``top_k`` chunks that match ``query`` best, the best first. Deleted documents are never found.

        Args:
            account: The agent whose documents are searched. The caller has checked access.
            query: Words or a question, in any language.
            top_k: The largest number of chunks.
            mode: Words (``text``), vectors (``vector``), or both ranked together (``hybrid``).
            where: The filter that the documents must match.
            index: The index that has the vectors. Default: the active one.

        Raises:
            ProviderBusyError, ProviderPausedError, ProviderDownError: when the model or the store is unavailable.
        """
        limit = count_candidates(top_k)

        async def search(index: VectorIndex | None) -> list[Hit]:
            found = await self.collect(account, query, limit=limit, mode=mode, where=where, index=index)
            ranked = await self.rank(query, {account: found.candidates}, top_k=top_k, mode=mode, index=index)
            return [one.hit for one in ranked]

        return await search(index) if index else await self.run(mode, search)

    async def run(self, mode: Mode, search: Callable[[VectorIndex | None], Awaitable[Result]]) -> Result:
        """Run a search whose parts all use the same index: the active one, or None where no vectors are needed.

        It runs again if it fails and another index has become active.
        """
        if mode == "text":
            return await search(None)
        index = await self._vectors.choose()
        try:
            return await search(index)
        except SluiceError:
            active = await self._vectors.choose_again()
            if active.id == index.id:
                raise
        return await search(active)

    async def collect(
        self,
        account: Account,
        query: str,
        *,
        limit: int,
        mode: Mode,
        where: Filter | None,
        index: VectorIndex | None = None,
    ) -> Collected:
        """The chunks of one agent that may be among the best: up to ``limit`` by words and as many by vectors.

        The other arguments and the errors are those of ``find``.
        """
        document_ids, read = await self._find_documents(account.agent_id, where), read_query(query)
        if document_ids == []:
            return Collected(read, {})
        proposed = 0 if mode == "vector" else limit
        found = await self._words.find(account.agent_id, read, limit=proposed, document_ids=document_ids)
        similarities: dict[VectorKey, float | None]
        if mode == "text":
            similarities = dict.fromkeys(await self._words.list_visible(found, limit))
        else:
            near = await self._find_by_vector(account, query, limit, document_ids, found.keys, index)
            if len(near.compared) < limit <= len(found.keys):
                found = replace(found, keys=await self._words.list_visible(found, limit))
                near = await self._find_by_vector(account, query, limit, document_ids, found.keys, index)
            keys = [key for key in found.keys if key in near.compared][:limit]
            similarities = {key: near.compared[key] for key in keys}
            if not found.query.phrases:
                similarities |= near.nearest
        words = await self._words.score(found, similarities)
        candidates = {key: Candidate(words[key].score, words[key].share, similarities[key]) for key in words}
        return Collected(found.query, candidates)

    async def rank(
        self,
        query: str,
        found: Mapping[Account, Mapping[VectorKey, Candidate]],
        *,
        top_k: int,
        mode: Mode,
        index: VectorIndex | None = None,
    ) -> list[Ranked]:
        """The ``top_k`` best of the candidates of one or several agents. A reranker orders the best of ``hybrid``.

        ``index`` is the one that has their vectors; default: the active one.
        """
        reranking = self._reranking if mode == "hybrid" else None
        wanted = max(top_k, reranking.candidates) if reranking else top_k
        candidates = {key: one for some in found.values() for key, one in some.items()}
        balance = await self._choose_balance(mode, index, [account.agent_id for account in found])
        fused = dict(zip(candidates, fuse(list(candidates.values()), balance), strict=True))
        absence, exact = Absence(query), ExactWords(query if mode != "vector" else "")
        pairs = read_pairs(query) if mode != "vector" else []
        kept = max(wanted, count_candidates(top_k)) if absence or exact else wanted + bool(pairs) * _MORE
        ranks = {key: -one.score for key, one in fused.items()}
        best = sorted(ranks, key=ranks.__getitem__)[:kept]
        hits, shares = list[Hit](), dict[VectorKey, float]()
        for account, some in found.items():
            if own := {key: fused[key].score for key in best if key in some}:
                loaded = await load_hits(self._database, account.agent_id, own, pairs)
                hits += [hit for hit, _ in loaded]
                shares |= {hit.key: count / len(pairs) for hit, count in loaded} if pairs else {}
        if pairs:
            fused = reward_neighbours(fused, shares)
            hits = [replace(hit, score=fused[hit.key].score) for hit in hits]
        hits = (await _order(absence, await _keep_exact(exact, hits)))[:wanted]
        scores = await reranking.score(next(iter(found)), query, hits) if reranking and hits else None
        given = dict(zip((hit.key for hit in hits), scores, strict=True)) if scores else {}
        if given:
            hits = await _order(absence, [replace(hit, score=given[hit.key]) for hit in hits])
        return [Ranked(hit, candidates[hit.key], fused[hit.key], given.get(hit.key)) for hit in hits[:top_k]]

    async def count_words(self, agent_id: int, question: str) -> dict[str, int]:
        """Count the agent's chunks with each word of a question; under the empty word, all of its chunks."""
        async with self._database.statement() as connection:
            return await count_chunks_with(connection, agent_id, read_query(question).lexemes)

    async def _choose_balance(self, mode: Mode, index: VectorIndex | None, agent_ids: Sequence[int]) -> Balance:
        """How words and meaning share the scores of one search."""
        if mode == "text":
            return WORDS_ALONE
        if mode == "vector":
            return MEANING_ALONE
        return await self._balances.find(index or await self._vectors.get_active(), agent_ids)

    async def _find_documents(self, agent_id: int, where: Filter | None) -> list[int] | None:
        """The documents that match a filter; None without a filter."""
        if where is None:
            return None
        async with self._database.statement() as connection:
            return await find_documents(connection, agent_id, where)

    async def _find_by_vector(
        self,
        account: Account,
        query: str,
        limit: int,
        document_ids: Sequence[int] | None,
        by_words: Sequence[VectorKey],
        index: VectorIndex | None,
    ) -> Nearest:
        index = index or await self._vectors.get_active()
        vector = await self._indexer.embed_query(index, query, account)
        return await self._vectors.find(
            index, account.agent_id, vector, limit=limit, document_ids=document_ids, compared=by_words
        )


def count_candidates(top_k: int) -> int:
    """The number of chunks that each of words and vectors proposes."""
    return max(CANDIDATES, 4 * top_k)


async def _keep_exact(exact: ExactWords, hits: Sequence[Hit]) -> Sequence[Hit]:
    """The hits whose text, context or file name has the quoted words as they are written; all where none has them."""
    return (await asyncio.to_thread(_list_exact, exact, hits) or hits) if exact else hits


def _list_exact(exact: ExactWords, hits: Sequence[Hit]) -> list[Hit]:
    return [hit for hit in hits if exact.are_in(f"{hit.filename}\n{hit.context}\n{hit.text}")]


async def _order(absence: Absence, hits: Sequence[Hit]) -> list[Hit]:
    """The hits by their scores. Texts that have what the query asks to be absent lose two thirds of theirs."""
    scored = await asyncio.to_thread(_lower_contradicted, absence, hits) if absence else hits
    return sorted(scored, key=lambda hit: (-hit.score, hit.chunk_id))


def _lower_contradicted(absence: Absence, hits: Sequence[Hit]) -> list[Hit]:
    return [
        replace(hit, score=hit.score - abs(hit.score) * 2 / 3) if absence.is_contradicted(hit.text) else hit
        for hit in hits
    ]
