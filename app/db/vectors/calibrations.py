"""Calibrations: how words and meaning share the score of a search, measured for each agent and index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.vectors import Account, IndexState

_GROWTH = 1.5
_AGAIN_SECONDS = 3600.0
"""How long after a task was submitted another one is, if that one has measured nothing."""


@dataclass(frozen=True, slots=True)
class DueCalibration:
    """An agent whose texts are to be measured with the model of an index."""

    index_id: int
    account: Account


# The row is written when the task is submitted, so that two supervisors submit one task.
_CLAIM = text(f"""
    WITH due AS (
        SELECT i.id AS index_id, a.id AS agent_id, a.organization_id
        FROM vector_indexes i
        CROSS JOIN agents a
        JOIN lexemes n ON n.agent_id = a.id AND n.lexeme = ''
        LEFT JOIN calibrations c ON c.index_id = i.id AND c.agent_id = a.id
        WHERE i.state IN ('{IndexState.ACTIVE}', '{IndexState.BUILDING}') AND a.deleted_at IS NULL
            AND n.chunk_count >= greatest(CAST(:least AS integer), {_GROWTH} * coalesce(c.chunk_count, 0))
            AND (c.due_again_at IS NULL OR c.due_again_at < now())
        ORDER BY i.id, a.id
        LIMIT :limit
    ),
    claimed AS (
        INSERT INTO calibrations AS c (index_id, agent_id, due_again_at)
        SELECT index_id, agent_id, now() + make_interval(secs => {_AGAIN_SECONDS}) FROM due
        ON CONFLICT (index_id, agent_id) DO UPDATE SET due_again_at = excluded.due_again_at
            WHERE c.due_again_at IS NULL OR c.due_again_at < now()
        RETURNING index_id, agent_id
    )
    SELECT index_id, agent_id, organization_id FROM due JOIN claimed USING (index_id, agent_id)
    ORDER BY index_id, agent_id
""")


async def claim_due(connection: AsyncConnection, least: int, limit: int) -> list[DueCalibration]:
    """Claim calibrations of agents with ``least`` chunks or more that have none, or have grown by half since theirs."""
    rows = await connection.execute(_CLAIM, {"least": least, "limit": limit})
    return [DueCalibration(row.index_id, Account(row.organization_id, row.agent_id)) for row in rows]


# Evenly over the agent's documents and over the chunks of each; always the same while these do not change.
_SAMPLE = text("""
    WITH own AS (
        SELECT id, edition, chunk_count, count(*) OVER () AS documents
        FROM documents
        WHERE agent_id = CAST(:agent_id AS bigint) AND deleted_at IS NULL AND edition > 0 AND chunk_count > 0
        ORDER BY hashint8(id), id
        LIMIT :limit
    ),
    wanted AS (
        SELECT DISTINCT id AS document_id, edition, (number * chunk_count / of)::integer AS ordinal
        FROM own, LATERAL (SELECT ceil(CAST(:limit AS numeric) / least(documents, :limit))::bigint AS of) AS each,
            LATERAL generate_series(0, of - 1) AS number
    )
    SELECT concat_ws(E'\\n', nullif(c.context, ''), c.text) AS text
    FROM wanted JOIN chunks c USING (document_id, edition, ordinal)
    ORDER BY hashint8(c.id), c.id
    LIMIT :limit
""")


async def sample_chunks(connection: AsyncConnection, agent_id: int, limit: int) -> list[str]:
    """The texts of some of the chunks that search finds, with their contexts."""
    return list((await connection.execute(_SAMPLE, {"agent_id": agent_id, "limit": limit})).scalars())


# The index may have been dropped since the task began.
_SAVE = text("""
    INSERT INTO calibrations (index_id, agent_id, chunk_count, words, doubt)
    SELECT i.id, CAST(:agent_id AS bigint), n.chunk_count, CAST(:words AS double precision),
        CAST(:doubt AS double precision)
    FROM vector_indexes i, lexemes n
    WHERE i.id = CAST(:index_id AS bigint) AND n.agent_id = CAST(:agent_id AS bigint) AND n.lexeme = ''
    ON CONFLICT (index_id, agent_id) DO UPDATE
    SET chunk_count = excluded.chunk_count, words = excluded.words, doubt = excluded.doubt, due_again_at = NULL
""")


async def save_calibration(
    connection: AsyncConnection, index_id: int, agent_id: int, words: float, doubt: float
) -> None:
    """Record the balance that was measured for an agent and an index."""
    parameters = {"index_id": index_id, "agent_id": agent_id, "words": words, "doubt": doubt}
    await connection.execute(_SAVE, parameters)


_GET = text("""
    SELECT agent_id, words, doubt FROM calibrations
    WHERE index_id = CAST(:index_id AS bigint) AND agent_id = ANY (CAST(:agent_ids AS bigint[])) AND words IS NOT NULL
""")


async def get_calibrations(
    connection: AsyncConnection, index_id: int, agent_ids: Sequence[int]
) -> Mapping[int, tuple[float, float]]:
    """The weight of words and the doubt of those of the agents that have been measured, by agent."""
    rows = await connection.execute(_GET, {"index_id": index_id, "agent_ids": list(agent_ids)})
    return {row.agent_id: (row.words, row.doubt) for row in rows}


_REMOVE = text("DELETE FROM calibrations WHERE agent_id = CAST(:agent_id AS bigint)")


async def remove_calibrations(connection: AsyncConnection, agent_id: int) -> None:
    """Delete the calibrations of a deleted agent."""
    await connection.execute(_REMOVE, {"agent_id": agent_id})
