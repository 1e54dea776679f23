"""Explanations: why a search found a chunk and gave it its score."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.db.engine import Database
from app.db.search.ranking import count_chunks_with
from app.db.search.word_matches import find_lexemes
from app.domain.queries import Query
from app.domain.vectors import VectorKey
from app.services.search.search import Ranked
from app.services.search.word_weights import FoundWord, WordWeights


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the score of a chunk consists of.

    ``words`` are the words of the query that the chunk has, and ``share`` is the part of the weights of all words that
    these have. ``cosine`` is the similarity of meaning; None where it was not compared. ``words_part`` and
    ``meaning_part`` are what both contribute to the score. ``rerank_score`` is the reranker's, which replaces it; None
    without one.
    """

    words: Sequence[FoundWord]
    share: float
    cosine: float | None
    words_part: float
    meaning_part: float
    rerank_score: float | None


class Explanations:
    """Explains hits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def explain(self, query: Query, agent_ids: Sequence[int], ranked: Sequence[Ranked]) -> list[Explanation]:
        """Explain each of the hits of one search.

        Args:
            query: The query, as its words were looked for.
            agent_ids: All agents that were searched: their chunks decide how rare a word is.
            ranked: The hits.
        """
        counts: Counter[str] = Counter()
        lexemes: dict[VectorKey, frozenset[str]] = {}
        for agent_id in agent_ids:
            keys = [one.hit.key for one in ranked if one.hit.agent_id == agent_id]
            async with self._database.statement() as connection:
                counts.update(await count_chunks_with(connection, agent_id, query.lexemes))
            async with self._database.statement() as connection:
                lexemes |= await find_lexemes(connection, agent_id, keys, query.lexemes)
        weights = WordWeights(query, counts)
        return [_explain(one, weights, lexemes.get(one.hit.key, frozenset())) for one in ranked]


def _explain(ranked: Ranked, weights: WordWeights, lexemes: frozenset[str]) -> Explanation:
    return Explanation(
        weights.find(lexemes),
        ranked.candidate.share,
        ranked.candidate.meaning,
        ranked.fused.words,
        ranked.fused.meaning,
        ranked.rerank_score,
    )
