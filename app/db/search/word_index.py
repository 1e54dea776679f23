"""Search by words in an agent's word segments (docs/adr/0008-word-segments.md)."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy import text

from app.db.engine import Database
from app.db.search.near_words import NEAR, NearWord, Sought, write_sought
from app.db.search.ranking import MATCHES, write_words
from app.db.search.word_scores import Chunks, Form, Numbers, ScoredChunks, WordMatches
from app.db.search.word_segments import KEY
from app.db.statements import Statement
from app.domain.queries import Query

_REFRESH_SECONDS = 30.0
_CACHED_CHUNKS = 2_000_000  # in memory, 40 bytes each
_INLINE_STEPS = 5_000_000
"""Chunks of the agent times forms of words of the query that are scored within some 15 ms."""
_UNSEGMENTED_STEPS = 100
"""The steps of a chunk that is in no segment."""

Postings = dict[str, tuple[Numbers, Numbers]]
"""By lexeme, the places of the chunks that have it, and how often each has it."""

_LIST_AGENTS = text("SELECT agent_id FROM word_segments GROUP BY agent_id ORDER BY sum(chunk_count) DESC, agent_id")

# One statement, so that all parts see the same state: a chunk is either in a segment or recorded as in none. The rows
# of a kind leave the columns of the others empty. The keys of segments that the process has in memory are not read.
_READ = Statement(f"""
    WITH {NEAR},
    asked AS MATERIALIZED (
        SELECT array_agg(DISTINCT lexeme) AS lexemes
        FROM (SELECT unnest(CAST(:lexemes AS text[])) UNION ALL SELECT lexeme FROM near WHERE begins) AS each (lexeme)
    )
    SELECT 'count' AS kind, CAST(NULL AS bigint) AS segment_id, lexeme, chunk_count AS number,
        CAST(NULL AS bytea) AS content, CAST(NULL AS bytea) AS lengths,
        CAST(NULL AS text[]) AS lexemes, CAST(NULL AS integer[]) AS counts, CAST(NULL AS boolean) AS begins
    FROM lexemes WHERE agent_id = CAST(:agent_id AS bigint) AND lexeme = ANY ((SELECT lexemes FROM asked)::text[])
    UNION ALL
    SELECT 'near', number, lexeme, chunk_count, NULL, NULL, NULL, NULL, begins FROM near
    UNION ALL
    SELECT 'segment', id, NULL, chunk_count, CASE WHEN id <> ALL (CAST(:known AS bigint[])) THEN keys END,
        CASE WHEN id <> ALL (CAST(:known AS bigint[])) THEN s.lengths END, NULL, NULL, NULL
    FROM word_segments AS s WHERE agent_id = CAST(:agent_id AS bigint)
    UNION ALL
    SELECT 'postings', s.id, p.lexeme, NULL, p.postings, NULL, NULL, NULL, NULL
    FROM word_segments AS s JOIN word_postings AS p ON p.segment_id = s.id
    WHERE s.agent_id = CAST(:agent_id AS bigint) AND p.lexeme = ANY ((SELECT lexemes FROM asked)::text[])
    UNION ALL
    SELECT 'chunk', NULL, NULL, words.length,
        int8send(c.document_id) || int4send(c.edition) || int4send(c.ordinal), NULL, words.lexemes, words.counts, NULL
    FROM unsegmented_chunks AS u CROSS JOIN unnest(u.ordinals) AS given (ordinal)
        JOIN chunks AS c ON c.document_id = u.document_id AND c.edition = u.edition AND c.ordinal = given.ordinal,
        LATERAL (
            SELECT sum(occurrences) AS length,
                array_agg(lexeme) FILTER (WHERE lexeme = ANY (asked.lexemes)) AS lexemes,
                array_agg(least(occurrences, 255)) FILTER (WHERE lexeme = ANY (asked.lexemes)) AS counts
            FROM asked, (SELECT lexeme, greatest(cardinality(positions), 1) AS occurrences FROM unnest(c.tsv)) AS each
        ) AS words
    WHERE u.agent_id = CAST(:agent_id AS bigint) AND c.tsv @@ (
        SELECT string_agg('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''', ' | ')::tsquery
        FROM asked, unnest(asked.lexemes) AS lexeme WHERE lexeme <> '')
""")


class WordIndex:
    """Matches queries with the words of agents that have segments.

    Keeps the keys of segments in memory: a segment never changes. Which agents have segments is known as it was at most
    half a minute ago; for the others, ``app.db.search.ranking`` gives the same result.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._agents: dict[int, None] = {}  # the largest first
        self._refresh_at = 0.0
        self._chunks: OrderedDict[int, tuple[int, Chunks]] = OrderedDict()  # by segment, with the agent; last used last

    async def match(
        self, agent_id: int, query: Query, *, document_ids: Sequence[int] | None = None
    ) -> WordMatches | None:
        """Match an agent's chunks with a query; None when the agent has no segments.

        Args:
            agent_id: The agent.
            query: The query.
            document_ids: Propose only chunks of these documents; None: of all.
        """
        words = await self.read(agent_id, query)
        return await words.match(query, document_ids) if words else None

    async def read(self, agent_id: int, query: Query, sought: Sequence[Sought] = ()) -> "AgentWords | None":
        """Read what an agent's chunks have of a query's words; None when the agent has no segments.

        Args:
            agent_id: The agent.
            query: The query.
            sought: Words for which near ones are listed; those with the same beginning are read, too.
        """
        if not await self._has_segments(agent_id):
            return None
        # Another search of this process may forget segments while this one reads.
        known = {segment_id: chunks for segment_id, (owner, chunks) in self._chunks.items() if owner == agent_id}
        lexemes = ["", *dict.fromkeys(write_words(query)["lexemes"])]
        parameters = {"agent_id": agent_id, "lexemes": lexemes, "known": list(known), **write_sought(sought)}
        by_kind: dict[str, list[Any]] = {"count": [], "near": [], "segment": [], "postings": [], "chunk": []}
        for row in await self._database.fetch(_READ, parameters):
            by_kind[row["kind"]].append(row)
        if not by_kind["segment"]:
            return None
        near = [NearWord(row["segment_id"], row["lexeme"], row["number"], row["begins"]) for row in by_kind["near"]]
        return AgentWords(
            {*lexemes, *(one.lexeme for one in near if one.begins)},
            {row["lexeme"]: row["number"] for row in by_kind["count"]},
            self._read_segments(agent_id, by_kind, known),
            by_kind["chunk"],
            near,
        )

    async def list_largest(self, count: int) -> list[int]:
        """The agents with the most chunks, at most ``count``, of those that have segments."""
        await self._refresh()
        return list(self._agents)[:count]

    async def _has_segments(self, agent_id: int) -> bool:
        await self._refresh()
        return agent_id in self._agents

    async def _refresh(self) -> None:
        if time.monotonic() >= self._refresh_at:
            self._refresh_at = time.monotonic() + _REFRESH_SECONDS
            async with self._database.statement() as connection:
                self._agents = dict.fromkeys((await connection.execute(_LIST_AGENTS)).scalars())

    def _read_segments(
        self, agent_id: int, rows: Mapping[str, Sequence[Any]], known: Mapping[int, Chunks]
    ) -> list[tuple[Chunks, Postings]]:
        """The chunks of every segment, which stay in memory, with the postings of the words of the query."""
        postings: dict[int, Postings] = {row["segment_id"]: {} for row in rows["segment"]}
        for row in rows["postings"]:
            postings[row["segment_id"]][row["lexeme"]] = _read_postings(row["content"])
        parts = []
        for row in rows["segment"]:
            chunks = known.get(row["segment_id"])
            if chunks is None:
                chunks = Chunks(np.frombuffer(row["content"], KEY), np.frombuffer(row["lengths"], ">i4"))
            self._chunks[row["segment_id"]] = agent_id, chunks
            self._chunks.move_to_end(row["segment_id"])
            parts.append((chunks, postings[row["segment_id"]]))
        self._forget(agent_id, postings)
        return parts

    def _forget(self, agent_id: int, segment_ids: Mapping[int, object]) -> None:
        """Forget segments that do not exist any more, and the longest unused ones beyond the limit."""
        gone = [
            number for number, (owner, _) in self._chunks.items() if owner == agent_id and number not in segment_ids
        ]
        for number in gone:
            del self._chunks[number]
        while sum(len(chunks.keys) for _, chunks in self._chunks.values()) > _CACHED_CHUNKS and len(self._chunks) > 1:
            self._chunks.popitem(last=False)


@dataclass(frozen=True, slots=True)
class AgentWords:
    """What an agent's chunks have of the words of a query.

    Attributes:
        lexemes: Those that were looked for.
        counts: The number of chunks with each lexeme that any has.
        parts: The chunks of each segment, with the postings of the lexemes.
        unsegmented: The rows of chunks that are in no segment.
        near: The words that resemble those for which such were sought.
    """

    lexemes: AbstractSet[str]
    counts: Mapping[str, int]
    parts: Sequence[tuple[Chunks, Postings]]
    unsegmented: Sequence[Any]
    near: Sequence[NearWord]

    def has(self, query: Query) -> bool:
        """Whether the words of the query are among those that were looked for."""
        return self.lexemes >= set(query.lexemes)

    async def match(self, query: Query, document_ids: Sequence[int] | None) -> WordMatches:
        """Score the chunks; arguments as for ``WordIndex.match``."""
        forms, total = _weigh(write_words(query), self.counts)
        # A long query in a large agent would hold up the other requests of this process.
        count = sum(len(chunks.keys) for chunks, _ in self.parts) + _UNSEGMENTED_STEPS * len(self.unsegmented)
        is_long = len(forms) * count > _INLINE_STEPS
        score = partial(_score_all, self.parts, self.unsegmented, forms)
        scored = await asyncio.to_thread(score) if is_long else score()
        for segment in scored if document_ids is not None else ():
            segment.keep(document_ids or ())
        return WordMatches(scored, total)


def _score_all(
    parts: Sequence[tuple[Chunks, Postings]], unsegmented: Sequence[Any], forms: Sequence[Form]
) -> list[ScoredChunks]:
    """Score the chunks of segments, and those that are in none."""
    scored = [ScoredChunks(chunks, postings, forms) for chunks, postings in parts]
    return [*scored, _score_unsegmented(unsegmented, forms)] if unsegmented else scored


def _weigh(asked: Mapping[str, Any], counts: Mapping[str, int]) -> tuple[list[Form], float]:
    """The forms that the agent's chunks have, and the rarity of a chunk with all words (``_ASKED`` in ranking)."""
    total = counts.get("", 0)

    def weigh(factor: float, count: int) -> float:
        return factor * math.log(1 + (total - count + 0.5) / (count + 0.5))

    given = list(zip(asked["lexemes"], asked["numbers"], asked["weights"], strict=True))
    best: dict[int, float] = {}
    for lexeme, number, factor in given:
        if counts.get(lexeme, 0) > 0:
            best[number] = max(factor, best.get(number, factor))
    known = sorted(
        (factor < best[number], counts[lexeme], lexeme) for lexeme, number, factor in given if counts.get(lexeme, 0) > 0
    )
    choosing, seen = set[str](), 0
    for _, count, lexeme in known:
        seen += count
        if seen <= MATCHES or not choosing:
            choosing.add(lexeme)
    forms = [
        Form(lexeme, number, weigh(factor, counts[lexeme]), lexeme in choosing)
        for lexeme, number, factor in given
        if counts.get(lexeme, 0) > 0
    ]
    rarities: dict[int, float] = {}
    for form in forms:
        rarities[form.word] = max(form.weight, rarities.get(form.word, 0.0))
    unknown = {number: 0.0 for _, number, _ in given if number not in rarities}
    for _, number, factor in given:
        if number in unknown:
            unknown[number] = max(unknown[number], weigh(factor, 0))
    return forms, sum(rarities.values()) + sum(unknown.values())


def _read_postings(content: bytes) -> tuple[Numbers, Numbers]:
    """The places of the chunks that have a lexeme, and how often each has it: three bytes a chunk."""
    numbers = np.frombuffer(content, np.uint8).reshape(-1, 3)
    return (numbers[:, 0].astype(np.uint16) << 8) | numbers[:, 1], numbers[:, 2]


def _score_unsegmented(rows: Sequence[Any], forms: Sequence[Form]) -> ScoredChunks:
    """Score chunks that are in no segment, as a segment of their own."""
    rows = sorted(rows, key=lambda row: row["content"])
    chunks = Chunks(
        np.frombuffer(b"".join(row["content"] for row in rows), KEY), np.array([row["number"] for row in rows])
    )
    postings: dict[str, list[tuple[int, int]]] = {}
    for place, row in enumerate(rows):
        for lexeme, count in zip(row["lexemes"], row["counts"], strict=True):
            postings.setdefault(lexeme, []).append((place, count))
    return ScoredChunks(chunks, {lexeme: tuple(np.array(pairs).T) for lexeme, pairs in postings.items()}, forms)
