"""Limits of requests a minute."""

import time

import structlog

from app.domain.errors import ProviderBusyError
from app.domain.identity import Identity
from app.domain.limits import ORGANIZATION, RateStatus
from app.domain.ports import RequestCounter
from app.services.billing.limit_book import LimitBook

_PAUSE_SECONDS = 5.0

log = structlog.get_logger()


class RequestRates:
    """Counts the requests of organizations and agents that have a limit.

    While Redis, which counts for all processes, is unreachable, requests pass: it is logged once, and asked again after
    five seconds.
    """

    def __init__(self, book: LimitBook, counter: RequestCounter) -> None:
        self._book = book
        self._counter = counter
        self._paused_until = 0.0
        self._is_down = False

    async def count(self, identity: Identity, agent_id: int = ORGANIZATION) -> list[RateStatus]:
        """Count a request; returns the state of each limit that holds for it, none if there is none."""
        self._book.note(identity.organization_id, identity.limits_version)
        if not self._book.may_be_limited(identity.organization_id):
            return []
        organization, agent = await self._book.get(identity.organization_id, agent_id)
        found = {"organization": organization.requests_per_minute, "agent": agent.requests_per_minute}
        limits = {policy: most for policy, most in found.items() if most is not None}
        if not limits or time.monotonic() < self._paused_until:
            return []
        # An organization's keys are on one node of a Redis cluster.
        keys = {policy if policy == "organization" else f"agent:{agent_id}": most for policy, most in limits.items()}
        try:
            taken = await self._counter.count(f"requests:{identity.organization_id}", keys)
        except ProviderBusyError as error:
            self._pause(error)
            return []
        if self._is_down:
            self._is_down = False
            log.info("request_limits_resumed")
        return [
            RateStatus(policy, most, max(0, most - used), taken.wait or reset, taken.wait > 0 and used >= most)
            for (policy, most), used, reset in zip(limits.items(), taken.used, taken.resets, strict=True)
        ]

    def _pause(self, error: ProviderBusyError) -> None:
        self._paused_until = time.monotonic() + _PAUSE_SECONDS
        if not self._is_down:
            self._is_down = True
            log.warning("request_limits_unavailable", detail=error.detail)
