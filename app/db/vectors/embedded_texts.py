"""Vectors that providers were paid for, by the hash of their text, and which texts are being embedded now.

Nothing here commits. Each statement locks its rows in the order of their hashes, or skips locked rows, so that no two
of them deadlock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.vectors import Vector, pack_vector, unpack_vector


@dataclass(frozen=True, slots=True)
class Found:
    """The stored vectors of some texts, by hash, and the texts that another process is embedding at this moment."""

    vectors: dict[bytes, Vector]
    held: set[bytes]


_FIND = text("""
    SELECT hash, vector, used_at < now() - interval '1 day' AS unused,
        vector IS NULL AND held_until >= clock_timestamp() AS held
    FROM embedded_texts WHERE model = :model AND hash = ANY (CAST(:hashes AS bytea[]))
""")

_USE = text("""
    UPDATE embedded_texts SET used_at = now() WHERE model = :model AND hash = ANY (ARRAY(
        SELECT hash FROM embedded_texts WHERE model = :model AND hash = ANY (CAST(:hashes AS bytea[]))
        FOR NO KEY UPDATE SKIP LOCKED))
""")


async def find_vectors(connection: AsyncConnection, model: str, hashes: Sequence[bytes]) -> Found:
    """Find the stored vectors of some texts. That a vector was used is recorded once a day."""
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
    """Claim the embedding of these texts for ``seconds``, or for as long as the claim is renewed.

    Returns the texts that were claimed: those without a vector that no other process has claimed.
    """
    parameters = {"model": model, "hashes": list(hashes), "holder": holder, "seconds": seconds}
    return {bytes(held) for held in (await connection.execute(_HOLD, parameters)).scalars()}


# In the order of hashes, like _HOLD and _KEEP, so that two of them wait for each other and do not deadlock.
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
    """Extend the claims of ``holder`` on these texts by ``seconds`` from now."""
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
    """Release the claims on texts that got no vector."""
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
    """Store vectors, by the hash of their text. A vector that is stored already stays."""
    parameters = {"model": model, "hashes": list(vectors), "vectors": [pack_vector(v) for v in vectors.values()]}
    await connection.execute(_KEEP, parameters)


# Materialized: a joined subquery may run more than once, and then choose more rows than the limit.
_FORGET = text("""
    WITH chosen AS MATERIALIZED (
        SELECT model, hash FROM embedded_texts
        WHERE used_at < now() - make_interval(days => :days) AND (vector IS NOT NULL OR held_until < now())
        ORDER BY used_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    DELETE FROM embedded_texts AS e USING chosen WHERE e.model = chosen.model AND e.hash = chosen.hash
""")


async def delete_unused_vectors(connection: AsyncConnection, days: int, limit: int) -> int:
    """Delete vectors that were not used for ``days``, at most ``limit``; returns how many."""
    return (await connection.execute(_FORGET, {"days": days, "limit": limit})).rowcount
