"""The words of an agent that are spelled like a word of a query that the agent's chunks lack."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_MOST = 200


@dataclass(frozen=True, slots=True)
class Sought:
    """A word that may be misspelled.

    ``forms`` are the lexemes under which the index may have it, ``stem`` the one to which others are compared, and
    ``most`` the number of letters in which they may differ.
    """

    forms: Sequence[str]
    stem: str
    most: int


@dataclass(frozen=True, slots=True)
class NearWord:
    """A lexeme that has nearly the letters of a word, which is given by its number, and how many chunks have it."""

    number: int
    lexeme: str
    chunk_count: int


# No further index is needed: few words begin with the same letter and have nearly the same length and letters.
# In every collation U+9FFF follows the letters of an alphabet.
_FIND = text("""
    WITH forms AS (
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
        SELECT * FROM unnest(CAST(:numbers AS integer[]), CAST(:stems AS text[]), CAST(:most AS integer[]))
            AS sought (number, stem, most)
    )
    SELECT s.number, near.lexeme, near.chunk_count
    FROM sought AS s JOIN unknown USING (number), LATERAL (
        SELECT lexeme, chunk_count FROM lexemes AS l, unnest(ARRAY[left(s.stem, 1), substr(s.stem, 2, 1)]) AS letter
        WHERE l.agent_id = CAST(:agent_id AS bigint) AND l.lexeme >= letter AND l.lexeme < letter || chr(40959)
            AND length(l.lexeme) BETWEEN length(s.stem) - s.most AND length(s.stem) + s.most
            AND length(translate(l.lexeme, s.stem, '')) <= s.most
            AND length(translate(s.stem, l.lexeme, '')) <= s.most
            AND l.chunk_count > 0
        ORDER BY l.chunk_count DESC, l.lexeme LIMIT :limit
    ) AS near
""")


async def find_near_words(connection: AsyncConnection, agent_id: int, words: Sequence[Sought]) -> list[NearWord]:
    """Find the lexemes that have nearly the letters of those words that no chunk of the agent has, in any order."""
    forms = [(number, form) for number, word in enumerate(words) for form in word.forms]
    parameters = {
        "agent_id": agent_id,
        "form_numbers": [number for number, _ in forms],
        "forms": [form for _, form in forms],
        "numbers": list(range(len(words))),
        "stems": [word.stem for word in words],
        "most": [word.most for word in words],
        "limit": _MOST,
    }
    return [NearWord(*row) for row in await connection.execute(_FIND, parameters)]
