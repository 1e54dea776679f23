"""One ranking of the documents of several agents.

Similarities of vectors compare between agents, because one index holds them all. Scores of words do not: a word that
is rare in one agent's chunks may be common in another's. So they are scaled to the rarity of the words among the chunks
of all these agents, as if the documents belonged to one agent.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from app.db.engine import Database
from app.db.ranking import count_chunks_with
from app.db.word_matches import find_lexemes
from app.domain.queries import Query
from app.domain.vectors import Account, VectorKey
from app.pipeline.ranking.fusion import Candidate
from app.pipeline.words.query import read_query
from app.services.answers.search import Mode, Ranked, Search, count_candidates
from app.services.answers.word_weights import WordWeights

_AT_ONCE = 3
"""The number of agents that one request searches at the same time: other requests need connections too."""


class SeveralAgents:
    """Searches one or several agents."""

    def __init__(self, database: Database, search: Search) -> None:
        self._database = database
        self._search = search

    async def rank(
        self, accounts: Sequence[Account], query: str, *, top_k: int, mode: Mode, where: Mapping[str, Any] | None
    ) -> list[Ranked]:
        """The ``top_k`` chunks of these agents that match best. Arguments and errors are those of ``Search.find``."""
        limit, index = count_candidates(top_k), await self._search.choose_index(mode)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def collect(account: Account) -> dict[VectorKey, Candidate]:
            async with slots:
                return await self._search.collect(account, query, limit=limit, mode=mode, where=where, index=index)

        # The first search stores the vector of the query, so that the others do not pay for it again.
        found = [await collect(accounts[0]), *await asyncio.gather(*map(collect, accounts[1:]))]
        by_agent = dict(zip(accounts, found, strict=True))
        if len(accounts) > 1 and mode != "vector":
            by_agent = await self._scale(query, by_agent)
        return await self._search.rank(query, by_agent, top_k=top_k, mode=mode, index=index)

    async def _scale(
        self, query: str, found: Mapping[Account, Mapping[VectorKey, Candidate]]
    ) -> dict[Account, dict[VectorKey, Candidate]]:
        """The candidates with the measures of their words by the rarity among the chunks of all these agents."""
        read = read_query(query)
        counts: dict[Account, dict[str, int]] = {}
        lexemes: dict[VectorKey, frozenset[str]] = {}
        for account, some in found.items():
            async with self._database.statement() as connection:
                counts[account] = await count_chunks_with(connection, account.agent_id, read.lexemes)
            async with self._database.statement() as connection:
                lexemes |= await find_lexemes(connection, account.agent_id, some, read.lexemes)
        joint: Counter[str] = Counter()
        for own in counts.values():
            joint.update(own)
        return await asyncio.to_thread(_scale_all, read, found, counts, lexemes)


def _scale_all(
    query: Query,
    found: Mapping[Account, Mapping[VectorKey, Candidate]],
    counts: Mapping[Account, Mapping[str, int]],
    lexemes: Mapping[VectorKey, frozenset[str]],
) -> dict[Account, dict[VectorKey, Candidate]]:
    joint: Counter[str] = Counter()
    for some in counts.values():
        joint.update(some)
    of_all = WordWeights(query, joint)
    scaled = {}
    for account, candidates in found.items():
        own = WordWeights(query, counts[account])
        scaled[account] = {
            key: _scale(one, lexemes.get(key, frozenset()), own, of_all) for key, one in candidates.items()
        }
    return scaled


def _scale(candidate: Candidate, lexemes: frozenset[str], own: WordWeights, joint: WordWeights) -> Candidate:
    """A candidate whose words have the weights of ``joint`` and no longer those of ``own``."""
    before = sum(word.weight for word in own.find(lexemes))
    after = joint.find(lexemes)
    factor = sum(word.weight for word in after) / before if before else 0.0
    return replace(candidate, words=candidate.words * factor, share=joint.measure_share(after))
