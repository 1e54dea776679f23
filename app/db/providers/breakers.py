"""The circuit breaker of each provider, shared by all processes. Nothing here commits; times are the database's."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class ProviderState:
    """The state of a provider's circuit.

    ``failures`` counts consecutive failures. ``down_since`` is None while the circuit is closed. No request is sent
    before ``ask_at``; ``wait`` is the time until then in seconds.
    """

    name: str
    failures: int
    down_since: datetime | None
    ask_at: datetime | None
    wait: float
    reason: str

    @property
    def state(self) -> str:
        """``open``: it is down. ``waiting``: it asked for a pause. ``closed``: it is in use."""
        if self.down_since is not None:
            return "open"
        return "waiting" if self.wait > 0 else "closed"

    def describe_outage(self) -> str:
        """Since when it is down, without the reason: for clients without a key."""
        return f"{self.name}: down since {self.down_since:%Y-%m-%d %H:%M:%S} UTC."

    def describe(self) -> str:
        """The state in one sentence, for people."""
        if self.down_since is not None:
            return f"{self.name}: down since {self.down_since:%Y-%m-%d %H:%M:%S} UTC. {self.reason}"
        return f"{self.name}: asked for a pause of {self.wait:.0f} s. {self.reason}"


@dataclass(frozen=True, slots=True)
class CircuitPolicy:
    """When a failing provider is tried again.

    Attributes:
        threshold: The number of consecutive failures after which the provider counts as down.
        pause: The first pause of a provider that is down, in seconds; it doubles with each further failure.
        longest: The longest pause in seconds, unless the provider asks for a longer one.
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
    """Return the state of a provider; None if it has never failed."""
    row = (await connection.execute(_GET, {"name": name})).mappings().one_or_none()
    return ProviderState(**row) if row else None


# A provider that was down and has not been tried for two minutes may be up again: it is not listed.
_LIST = text(f"""
    SELECT {_COLUMNS} FROM providers AS p
    WHERE p.ask_at > clock_timestamp() - CASE WHEN p.down_since IS NULL THEN interval '0' ELSE interval '2 minutes' END
    ORDER BY p.name
""")


async def list_states(connection: AsyncConnection) -> list[ProviderState]:
    """List the providers that are down or paused."""
    return [ProviderState(**row) for row in (await connection.execute(_LIST)).mappings()]


_IN_SECONDS = "clock_timestamp() + make_interval(secs => CAST(:seconds AS double precision))"

_CLAIM_PROBE = text(f"""
    UPDATE providers SET ask_at = {_IN_SECONDS}
    WHERE name = :name AND down_since IS NOT NULL AND ask_at <= clock_timestamp() RETURNING name
""")


async def claim_probe(connection: AsyncConnection, name: str, seconds: float) -> bool:
    """Claim the next probe of a provider that is down. True for one caller; no other may probe it for ``seconds``."""
    return (await connection.execute(_CLAIM_PROBE, {"name": name, "seconds": seconds})).one_or_none() is not None


_POSTPONE_PROBE = text(f"UPDATE providers SET ask_at = {_IN_SECONDS} WHERE name = :name AND down_since IS NOT NULL")


async def postpone_probe(connection: AsyncConnection, name: str, seconds: float) -> None:
    """Extend the claim on the probe by ``seconds`` from now; with 0 seconds, another caller may probe at once."""
    await connection.execute(_POSTPONE_PROBE, {"name": name, "seconds": seconds})


_ADD = text("INSERT INTO providers (name) VALUES (:name) ON CONFLICT DO NOTHING")

# While a provider is down, only its probe changes its state: other results are of requests sent before.
_COUNTS = "p.name = :name AND (p.down_since IS NULL OR CAST(:probing AS boolean))"
# While a provider is down, ask_at is the end of the claim on its probe; otherwise the end of a pause it asked for.
_ASKED_FOR = "CASE WHEN p.down_since IS NULL THEN p.ask_at END"

# The failures after this one, and how many of them are beyond the threshold: each doubles the pause.
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
    WHERE {_COUNTS}
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
    """Count a failure; at the threshold, the provider is down. Returns its state after that.

    While it is down, failures of requests that were sent before are ignored.

    Args:
        connection: One on which every statement commits by itself.
        name: The provider.
        reason: Its error message.
        policy: When it is tried again.
        at_once: Whether one failure is enough.
        retry_after: The pause in seconds that it asked for.
        probing: Whether the failed request is the probe of a provider that is down.
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
    WHERE {_COUNTS}
""")


async def record_busy(
    connection: AsyncConnection, name: str, reason: str, seconds: float, *, probing: bool = False
) -> None:
    """Pause a provider for ``seconds``. It is not down: it has answered."""
    await connection.execute(_ADD, {"name": name})
    await connection.execute(_BUSY, {"name": name, "reason": reason, "seconds": seconds, "probing": probing})


_SUCCEED = text(f"""
    UPDATE providers AS p SET failures = 0, ask_at = {_ASKED_FOR}, down_since = NULL
    WHERE {_COUNTS} AND (p.failures > 0 OR p.down_since IS NOT NULL)
""")


async def record_success(connection: AsyncConnection, name: str, *, probing: bool = False) -> None:
    """Reset the count of failures. A provider that was down is up again if its probe has succeeded."""
    await connection.execute(_SUCCEED, {"name": name, "probing": probing})
