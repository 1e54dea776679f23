"""The words of an agent that resemble a word of a query: with the same beginning, or with nearly the same letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.db.engine import Database
from app.db.statements import Statement

_MOST_NEAR, _MOST_BEGINNING = 200, 5
_SHORTEST_CORE = 4


@dataclass(frozen=True, slots=True)
class Sought:
    """A word of a query.

    ``forms`` are the lexemes under which the index may have it, ``written`` is the word to which others are compared,
    without up to ``ending`` letters. ``most`` is the number of letters in which they may differ, ``beginning`` is what
    other words may begin with; 0 and empty where such words are not wanted.
    """

    forms: Sequence[str]
    written: str
    most: int
    beginning: str = ""
    ending: int = 0


@dataclass(frozen=True, slots=True)
class NearWord:
    """A lexeme that resembles a word, which is given by its number, and how many chunks have it.

    ``begins`` says that it has the word's beginning; otherwise it has nearly the word's letters.
    """

    number: int
    lexeme: str
    chunk_count: int
    begins: bool


# No further index is needed: few words begin with the same letter and have nearly the same length and letters.
# In every collation U+9FFF follows the letters of an alphabet.
NEAR = """
    forms AS (
        SELECT * FROM unnest(CAST(:form_numbers AS integer[]), CAST(:forms AS text[])) AS form (number, lexeme)
    ),
    -- The words that no chunk has in any form.
    unknown AS (
        SELECT f.number FROM forms AS f
        LEFT JOIN lexemes AS l
            ON l.agent_id = CAST(:agent_id AS bigint) AND l.lexeme = f.lexeme AND l.chunk_count > 0
        GROUP BY f.number HAVING count(l.lexeme) = 0
    ),
    sought AS (
        SELECT *, left(written, 1) AS letter, length(core) - most AS shortest, length(written) + most AS longest
        FROM unnest(CAST(:numbers AS integer[]), CAST(:written AS text[]), CAST(:cores AS text[]),
            CAST(:most AS integer[]), CAST(:beginnings AS text[])) AS sought (number, written, core, most, beginning)
    ),
    near AS MATERIALIZED (
        SELECT s.number, near.lexeme, near.chunk_count, true AS begins
        FROM sought AS s, LATERAL (
            SELECT lexeme, chunk_count FROM lexemes AS l
            WHERE l.agent_id = CAST(:agent_id AS bigint) AND l.lexeme >= s.beginning
                AND l.lexeme < s.beginning || chr(40959) AND l.chunk_count > 0
                AND NOT EXISTS (SELECT FROM forms AS f WHERE f.number = s.number AND f.lexeme = l.lexeme)
            ORDER BY l.chunk_count DESC, l.lexeme LIMIT :most_beginning
        ) AS near
        -- An equality, since Postgres expects few rows of one. If it expected many words, it would not keep a plan, and
        -- planning takes longer than the rest.
        WHERE CAST(s.beginning <> '' AS integer) = 1
        UNION ALL
        SELECT s.number, near.lexeme, near.chunk_count, false
        FROM sought AS s JOIN unknown USING (number), LATERAL (
            SELECT lexeme, chunk_count FROM lexemes AS l
            WHERE l.agent_id = CAST(:agent_id AS bigint) AND l.lexeme >= s.letter AND l.lexeme < s.letter || chr(40959)
                AND length(l.lexeme) >= s.shortest AND length(l.lexeme) <= s.longest
                AND length(translate(l.lexeme, s.written, '')) <= s.most
                AND length(translate(s.core, l.lexeme, '')) <= s.most
                AND l.chunk_count > 0
            ORDER BY l.chunk_count DESC, l.lexeme LIMIT :most_near
        ) AS near
        WHERE CAST(s.most > 0 AS integer) = 1
    )
"""
"""Common table expressions: ``near`` has the columns of ``NearWord``, for the words of ``write_sought``."""

_FIND = Statement(f"WITH {NEAR} SELECT number, lexeme, chunk_count, begins FROM near")


async def find_near_words(database: Database, agent_id: int, words: Sequence[Sought]) -> list[NearWord]:
    """Find the lexemes that begin as a word does, and those with nearly the letters of a word that no chunk has.

    In any order.
    """
    return [NearWord(*row) for row in await database.fetch(_FIND, {"agent_id": agent_id, **write_sought(words)})]


def write_sought(words: Sequence[Sought]) -> dict[str, Any]:
    """The parameters of ``NEAR``, except for the agent."""
    forms = [(number, form) for number, word in enumerate(words) for form in word.forms]
    return {
        "form_numbers": [number for number, _ in forms],
        "forms": [form for _, form in forms],
        "numbers": list(range(len(words))),
        "written": [word.written for word in words],
        "cores": [word.written[: max(_SHORTEST_CORE, len(word.written) - word.ending)] for word in words],
        "most": [word.most for word in words],
        "beginnings": [word.beginning for word in words],
        "most_near": _MOST_NEAR,
        "most_beginning": _MOST_BEGINNING,
    }
