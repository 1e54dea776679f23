"""One ranking of the documents of several agents.

Similarities of vectors compare between agents, because one index holds them all. Scores of words do not: a word that
is rare in one agent's chunks may be common in another's. So they are scaled to the rarity of the words among the chunks
of all these agents, as if the documents belonged to one agent.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from app.db.engine import Database
from app.db.search.ranking import count_chunks_with
from app.db.search.word_matches import find_lexemes
from app.domain.filters import Filter
from app.domain.queries import AskedWord, Query
from app.domain.vectors import Account, VectorIndex, VectorKey
from app.pipeline.ranking.fusion import Candidate
from app.pipeline.words.query import read_query
from app.services.search.search import Collected, Mode, Ranked, Search, count_candidates
from app.services.search.word_weights import WordWeights

_AT_ONCE = 3
"""The number of agents that one request searches at the same time: other requests need connections too."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The hits of a search, the best first, and the query as its words were looked for."""

    hits: Sequence[Ranked]
    query: Query


class SeveralAgents:
    """Searches one or several agents."""

    def __init__(self, database: Database, search: Search) -> None:
        self._database = database
        self._search = search

    async def rank(
        self, accounts: Sequence[Account], query: str, *, top_k: int, mode: Mode, where: Filter | None
    ) -> Ranking:
        """The ``top_k`` chunks of these agents that match best. Arguments and errors are those of ``Search.find``."""

        async def search(index: VectorIndex | None) -> Ranking:
            return await self._rank(accounts, query, index, top_k=top_k, mode=mode, where=where)

        return await self._search.run(mode, search)

    async def _rank(
        self,
        accounts: Sequence[Account],
        query: str,
        index: VectorIndex | None,
        *,
        top_k: int,
        mode: Mode,
        where: Filter | None,
    ) -> Ranking:
        limit, slots = count_candidates(top_k), asyncio.Semaphore(_AT_ONCE)

        async def collect(account: Account) -> Collected:
            async with slots:
                return await self._search.collect(account, query, limit=limit, mode=mode, where=where, index=index)

        # The first search stores the vector of the query, so that the others do not pay for it again.
        collected = [await collect(accounts[0]), *await asyncio.gather(*map(collect, accounts[1:]))]
        found = _keep_phrases(dict(zip(accounts, collected, strict=True)))
        read, candidates = collected[0].query, {account: one.candidates for account, one in found.items()}
        if len(accounts) > 1 and mode != "vector":
            read, candidates = await self._scale(query, found)
        hits = await self._search.rank(query, candidates, top_k=top_k, mode=mode, index=index)
        return Ranking(hits, read)

    async def _scale(
        self, query: str, found: Mapping[Account, Collected]
    ) -> tuple[Query, dict[Account, Mapping[VectorKey, Candidate]]]:
        """The query for all these agents, and the candidates with the measures of their words by their joint rarity."""
        counts: dict[Account, Mapping[str, int]] = {}
        lexemes: dict[VectorKey, frozenset[str]] = {}
        for account, one in found.items():
            async with self._database.statement() as connection:
                counts[account] = await count_chunks_with(connection, account.agent_id, one.query.lexemes)
            async with self._database.statement() as connection:
                lexemes |= await find_lexemes(connection, account.agent_id, one.candidates, one.query.lexemes)
        return await asyncio.to_thread(_scale_all, query, found, counts, lexemes)


def _keep_phrases(found: Mapping[Account, Collected]) -> Mapping[Account, Collected]:
    """If an agent has chunks with the phrases of the query, without those of agents that have only its words."""
    if not any(one.query.phrases and one.candidates for one in found.values()):
        return found
    return {account: one if one.query.phrases else replace(one, candidates={}) for account, one in found.items()}


def _scale_all(
    query: str,
    found: Mapping[Account, Collected],
    counts: Mapping[Account, Mapping[str, int]],
    lexemes: Mapping[VectorKey, frozenset[str]],
) -> tuple[Query, dict[Account, Mapping[VectorKey, Candidate]]]:
    joint: Counter[str] = Counter()
    for some in counts.values():
        joint.update(some)
    read = _join(read_query(query), [(one.query, counts[account]) for account, one in found.items()])
    of_all = WordWeights(read, joint)
    scaled: dict[Account, Mapping[VectorKey, Candidate]] = {}
    for account, one in found.items():
        own = WordWeights(one.query, counts[account])
        scaled[account] = {
            key: _scale(candidate, lexemes.get(key, frozenset()), own, of_all)
            for key, candidate in one.candidates.items()
        }
    return read, scaled


def _scale(candidate: Candidate, lexemes: frozenset[str], own: WordWeights, joint: WordWeights) -> Candidate:
    """A candidate whose words have the weights of ``joint`` and no longer those of ``own``."""
    before = sum(word.weight for word in own.find(lexemes))
    after = joint.find(lexemes)
    factor = sum(word.weight for word in after) / before if before else 0.0
    return candidate._replace(words=candidate.words * factor, share=joint.measure_share(after))


def _join(read: Query, found: Sequence[tuple[Query, Mapping[str, int]]]) -> Query:
    """The query for all agents, from each one's query and counts.

    A word is misspelled only if no agent has it. So its forms are those of the agents that have it, else those of all.
    """
    words = []
    for number, word in enumerate(read.words):
        having = [query for query, counts in found if any(counts.get(form) for form in word.lexemes)]
        forms: dict[str, float] = {}
        for query in having or [query for query, _ in found]:
            other = query.words[number]
            forms |= zip(other.lexemes, (weight / other.weight for weight in other.list_weights()), strict=True)
        words.append(AskedWord(tuple(forms), word.weight, tuple(forms.values())))
    return Query(tuple(words))
