"""Word segments: the words of a large agent's chunks in a form that search reads with few index probes.

A segment lists, for each lexeme, the chunks that have it. It never changes: upkeep replaces small segments by larger
ones, and segments with removed chunks by ones without (docs/adr/0008-word-segments.md).
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.long_work import lift_limits

LARGE = 5_000
"""The number of chunks from which on an agent gets segments."""

MOST = 65_536
"""The largest number of chunks of a segment: a chunk's number has two bytes."""

_GROWTH = 3  # a segment at most so many times as large as what is added to it is merged with it
_SWEPT_SECONDS = 1800.0  # the longest time that a segment keeps removed chunks, until upkeep runs
_LOCK = 0x51_01D1  # an arbitrary number of an advisory lock: one process at a time builds a segment

log = structlog.get_logger()

KEY = np.dtype([("document_id", ">i8"), ("edition", ">i4"), ("ordinal", ">i4")])
"""A chunk's key in ``word_segments.keys``. Its bytes sort as the key does."""

Keys = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class _Sources:
    """What a new segment is made from."""

    keys: Keys
    unsegmented: list[int]
    segments: list[int]
    has_more: bool = False  # unsegmented chunks, for another segment


async def maintain_word_segments(database: Database, *, large: int = LARGE, swept: float = _SWEPT_SECONDS) -> int:
    """Build the segments that are due; returns how many. Does nothing while another process builds.

    Each is built in one transaction, in which its chunks move from ``unsegmented_chunks`` or from former segments to
    the new one. So at any time each chunk that is committed is in exactly one of them.

    Args:
        database: Transactions of some seconds are run on it, one after the other.
        large: The number of chunks from which on an agent gets segments.
        swept: The seconds after which a segment is searched for removed chunks again.
    """
    async with database.statement() as connection:
        deleted = list((await connection.execute(_FIND_DELETED)).scalars())
        growing = list((await connection.execute(_FIND_GROWING, {"large": large})).scalars())
        unswept = list((await connection.execute(_FIND_UNSWEPT, {"seconds": swept})).scalars())
    for agent_id in deleted:
        while await remove_segment(database, agent_id):
            pass
    built = 0
    for agent_id in growing:
        has_more = True
        while has_more:
            done, has_more = await _build_once(database, agent_id)
            built += done
    for segment_id in unswept:
        built += await _sweep(database, segment_id)
    return built


_FIND_DELETED = text("""
    SELECT DISTINCT s.agent_id FROM word_segments AS s JOIN agents AS a ON a.id = s.agent_id
    WHERE a.deleted_at IS NOT NULL
""")

# One that upkeep is replacing is skipped. Its replacement is removed later.
_REMOVE_SEGMENT = text("""
    WITH gone AS (
        DELETE FROM word_segments WHERE id = (
            SELECT id FROM word_segments WHERE agent_id = CAST(:agent_id AS bigint) LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id
    ),
    emptied AS (DELETE FROM word_postings AS p USING gone WHERE p.segment_id = gone.id)
    SELECT count(*) FROM gone
""")


async def remove_segment(database: Database, agent_id: int) -> bool:
    """Delete one segment of a deleted agent with its words; False if there is none."""
    async with database.statement() as connection:
        return bool((await connection.execute(_REMOVE_SEGMENT, {"agent_id": agent_id})).scalar_one())


_FIND_GROWING = text("""
    SELECT a.id FROM agents AS a JOIN lexemes AS l ON l.agent_id = a.id AND l.lexeme = ''
    WHERE a.deleted_at IS NULL AND EXISTS (SELECT FROM unsegmented_chunks AS u WHERE u.agent_id = a.id)
        AND (l.chunk_count >= CAST(:large AS integer)
            OR EXISTS (SELECT FROM word_segments AS s WHERE s.agent_id = a.id))
""")

_FIND_UNSWEPT = text("""
    SELECT id FROM word_segments WHERE swept_at < now() - make_interval(secs => :seconds) ORDER BY swept_at
""")

_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(:lock)")


async def _start(connection: AsyncConnection) -> bool:
    """Prepare a transaction that builds; returns whether it may."""
    await lift_limits(connection, locally=True)
    return bool((await connection.execute(_TRY_LOCK, {"lock": _LOCK})).scalar_one())


async def _build_once(database: Database, agent_id: int) -> tuple[bool, bool]:
    """Move chunks of an agent that are in no segment to a new one.

    Returns:
        Whether there were any, and whether there were more than a segment may have. Chunks that are added during the
        build wait for the next run of upkeep: an agent to which documents are added all the time would keep upkeep
        from all others.
    """
    async with database.transaction() as connection:
        if not await _start(connection):
            return False, False
        sources = await _choose(connection, agent_id)
        if sources is None:
            return False, False
        await _build(connection, agent_id, sources)
    return True, sources.has_more


# Rows with so many chunks as a segment may have, and one more row where there are more.
_LIST_UNSEGMENTED = text("""
    SELECT id, document_id, edition, ordinals FROM (
        SELECT *, sum(cardinality(ordinals)) OVER (ORDER BY id) - cardinality(ordinals) AS before
        FROM (
            SELECT * FROM unsegmented_chunks WHERE agent_id = CAST(:agent_id AS bigint) ORDER BY id LIMIT 20001
        ) AS oldest
    ) AS counted
    WHERE before <= CAST(:most AS integer) ORDER BY id
""")

_LIST_SEGMENTS = text("""
    SELECT id, chunk_count FROM word_segments WHERE agent_id = CAST(:agent_id AS bigint) ORDER BY chunk_count, id
""")

_LOAD_KEYS = text("SELECT id, agent_id, keys FROM word_segments WHERE id = ANY (CAST(:ids AS bigint[]))")


async def _choose(connection: AsyncConnection, agent_id: int) -> _Sources | None:
    """Choose chunks that are in no segment, and the segments to merge with them; None when there are none."""
    listed = (await connection.execute(_LIST_UNSEGMENTED, {"agent_id": agent_id, "most": MOST})).all()
    ends = np.cumsum([len(row.ordinals) for row in listed])
    rows = listed[: max(1, int(np.searchsorted(ends, MOST, side="right")))]
    if not rows:
        return None
    total, merged = int(ends[len(rows) - 1]), list[int]()
    for segment in await connection.execute(_LIST_SEGMENTS, {"agent_id": agent_id}):
        if segment.chunk_count <= _GROWTH * total and total + segment.chunk_count <= MOST:
            merged.append(segment.id)
            total += segment.chunk_count
    keys = [(row.document_id, row.edition, ordinal) for row in rows for ordinal in row.ordinals]
    former = (await connection.execute(_LOAD_KEYS, {"ids": merged})).all()
    parts = [np.array(keys, KEY), *(np.frombuffer(segment.keys, KEY) for segment in former)]
    return _Sources(np.concatenate(parts, dtype=KEY), [row.id for row in rows], merged, len(listed) > len(rows))


_GIVEN = """
    unnest(CAST(:document_ids AS bigint[]), CAST(:editions AS integer[]), CAST(:ordinals AS integer[]))
        WITH ORDINALITY AS given (document_id, edition, ordinal, place)
"""

# Of the given chunks, those that exist.
_READ_EXISTING = text(f"""
    SELECT string_agg(int8send(c.document_id) || int4send(c.edition) || int4send(c.ordinal), '' ORDER BY place) AS keys,
        string_agg(int4send(CAST(measured.length AS integer)), '' ORDER BY place) AS lengths
    FROM {_GIVEN} JOIN chunks AS c USING (document_id, edition, ordinal),
        LATERAL (
            SELECT coalesce(sum(greatest(cardinality(positions), 1)), 0) AS length FROM unnest(c.tsv)
        ) AS measured
""")

_ADD_SEGMENT = text("""
    INSERT INTO word_segments (agent_id, chunk_count, keys, lengths)
    VALUES (CAST(:agent_id AS bigint), CAST(:count AS integer), :keys, :lengths) RETURNING id
""")

# The lower three bytes of an integer: the chunk's number and the number of occurrences.
_ADD_POSTINGS = text(f"""
    INSERT INTO word_postings (segment_id, lexeme, postings)
    SELECT CAST(:segment_id AS bigint), word.lexeme, string_agg(substring(int4send(CAST(
        (place - 1) * 256 + least(greatest(cardinality(word.positions), 1), 255) AS integer)) FROM 2), '')
    FROM {_GIVEN} JOIN chunks AS c USING (document_id, edition, ordinal), unnest(c.tsv) AS word
    GROUP BY word.lexeme
""")

_DELETE_SEGMENTS = text("""
    WITH replaced AS (DELETE FROM word_segments WHERE id = ANY (CAST(:ids AS bigint[])) RETURNING id)
    DELETE FROM word_postings AS p USING replaced WHERE p.segment_id = replaced.id
""")

_DELETE_UNSEGMENTED = text("DELETE FROM unsegmented_chunks WHERE id = ANY (CAST(:ids AS bigint[]))")


async def _build(connection: AsyncConnection, agent_id: int, sources: _Sources) -> None:
    """Replace the sources by one segment of their chunks that exist, or by none when no chunk exists."""
    began = time.monotonic()
    chosen = np.unique(sources.keys.view("S16")).view(KEY) if len(sources.keys) else sources.keys
    existing = (await connection.execute(_READ_EXISTING, _write_keys(chosen))).one()
    count = len(existing.keys or b"") // KEY.itemsize
    if count:
        values = {"agent_id": agent_id, "count": count, "keys": existing.keys, "lengths": existing.lengths}
        segment_id = (await connection.execute(_ADD_SEGMENT, values)).scalar_one()
        keys = _write_keys(np.frombuffer(existing.keys, KEY))
        await connection.execute(_ADD_POSTINGS, {"segment_id": segment_id, **keys})
    await connection.execute(_DELETE_SEGMENTS, {"ids": sources.segments})
    await connection.execute(_DELETE_UNSEGMENTED, {"ids": sources.unsegmented})
    log.info(
        "word_segment_built",
        agent_id=agent_id,
        chunks=count,
        removed=len(sources.keys) - count,
        merged=len(sources.segments),
        seconds=round(time.monotonic() - began, 1),
    )


def _write_keys(keys: Keys) -> dict[str, Any]:
    """The parameters of ``_GIVEN``."""
    return {
        "document_ids": keys["document_id"].tolist(),
        "editions": keys["edition"].tolist(),
        "ordinals": keys["ordinal"].tolist(),
    }


# Chunks of one edition are removed together, or within seconds.
_HAS_REMOVED = text("""
    SELECT EXISTS (
        SELECT FROM unnest(CAST(:document_ids AS bigint[]), CAST(:editions AS integer[]))
            AS given (document_id, edition)
        WHERE NOT EXISTS (
            SELECT FROM chunks AS c WHERE c.document_id = given.document_id AND c.edition = given.edition))
""")

_MARK_SWEPT = text("UPDATE word_segments SET swept_at = now() WHERE id = CAST(:id AS bigint)")


async def _sweep(database: Database, segment_id: int) -> bool:
    """Build a segment again if it has removed chunks; returns whether it was."""
    async with database.transaction() as connection:
        if not await _start(connection):
            return False
        segment = (await connection.execute(_LOAD_KEYS, {"ids": [segment_id]})).one_or_none()
        if segment is None:
            return False
        keys = np.frombuffer(segment.keys, KEY)
        editions = np.unique(keys[["document_id", "edition"]])
        parameters = {"document_ids": editions["document_id"].tolist(), "editions": editions["edition"].tolist()}
        if not (await connection.execute(_HAS_REMOVED, parameters)).scalar_one():
            await connection.execute(_MARK_SWEPT, {"id": segment_id})
            return False
        await _build(connection, segment.agent_id, _Sources(keys, [], [segment_id]))
    return True
