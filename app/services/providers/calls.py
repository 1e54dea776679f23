"""Providers: services that others run, which have limits and bad days. All processes ask them as one.

Nobody asks before a limit has room, before a time that the provider named has passed, or while it is down. Then one
asks at a time, and its success brings all others back.
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
from app.db.providers import (
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
_REFUSED_SECONDS = 30.0
_PROBE_SECONDS = 10.0
_BUSY_SECONDS = 1.0
_LONGEST_BUSY_SECONDS = 30.0
_SPREAD_SECONDS = 5.0

log = structlog.get_logger()

Result = TypeVar("Result")
Noted = TypeVar("Noted")


@dataclass
class _Call:
    """One request of a caller, who waits in place until ``deadline``. ``known`` is what stands against the provider."""

    provider: str
    tokens: int
    deadline: float
    known: ProviderState | None = None
    rebuffs: int = 0

    @property
    def probing(self) -> bool:
        """Whether this is the one that asks a provider which is down."""
        return self.known is not None and self.known.down_since is not None

    async def wait(self, seconds: float, reason: str) -> None:
        """Wait here, if the caller has that much patience.

        Raises:
            ProviderBusyError
        """
        if time.monotonic() + seconds > self.deadline:
            raise ProviderBusyError(reason, retry_after=_spread(seconds))
        await asyncio.sleep(seconds + random.uniform(0, seconds / 10))  # noqa: S311 - spreads load, guards nothing


class ProviderCalls:
    """Asks providers.

    Args:
        database: Where it stands how each of them does.
        limiter: Counts what is asked.
        policy: When a failing provider is tried again.
        credentials_pause: How long one is left alone that refuses the key or the account; then twice as long.
        probe_seconds: How long nobody else asks one that is down, once nothing is heard of the process that does.
    """

    def __init__(
        self,
        database: Database,
        limiter: RateLimiter,
        *,
        policy: CircuitPolicy = _POLICY,
        credentials_pause: float = _REFUSED_SECONDS,
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
        """Make a request as soon as it may be made, and again where the provider was only busy.

        Args:
            provider: Who is asked.
            request: One request.
            tokens: What it will be charged for, about.
            max_wait: Seconds to wait here at most, in all.

        Raises:
            ProviderBusyError: when it would take longer until there is room.
            ProviderPausedError: when the provider is down, or has just turned out to be.
            ProviderDownError: when the request failed, and few others did: it may be tried again at once.
            ProviderRequestError: when nobody should try again.
        """
        call = _Call(provider, tokens, time.monotonic() + max_wait)
        while True:
            await self._await_turn(call)
            try:
                answer = await self._ask(call, request)
            except ProviderBusyError as error:
                await self._rest(call, error)
            except (ProviderDownError, ProviderCredentialsError) as error:
                raise await self._fail(call, error) from error
            else:
                await self._succeed(call)
                return answer

    async def list_states(self) -> list[ProviderState]:
        """The providers that are down, or are not asked now."""
        async with self._database.statement() as connection:
            return await list_states(connection)

    async def _await_turn(self, call: _Call) -> None:
        """Return once the provider may be asked.

        Raises:
            ProviderBusyError, ProviderPausedError
        """
        while True:
            call.known = await self._look(call.provider)
            if call.known and call.known.wait > 0 and not call.probing:
                await call.wait(call.known.wait, f"Waiting for provider {call.known.describe()}")
            elif wait := await self._take_room(call):
                reason = f"Waiting for provider {call.provider}: what it may be asked in a minute is used up."
                await call.wait(wait, reason)
            else:
                return

    async def _look(self, provider: str) -> ProviderState | None:
        """What is known of a provider. One that is down is returned to whoever is to see whether it is up again.

        Raises:
            ProviderPausedError: for all others.
        """
        async with self._database.statement() as connection:
            known = await get_state(connection, provider)
            if known is None or known.down_since is None:
                return known
            if known.wait == 0 and await claim_probe(connection, provider, self._probe_seconds):
                return known
            raise _make_pause(known, known.wait or self._probe_seconds)

    async def _take_room(self, call: _Call) -> float:
        """Ask the limiter; where it has no room, somebody else may see whether the provider is up.

        Raises:
            ProviderBusyError: when the limiter cannot count.
        """
        try:
            wait = await self._limiter.acquire(call.provider, call.tokens)
        except ProviderBusyError as error:
            raise ProviderBusyError(error.detail, retry_after=_spread(error.retry_after or _BUSY_SECONDS)) from error
        if wait and call.probing:
            await self._note(partial(postpone_probe, name=call.provider, seconds=wait))
        return wait

    async def _ask(self, call: _Call, request: Callable[[], Awaitable[Result]]) -> Result:
        """Make the request; nobody else asks a provider that is down before it has ended."""
        if not call.probing:
            return await request()
        try:
            async with renewing(partial(self._keep_probe, call.provider), self._probe_seconds / 3):
                return await request()
        except (ProviderBusyError, ProviderDownError, ProviderCredentialsError):
            raise
        except Exception:  # which tells nothing about the provider
            await self._note(partial(postpone_probe, name=call.provider, seconds=0))
            raise

    async def _keep_probe(self, provider: str) -> None:
        async with self._database.statement() as connection:
            await postpone_probe(connection, provider, self._probe_seconds)

    async def _rest(self, call: _Call, error: ProviderBusyError) -> None:
        """Have everybody wait as long as a provider asked for, or longer each time where it did not say."""
        seconds = error.retry_after or min(_LONGEST_BUSY_SECONDS, _BUSY_SECONDS * 2**call.rebuffs)
        call.rebuffs += 1
        reason = error.detail or error.message
        await self._note(
            partial(record_busy, name=call.provider, reason=reason, seconds=seconds, probing=call.probing),
        )
        await call.wait(seconds, f"Waiting for provider {call.provider}: {reason}")

    async def _fail(self, call: _Call, error: SluiceError) -> SluiceError:
        """Count a failure. Returns the error itself, or where the provider is down, one that has the work wait."""
        refused = isinstance(error, ProviderCredentialsError)
        state = await self._note(
            partial(
                record_failure,
                name=call.provider,
                reason=error.detail or error.message,
                policy=self._credentials_policy if refused else self._policy,
                at_once=refused,
                retry_after=error.retry_after or 0.0,
                probing=call.probing,
            )
        )
        if state is None or state.down_since is None:
            return error
        log.warning("provider_down", provider=call.provider, failures=state.failures, reason=state.reason)
        return _make_pause(state, state.wait)

    async def _succeed(self, call: _Call) -> None:
        """Count failures from 0 again, those too that others met while this request was under way."""
        await self._note(partial(record_success, name=call.provider, probing=call.probing))
        if call.probing:
            log.info("provider_up", provider=call.provider)

    async def _note(self, note: Callable[[AsyncConnection], Awaitable[Noted]]) -> Noted | None:
        """Write down what was learned; what the provider answered counts even where that cannot be written."""
        try:
            async with self._database.statement() as connection:
                return await note(connection)
        except DatabaseUnavailableError:
            log.warning("provider_not_noted")
            return None


def _make_pause(state: ProviderState, seconds: float) -> ProviderPausedError:
    return ProviderPausedError(f"Waiting for provider {state.describe()}", retry_after=_spread(seconds))


def _spread(seconds: float) -> float:
    """So many seconds and some more, so that not all come back at once."""
    return seconds + random.uniform(0, min(_SPREAD_SECONDS, max(1.0, seconds / 2)))  # noqa: S311 - as above
