"""The circuits of providers, for all processes. Nothing here commits; time is the database's."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class ProviderState:
    """How a provider stands.

    ``failures`` came one after the other. ``down_since`` is None while it is asked; before ``ask_at`` nobody asks,
    which ``wait`` puts in seconds.
    """

    name: str
    failures: int
    down_since: datetime | None
    ask_at: datetime | None
    wait: float
    reason: str

    @property
    def state(self) -> str:
        """``open``: it is down. ``waiting``: it asked to be left alone. ``closed``: it is asked."""
        if self.down_since is not None:
            return "open"
        return "waiting" if self.wait > 0 else "closed"

    def describe(self) -> str:
        """As people are told."""
        if self.down_since is not None:
            return f"{self.name}: down since {self.down_since:%Y-%m-%d %H:%M:%S} UTC. {self.reason}"
        return f"{self.name}: asked to be left alone for {self.wait:.0f} s. {self.reason}"


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """When a provider that fails is asked again. In seconds, but for the threshold.

    Attributes:
        threshold: Failures one after the other that make a provider count as down.
        pause: How long one that has just gone down is left alone; each time it fails again, twice as long.
        longest: And so long at most, unless it asks for more itself.
    """

    threshold: int
    pause: float
    longest: float


_COLUMNS = """
    p.name, p.failures, p.down_since, p.ask_at, p.reason,
    CAST(greatest(0, coalesce(extract(epoch FROM p.ask_at - clock_timestamp()), 0)) AS double precision) AS wait
"""

_GET = text(f"SELECT {_COLUMNS} FROM providers AS p WHERE p.name = :name")


async def get_state(connection: AsyncConnection, name: str) -> ProviderState | None:
    """How a provider stands, if it has ever failed."""
    row = (await connection.execute(_GET, {"name": name})).mappings().one_or_none()
    return ProviderState(**row) if row else None


# One that nobody has asked for a while may be up again: who knows.
_LIST = text(f"""
    SELECT {_COLUMNS} FROM providers AS p
    WHERE p.ask_at > clock_timestamp() - CASE WHEN p.down_since IS NULL THEN interval '0' ELSE interval '2 minutes' END
    ORDER BY p.name
""")


async def list_states(connection: AsyncConnection) -> list[ProviderState]:
    """The providers that are down, or are not asked now."""
    return [ProviderState(**row) for row in (await connection.execute(_LIST)).mappings()]


_IN_SECONDS = "clock_timestamp() + make_interval(secs => CAST(:seconds AS double precision))"

_TAKE = text(f"""
    UPDATE providers SET ask_at = {_IN_SECONDS}
    WHERE name = :name AND down_since IS NOT NULL AND ask_at <= clock_timestamp() RETURNING name
""")


async def claim_probe(connection: AsyncConnection, name: str, seconds: float) -> bool:
    """Become the one that asks a provider which is down; for so many seconds nobody else does."""
    return (await connection.execute(_TAKE, {"name": name, "seconds": seconds})).one_or_none() is not None


_PUT_OFF = text(f"UPDATE providers SET ask_at = {_IN_SECONDS} WHERE name = :name AND down_since IS NOT NULL")


async def postpone_probe(connection: AsyncConnection, name: str, seconds: float) -> None:
    """Go on being the one that asks a provider which is down; with 0 seconds, let another be."""
    await connection.execute(_PUT_OFF, {"name": name, "seconds": seconds})


_ADD = text("INSERT INTO providers (name) VALUES (:name) ON CONFLICT DO NOTHING")

# What one who only heard late may not change.
_HEEDED = "p.name = :name AND (p.down_since IS NULL OR CAST(:probing AS boolean))"
# Of a provider that is down, ask_at is where the one who asked has moved it; else a time that it asked for itself.
_ASKED_FOR = "CASE WHEN p.down_since IS NULL THEN p.ask_at END"

_FAILURES = "greatest(p.failures + 1, CAST(:least AS integer))"
_BEYOND = f"({_FAILURES} - CAST(:threshold AS integer))"
_FAIL = text(f"""
    UPDATE providers AS p
    SET failures = {_FAILURES},
        reason = :reason,
        down_since = CASE WHEN {_BEYOND} >= 0 THEN coalesce(p.down_since, clock_timestamp()) END,
        ask_at = CASE WHEN {_BEYOND} < 0 THEN p.ask_at ELSE greatest(
            {_ASKED_FOR},
            clock_timestamp() + make_interval(secs => greatest(
                CAST(:retry_after AS double precision),
                least(CAST(:longest AS double precision),
                      CAST(:pause AS double precision) * power(2, least(20, {_BEYOND}))))))
            END
    WHERE {_HEEDED}
    RETURNING {_COLUMNS}
""")


async def record_failure(
    connection: AsyncConnection,
    name: str,
    reason: str,
    policy: CircuitPolicy,
    *,
    at_once: bool = False,
    retry_after: float = 0.0,
    probing: bool = False,
) -> ProviderState:
    """Count a failure; where that makes the threshold, the provider is down. Returns how it stands now.

    Once it is down, what others asked before and hear of now counts no more.

    Args:
        connection: On which every statement commits by itself.
        name: Who failed.
        reason: What it said.
        policy: When it is tried again.
        at_once: Whether a single failure is enough.
        retry_after: The seconds that it asked for itself.
        probing: Whether the one failed that asked whether it is up again.
    """
    parameters = {
        "name": name,
        "reason": reason,
        "threshold": policy.threshold,
        "least": policy.threshold if at_once else 0,
        "pause": policy.pause,
        "longest": policy.longest,
        "retry_after": retry_after,
        "probing": probing,
    }
    await connection.execute(_ADD, {"name": name})
    row = (await connection.execute(_FAIL, parameters)).mappings().one_or_none()
    if row is None:
        row = (await connection.execute(_GET, {"name": name})).mappings().one()
    return ProviderState(**row)


_BUSY = text(f"""
    UPDATE providers AS p
    SET ask_at = greatest({_ASKED_FOR}, {_IN_SECONDS}),
        failures = CASE WHEN p.down_since IS NULL THEN p.failures ELSE 0 END,
        reason = :reason,
        down_since = NULL
    WHERE {_HEEDED}
""")


async def record_busy(
    connection: AsyncConnection, name: str, reason: str, seconds: float, *, probing: bool = False
) -> None:
    """Let nobody ask a provider for so many seconds. It is not down: it answers, if only to say so."""
    await connection.execute(_ADD, {"name": name})
    await connection.execute(_BUSY, {"name": name, "reason": reason, "seconds": seconds, "probing": probing})


_SUCCEED = text(f"""
    UPDATE providers AS p SET failures = 0, ask_at = {_ASKED_FOR}, down_since = NULL
    WHERE {_HEEDED} AND (p.failures > 0 OR p.down_since IS NOT NULL)
""")


async def record_success(connection: AsyncConnection, name: str, *, probing: bool = False) -> None:
    """Count from 0 again; let all ask a provider that was down once the one who asked was answered."""
    await connection.execute(_SUCCEED, {"name": name, "probing": probing})
