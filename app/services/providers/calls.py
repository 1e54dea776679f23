"""Calls to providers: remote services with rate limits and outages. All processes share one circuit breaker each.

No request is sent while a limit is exhausted, before a time that the provider has named, or while its circuit is open.
An open circuit becomes half-open after a pause: one process sends a probe, and its success closes the circuit for all.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database
from app.db.providers.breakers import (
    CircuitPolicy,
    ProviderState,
    claim_probe,
    get_state,
    list_states,
    postpone_probe,
    record_busy,
    record_failure,
    record_success,
)
from app.domain.errors import (
    DatabaseUnavailableError,
    ProviderBusyError,
    ProviderCredentialsError,
    ProviderDownError,
    ProviderPausedError,
    SluiceError,
)
from app.domain.ports import RateLimiter
from app.services.providers.renewal import renewing

__all__ = ["CircuitPolicy", "ProviderCalls", "ProviderState"]

_POLICY = CircuitPolicy(threshold=5, pause=5.0, longest=60.0)
_CREDENTIALS_PAUSE = 30.0
_PROBE_SECONDS = 10.0
_BUSY_SECONDS = 1.0
_LONGEST_BUSY_SECONDS = 30.0
_JITTER_SECONDS = 5.0

log = structlog.get_logger()

Result = TypeVar("Result")
Recorded = TypeVar("Recorded")


@dataclass
class _Call:
    """One call. ``circuit`` is the provider's state when it was last read; waits end at ``deadline``."""

    provider: str
    tokens: int
    deadline: float
    circuit: ProviderState | None = None
    busy_answers: int = 0

    @property
    def probing(self) -> bool:
        """Whether this call is the probe of a half-open circuit."""
        return self.circuit is not None and self.circuit.down_since is not None

    async def wait(self, seconds: float, reason: str) -> None:
        """Wait here, if that ends before the deadline.

        Raises:
            ProviderBusyError: when it does not; the task is then deferred.
        """
        if time.monotonic() + seconds > self.deadline:
            raise ProviderBusyError(reason, retry_after=_add_jitter(seconds))
        await asyncio.sleep(seconds + random.uniform(0, seconds / 10))  # noqa: S311 - spreads load, guards nothing


class ProviderCalls:
    """Calls providers within their rate limits and behind their circuit breakers.

    Args:
        database: Holds the state of each circuit.
        limiter: Counts requests and tokens.
        policy: When a failing provider is tried again.
        credentials_pause: The first pause, in seconds, of a provider that rejects the key or the account. It doubles
            with each further rejection.
        probe_seconds: After how many seconds another process may send the probe, if the process that claimed it has
            died.
    """

    def __init__(
        self,
        database: Database,
        limiter: RateLimiter,
        *,
        policy: CircuitPolicy = _POLICY,
        credentials_pause: float = _CREDENTIALS_PAUSE,
        probe_seconds: float = _PROBE_SECONDS,
    ) -> None:
        self._database = database
        self._limiter = limiter
        self._policy = policy
        self._credentials_policy = CircuitPolicy(
            policy.threshold, credentials_pause, max(policy.longest, credentials_pause)
        )
        self._probe_seconds = probe_seconds

    async def call(
        self, provider: str, request: Callable[[], Awaitable[Result]], *, tokens: int = 0, max_wait: float = 2.0
    ) -> Result:
        """Send a request as soon as limits and circuit permit, and again while the provider is only busy.

        Args:
            provider: The provider's name.
            request: Sends one request.
            tokens: About how many tokens it will be charged for.
            max_wait: The longest time in seconds to wait here, in all.

        Raises:
            ProviderBusyError: when waiting would take longer than that.
            ProviderPausedError: when the circuit is open, or this failure opened it.
            ProviderDownError: when the request failed and the circuit stays closed: a retry may follow at once.
            ProviderRequestError: when the provider rejects the request: a retry would fail too.
        """
        call = _Call(provider, tokens, time.monotonic() + max_wait)
        while True:
            await self._wait_until_permitted(call)
            try:
                answer = await self._send(call, request)
            except ProviderBusyError as error:
                await self._handle_busy(call, error)
            except (ProviderDownError, ProviderCredentialsError) as error:
                raise await self._handle_failure(call, error) from error
            else:
                await self._handle_success(call)
                return answer

    async def list_states(self) -> list[ProviderState]:
        """The providers whose circuit is open, or that have asked for a pause."""
        async with self._database.statement() as connection:
            return await list_states(connection)

    async def _wait_until_permitted(self, call: _Call) -> None:
        """Return once a request may be sent.

        Raises:
            ProviderBusyError, ProviderPausedError
        """
        while True:
            call.circuit = await self._read_circuit(call.provider)
            if call.circuit and call.circuit.wait > 0 and not call.probing:
                await call.wait(call.circuit.wait, f"Waiting for provider {call.circuit.describe()}")
            elif wait := await self._acquire_quota(call):
                await call.wait(wait, f"Waiting for provider {call.provider}: its rate limit is used up.")
            else:
                return

    async def _read_circuit(self, provider: str) -> ProviderState | None:
        """The state of a circuit. An open one is returned only to the call that becomes its probe.

        Raises:
            ProviderPausedError: when the circuit is open and another call is the probe, or the pause is not over.
        """
        async with self._database.statement() as connection:
            circuit = await get_state(connection, provider)
            if circuit is None or circuit.down_since is None:
                return circuit
            if circuit.wait == 0 and await claim_probe(connection, provider, self._probe_seconds):
                return circuit
            raise _make_paused_error(circuit, circuit.wait or self._probe_seconds)

    async def _acquire_quota(self, call: _Call) -> float:
        """Count the request against the rate limit; returns the seconds to wait if the limit is used up, else 0.

        A probe that must wait passes its claim on: any call may send the probe once that time is over.

        Raises:
            ProviderBusyError: when the limiter is unreachable.
        """
        try:
            wait = await self._limiter.acquire(call.provider, call.tokens)
        except ProviderBusyError as error:
            raise ProviderBusyError(
                error.detail, retry_after=_add_jitter(error.retry_after or _BUSY_SECONDS)
            ) from error
        if wait and call.probing:
            await self._record(partial(postpone_probe, name=call.provider, seconds=wait))
        return wait

    async def _send(self, call: _Call, request: Callable[[], Awaitable[Result]]) -> Result:
        """Send the request. While a probe is under way, its claim is renewed, so that no other call sends one."""
        if not call.probing:
            return await request()
        try:
            async with renewing(partial(self._renew_probe, call.provider), self._probe_seconds / 3):
                return await request()
        except (ProviderBusyError, ProviderDownError, ProviderCredentialsError):
            raise
        except Exception:  # not the provider's failure, so another call may probe at once
            await self._record(partial(postpone_probe, name=call.provider, seconds=0))
            raise

    async def _renew_probe(self, provider: str) -> None:
        async with self._database.statement() as connection:
            await postpone_probe(connection, provider, self._probe_seconds)

    async def _handle_busy(self, call: _Call, error: ProviderBusyError) -> None:
        """Pause all calls for as long as the provider asked, or with exponential backoff if it named no time."""
        seconds = error.retry_after or min(_LONGEST_BUSY_SECONDS, _BUSY_SECONDS * 2**call.busy_answers)
        call.busy_answers += 1
        reason = error.detail or error.message
        await self._record(
            partial(record_busy, name=call.provider, reason=reason, seconds=seconds, probing=call.probing),
        )
        await call.wait(seconds, f"Waiting for provider {call.provider}: {reason}")

    async def _handle_failure(self, call: _Call, error: SluiceError) -> SluiceError:
        """Count a failure. Returns the error itself, or, when the circuit is open now, one that defers the task."""
        rejected = isinstance(error, ProviderCredentialsError)
        state = await self._record(
            partial(
                record_failure,
                name=call.provider,
                reason=error.detail or error.message,
                policy=self._credentials_policy if rejected else self._policy,
                at_once=rejected,
                retry_after=error.retry_after or 0.0,
                probing=call.probing,
            )
        )
        if state is None or state.down_since is None:
            return error
        log.warning("provider_down", provider=call.provider, failures=state.failures, reason=state.reason)
        return _make_paused_error(state, state.wait)

    async def _handle_success(self, call: _Call) -> None:
        """Reset the count of failures, including those of other calls while this request was under way."""
        await self._record(partial(record_success, name=call.provider, probing=call.probing))
        if call.probing:
            log.info("provider_up", provider=call.provider)

    async def _record(self, write: Callable[[AsyncConnection], Awaitable[Recorded]]) -> Recorded | None:
        """Write to the circuit's state. If the database is unavailable, the provider's answer still counts."""
        try:
            async with self._database.statement() as connection:
                return await write(connection)
        except DatabaseUnavailableError:
            log.warning("provider_state_not_recorded")
            return None


def _make_paused_error(state: ProviderState, seconds: float) -> ProviderPausedError:
    return ProviderPausedError(f"Waiting for provider {state.describe()}", retry_after=_add_jitter(seconds))


def _add_jitter(seconds: float) -> float:
    """Add a random time of at most five seconds, so that deferred tasks do not all return at once."""
    return seconds + random.uniform(0, min(_JITTER_SECONDS, max(1.0, seconds / 2)))  # noqa: S311 - as above
