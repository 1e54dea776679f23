"""Vectors that providers were paid for, by what they are of, and who is asking for which. Nothing here commits.

Each statement that touches several rows takes them in the order of their hashes, or leaves out those that are taken: no
two of them ever wait for each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.vectors import Vector, pack_vector, unpack_vector


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of some texts, by their hashes: the vectors, and those that somebody asks for at this moment."""

    vectors: dict[bytes, Vector]
    held: set[bytes]


_FIND = text("""
    SELECT hash, vector, used_at < now() - interval '1 day' AS unused,
        vector IS NULL AND held_until >= clock_timestamp() AS held
    FROM embedded_texts WHERE model = :model AND hash = ANY (CAST(:hashes AS bytea[]))
""")

_USE = text("""
    UPDATE embedded_texts SET used_at = now() WHERE model = :model AND hash IN (
        SELECT hash FROM embedded_texts WHERE model = :model AND hash = ANY (CAST(:hashes AS bytea[]))
        FOR NO KEY UPDATE SKIP LOCKED)
""")


async def find_vectors(connection: AsyncConnection, model: str, hashes: Sequence[bytes]) -> Found:
    """What is known of some texts. That a vector was used is noted once a day."""
    rows = (await connection.execute(_FIND, {"model": model, "hashes": list(hashes)})).all()
    known = [row for row in rows if row.vector is not None]
    if unused := [row.hash for row in known if row.unused]:
        await connection.execute(_USE, {"model": model, "hashes": unused})
    return Found(
        {bytes(row.hash): unpack_vector(bytes(row.vector)) for row in known},
        {bytes(row.hash) for row in rows if row.held},
    )


_UNTIL = "clock_timestamp() + make_interval(secs => CAST(:seconds AS double precision))"

_HOLD = text(f"""
    INSERT INTO embedded_texts AS e (model, hash, holder, held_until)
    SELECT :model, given.hash, CAST(:holder AS uuid), {_UNTIL}
    FROM unnest(CAST(:hashes AS bytea[])) AS given (hash) ORDER BY given.hash
    ON CONFLICT (model, hash) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
    WHERE e.vector IS NULL AND e.held_until < clock_timestamp()
    RETURNING hash
""")


async def claim_texts(
    connection: AsyncConnection, model: str, hashes: Sequence[bytes], holder: UUID, seconds: float
) -> set[bytes]:
    """Become the one that asks for these texts; returns those for which nobody else does, and that are not known.

    So it stays for that many seconds, or as long as it is renewed.
    """
    parameters = {"model": model, "hashes": list(hashes), "holder": holder, "seconds": seconds}
    return {bytes(held) for held in (await connection.execute(_HOLD, parameters)).scalars()}


# In one order, as whoever keeps or holds texts does, so that two wait for each other and never deadlock.
_RENEW = text("""
    UPDATE embedded_texts SET held_until = clock_timestamp() + make_interval(secs => :seconds)
    WHERE (model, hash) IN (
        SELECT model, hash FROM embedded_texts
        WHERE model = :model AND hash = ANY (CAST(:hashes AS bytea[])) AND holder = CAST(:holder AS uuid)
        ORDER BY hash
        FOR UPDATE)
""")


async def renew_claims(
    connection: AsyncConnection, model: str, hashes: Sequence[bytes], holder: UUID, seconds: float
) -> None:
    """Go on being the one that asks for these texts."""
    parameters = {"model": model, "hashes": list(hashes), "holder": holder, "seconds": seconds}
    await connection.execute(_RENEW, parameters)


_HELD = """
    SELECT hash FROM embedded_texts
    WHERE model = :model AND hash = ANY (CAST(:hashes AS bytea[])) AND holder = CAST(:holder AS uuid)
    ORDER BY hash FOR UPDATE
"""

_RELEASE = text(f"""
    WITH held AS MATERIALIZED ({_HELD})
    DELETE FROM embedded_texts AS e USING held WHERE e.model = :model AND e.hash = held.hash AND e.vector IS NULL
""")


async def release_claims(connection: AsyncConnection, model: str, hashes: Sequence[bytes], holder: UUID) -> None:
    """Let others ask for texts whose vectors did not come."""
    await connection.execute(_RELEASE, {"model": model, "hashes": list(hashes), "holder": holder})


_KEEP = text("""
    INSERT INTO embedded_texts AS e (model, hash, vector)
    SELECT :model, given.hash, given.vector
    FROM unnest(CAST(:hashes AS bytea[]), CAST(:vectors AS bytea[])) AS given (hash, vector) ORDER BY given.hash
    ON CONFLICT (model, hash) DO UPDATE
    SET vector = excluded.vector, holder = NULL, held_until = NULL, used_at = now()
    WHERE e.vector IS NULL
""")


async def save_vectors(connection: AsyncConnection, model: str, vectors: Mapping[bytes, Vector]) -> None:
    """Keep vectors, by the hash of their text."""
    parameters = {"model": model, "hashes": list(vectors), "vectors": [pack_vector(v) for v in vectors.values()]}
    await connection.execute(_KEEP, parameters)


_FORGET = text("""
    DELETE FROM embedded_texts WHERE (model, hash) IN (
        SELECT model, hash FROM embedded_texts
        WHERE used_at < now() - make_interval(days => :days) AND (vector IS NOT NULL OR held_until < now())
        ORDER BY used_at LIMIT :limit FOR UPDATE SKIP LOCKED)
""")


async def delete_unused_vectors(connection: AsyncConnection, days: int, limit: int) -> int:
    """Forget vectors that nobody has used for so many days, at most ``limit``; returns how many."""
    return (await connection.execute(_FORGET, {"days": days, "limit": limit})).rowcount
