"""Search by words: through the segments of a large agent, else by the index of Postgres."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from app.db.engine import Database
from app.db.search.near_words import NearWord, Sought, find_near_words
from app.db.search.ranking import WordScore, find_by_words, list_visible, score_words
from app.db.search.word_index import WordIndex
from app.db.search.word_scores import WordMatches
from app.domain.queries import Query
from app.domain.vectors import VectorKey
from app.pipeline.words.spelling import (
    LONGEST_ENDING,
    add_beginning,
    add_near,
    count_changes,
    get_beginning,
    get_written,
)

_SURPLUS = 4
"""One in so many of the best matches may be of a removed document without another look for matches."""
_MOST_CORRECTED = 5
"""Queries with more words than this are searched as they are typed."""


@dataclass(frozen=True, slots=True)
class FoundByWords:
    """The chunks that match the words of a query best, the best first, and what scores others."""

    agent_id: int
    query: Query
    keys: Sequence[VectorKey]
    matches: WordMatches | None  # None where the agent has no segments


class WordSearch:
    """Finds and scores chunks by words."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._index = WordIndex(database)

    async def list_largest(self, count: int) -> list[int]:
        """The agents with the most chunks, at most ``count``, of those that have segments."""
        return await self._index.list_largest(count)

    async def find(
        self, agent_id: int, query: Query, *, limit: int, document_ids: Sequence[int] | None
    ) -> FoundByWords:
        """The chunks of an agent that match a query best; none for a limit of 0.

        They may be of documents that search does not find, and then there are some more: see ``list_visible``.
        They have all phrases of the query. Where no chunk has them, the query that is returned has none either.

        Args:
            agent_id: The agent.
            query: The query.
            limit: The largest number of chunks.
            document_ids: Only chunks of these documents; None: of all.
        """
        if not query.words:
            return FoundByWords(agent_id, query, [], None)
        sought = _seek(query) if limit else {}
        if query.phrases:
            widened = await self._widen(agent_id, query, sought)
            keys = await self._find_in_chunks(agent_id, widened, limit, document_ids)
            if keys:
                return FoundByWords(agent_id, widened, keys, None)
            query = replace(query, phrases=())
        words = await self._index.read(agent_id, query, list(sought.values()))
        if words is None:
            query = await self._widen(agent_id, query, sought)
            keys = await self._find_in_chunks(agent_id, query, limit, document_ids)
            return FoundByWords(agent_id, query, keys, None)
        query = _add_near(query, sought, words.near)
        if not words.has(query):  # a misspelled word
            words = await self._index.read(agent_id, query) or words
        matches = await words.match(query, document_ids)
        return FoundByWords(agent_id, query, matches.list_best(limit + limit // _SURPLUS), matches)

    async def score(self, found: FoundByWords, keys: Collection[VectorKey]) -> dict[VectorKey, WordScore]:
        """The scores of chunks by the words of the query; those that search does not find any more may be missing."""
        if found.matches is not None:
            return found.matches.score(keys)
        async with self._database.statement() as connection:
            return await score_words(connection, found.agent_id, found.query, keys)

    async def _widen(self, agent_id: int, query: Query, sought: Mapping[int, Sought]) -> Query:
        """The query with words of the agent's chunks that resemble its own: they weigh less."""
        near = await find_near_words(self._database, agent_id, list(sought.values())) if sought else []
        return _add_near(query, sought, near)

    async def _find_in_chunks(
        self, agent_id: int, query: Query, limit: int, document_ids: Sequence[int] | None
    ) -> list[VectorKey]:
        if not limit:
            return []
        async with self._database.statement() as connection:
            return await find_by_words(connection, agent_id, query, limit=limit, document_ids=document_ids)

    async def list_visible(self, found: FoundByWords, limit: int) -> Sequence[VectorKey]:
        """The best matches that search finds, at most ``limit``: more are read until there are enough of them."""
        if found.matches is None:
            return found.keys
        count = limit
        while count:
            keys = found.matches.list_best(count)
            visible = await list_visible(self._database, found.agent_id, keys)
            if len(visible) >= limit or len(keys) < count:
                return visible[:limit]
            count *= 4
        return []


def _seek(query: Query) -> dict[int, Sought]:
    """The words of the query that others may resemble, by their numbers."""
    words = {number: word for number, word in enumerate(query.words) if count_changes(word)}
    # Each misspelled word takes up to 10 ms in an agent with 200,000 lexemes, so a pasted text is not corrected.
    is_short = len(words) <= _MOST_CORRECTED
    return {
        number: Sought(
            word.lexemes, get_written(word), count_changes(word) * is_short, get_beginning(word), LONGEST_ENDING
        )
        for number, word in words.items()
    }


def _add_near(query: Query, sought: Collection[int], near: Sequence[NearWord]) -> Query:
    """The query with near words, whose numbers are those of the words that were sought."""
    widened = dict(enumerate(query.words))
    for place, number in enumerate(sought if near else ()):
        meant = [(one.lexeme, one.chunk_count) for one in near if one.number == place and not one.begins]
        begun = [one.lexeme for one in near if one.number == place and one.begins]
        widened[number] = add_beginning(add_near(widened[number], meant), begun)
    return replace(query, words=tuple(widened.values()))
