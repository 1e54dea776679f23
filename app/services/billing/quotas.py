"""Quotas and budgets: new work is refused when one is used up."""

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from weakref import WeakValueDictionary

from app.db.billing.limits import count_open, note_level
from app.db.billing.statements import get_organization
from app.db.billing.uses import list_uses, next_month
from app.db.engine import Database
from app.db.events.outbox import insert_event
from app.domain.errors import BudgetExceededError, QuotaExceededError
from app.domain.events import EventType
from app.domain.limits import NOTHING, ORGANIZATION, WARNING_SHARE, LimitName, Limits, Need, Used
from app.domain.times import start_of_day
from app.services.billing.limit_book import LimitBook
from app.services.billing.prices import Prices
from app.services.billing.rating import add_amounts, rate

_SECONDS = 1.0
_DECIDE_SECONDS = 10.0
_KEPT = 10_000
_WORK = tuple(name for name in LimitName if name is not LimitName.REQUESTS)
_ADDED_BY_REQUEST = {LimitName.DOCUMENTS, LimitName.STORED}

Scope = tuple[int, int]
"""An organization, and an agent or ``ORGANIZATION``."""


@dataclass(slots=True, eq=False)
class _Added:
    """What this process has added since a reading began."""

    need: Need = NOTHING


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was used at a time."""

    used: Used
    has_amount: bool
    began_at: float
    added: _Added


class Quotas:
    """Checks limits before work is accepted.

    What counts is the usage of the month with the documents that were accepted and have not ended. A reading is used
    for a second while less than 80 % of every limit is used; from there on, each request reads. Work that this process
    is accepting counts too: so a limit can be exceeded only by the uploads that other API processes accept at the same
    moment, and by tokens and amounts of accepted work, which are known when it ends.
    """

    def __init__(self, database: Database, book: LimitBook, prices: Prices) -> None:
        self._database = database
        self._book = book
        self._prices = prices
        self._readings: OrderedDict[Scope, _Reading] = OrderedDict()
        self._begun: dict[Scope, list[_Added]] = defaultdict(list)
        self._accepting: dict[Scope, Need] = defaultdict(Need)
        self._deciding: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._ended = asyncio.Event()
        self._noted: OrderedDict[tuple[Any, ...], None] = OrderedDict()

    @asynccontextmanager
    async def hold(self, organization_id: int, agent_id: int, need: Need = NOTHING) -> AsyncIterator[None]:
        """Check that work may be added, and count it while the block writes it.

        Raises:
            QuotaExceededError: a quota of the organization or the agent is used up.
            BudgetExceededError: a budget is used up.
        """
        checks, refusal = await self._decide(organization_id, agent_id, need)
        for check in checks if refusal is None else ():
            self._accepting[check.scope] += need
        try:
            for check in checks:
                await self._note_levels(check)
            if refusal is not None:
                raise refusal
            yield
            for check in checks:
                for added in self._list_added(check.scope):
                    added.need += need
        finally:
            for check in checks if refusal is None else ():
                self._stop_accepting(check.scope, need)

    async def check(self, organization_id: int, agent_id: int) -> None:
        """Check that work may be added that brings no document, such as a question. Raises as ``hold`` does."""
        async with self.hold(organization_id, agent_id):
            pass

    async def read(self, organization_id: int, agent_id: int, *, with_amount: bool) -> Used:
        """What counts towards the limits of an organization or an agent now."""
        async with self._database.transaction() as connection:
            work = await count_open(connection, organization_id, agent_id)
            month = work.today.replace(day=1)
            uses = await list_uses(connection, organization_id, month, work.today, agent_id)
            amount = None
            if with_amount and (organization := await get_organization(connection, organization_id)):
                prices = self._prices.choose(organization.settings)
                amount = add_amounts(rate(uses, prices), prices.decimals)
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for use in uses:
            sums[use.quantity] += use.amount
        return Used(
            int(sums["documents"]) + work.documents,
            work.stored_bytes + work.bytes,
            int(sums["tokens_in"] + sums["tokens_out"]),
            amount,
            month,
            start_of_day(next_month(month)),
        )

    async def _decide(
        self, organization_id: int, agent_id: int, need: Need
    ) -> tuple[Sequence["_Check"], QuotaExceededError | None]:
        """Compare a request with the limits. The caller must then count it before it awaits anything.

        A reading may contain work that this process is still accepting, which then counts twice. So a request is
        refused only when the process accepts nothing else for these limits, or after ten seconds. Requests of one
        organization wait in turn, and never for another organization's.
        """
        checks, refusal, is_alone = await self._compare(organization_id, agent_id, need)
        if refusal is None or is_alone:
            return checks, refusal
        lock = self._deciding.setdefault(organization_id, asyncio.Lock())
        async with lock:
            deadline = time.monotonic() + _DECIDE_SECONDS
            while True:
                checks, refusal, is_alone = await self._compare(organization_id, agent_id, need)
                if refusal is None or is_alone or time.monotonic() > deadline:
                    return checks, refusal
                if any(check.scope in self._accepting for check in checks):
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._ended.wait(), _DECIDE_SECONDS)

    async def _compare(
        self, organization_id: int, agent_id: int, need: Need
    ) -> tuple[Sequence["_Check"], QuotaExceededError | None, bool]:
        """Compare a request with what is used now. Also returns whether nothing can count twice."""
        checks = await self._prepare(organization_id, agent_id, need)
        return checks, _find_refusal(checks), all(check.pending == NOTHING for check in checks)

    async def _prepare(self, organization_id: int, agent_id: int, need: Need) -> Sequence["_Check"]:
        """Read what is used of the limits of the organization and of the agent, if they have some."""
        if not self._book.may_be_limited(organization_id):
            return ()
        limits = await self._book.get(organization_id, agent_id)
        scopes = zip(((organization_id, ORGANIZATION), (organization_id, agent_id)), limits, strict=True)
        limited = [(scope, found) for scope, found in scopes if found.restricts_work]
        readings = [await self._find_reading(scope, found, need) for scope, found in limited]
        return [
            _Check(scope, found, reading.used, reading.added.need + self._accepting.get(scope, NOTHING), need)
            for (scope, found), reading in zip(limited, readings, strict=True)
        ]

    async def _find_reading(self, scope: Scope, limits: Limits, need: Need) -> _Reading:
        reading = self._readings.get(scope)
        if reading is None or not self._is_usable(reading, scope, limits, need):
            reading = await self._read_anew(scope, has_amount=limits.amount_per_month is not None)
            self._readings[scope] = reading
            self._readings.move_to_end(scope)
            if len(self._readings) > _KEPT:
                self._readings.popitem(last=False)
        return reading

    async def _read_anew(self, scope: Scope, *, has_amount: bool) -> _Reading:
        """Read what is used. What this process adds from now on counts too, although the reading may contain it."""
        added, began_at = _Added(), time.monotonic()
        self._begun[scope].append(added)
        try:
            return _Reading(await self.read(*scope, with_amount=has_amount), has_amount, began_at, added)
        finally:
            self._begun[scope].remove(added)
            if not self._begun[scope]:
                del self._begun[scope]

    def _list_added(self, scope: Scope) -> list[_Added]:
        kept = self._readings.get(scope)
        return [*self._begun.get(scope, ()), *([kept.added] if kept else [])]

    def _is_usable(self, reading: _Reading, scope: Scope, limits: Limits, need: Need) -> bool:
        if time.monotonic() - reading.began_at > _SECONDS or reading.has_amount != (
            limits.amount_per_month is not None
        ):
            return False
        check = _Check(scope, limits, reading.used, reading.added.need + self._accepting.get(scope, NOTHING), need)
        return not any(check.reaches(name, WARNING_SHARE) for name in _WORK)

    def _stop_accepting(self, scope: Scope, need: Need) -> None:
        self._accepting[scope] += -need
        if self._accepting[scope] == NOTHING:
            del self._accepting[scope]
        self._ended.set()
        self._ended = asyncio.Event()

    async def _note_levels(self, check: "_Check") -> None:
        """Raise the events of the levels that the limits have reached, once a month each."""
        for name in _WORK:
            levels = check.list_levels(name)
            for level in levels:
                key = (*check.scope, check.used.month, name, level)
                if key not in self._noted:
                    await self._raise_event(check, name, level)
                    self._noted[key] = None
                    if len(self._noted) > _KEPT:
                        self._noted.popitem(last=False)

    async def _raise_event(self, check: "_Check", name: LimitName, level: str) -> None:
        organization_id, agent_id = check.scope
        event = EventType.QUOTA_EXCEEDED if level == "exceeded" else EventType.QUOTA_WARNING
        async with self._database.transaction() as connection:
            if await note_level(
                connection, organization_id, agent_id, month=check.used.month, name=name.value, level=level
            ):
                data = describe_quota(name, agent_id, check.limits, check.used, check.counted)
                await insert_event(connection, organization_id, event, data, agent_id=agent_id or None)


@dataclass(frozen=True, slots=True)
class _Check:
    """A request that is compared with the limits of an organization or agent.

    ``pending`` is what this process has added since the reading, and what it is accepting.
    """

    scope: Scope
    limits: Limits
    used: Used
    pending: Need
    need: Need

    @property
    def counted(self) -> Need:
        """What counts besides the reading: the request too, unless it is refused."""
        return self.pending if any(self.exceeds(name) for name in _WORK) else self.pending + self.need

    def reaches(self, name: LimitName, share: Decimal) -> bool:
        """Whether so much of a limit is used, with the request."""
        limit = self.limits.get(name)
        return limit is not None and self.used.get(name, self.pending + self.need) >= limit * share

    def exceeds(self, name: LimitName) -> bool:
        """Whether a limit refuses the request: documents and bytes fill it, tokens and amounts must be below it."""
        limit = self.limits.get(name)
        if limit is None:
            return False
        if name in _ADDED_BY_REQUEST:
            adds = self.need.documents if name is LimitName.DOCUMENTS else self.need.stored_bytes
            return adds > 0 and self.used.get(name, self.pending + self.need) > limit
        return self.used.get(name, self.pending) >= limit

    def list_levels(self, name: LimitName) -> Sequence[str]:
        """The levels that a limit has reached."""
        if self.exceeds(name) or self.reaches(name, Decimal(1)):
            return ("warning", "exceeded")
        return ("warning",) if self.reaches(name, WARNING_SHARE) else ()


def describe_quota(name: LimitName, agent_id: int, limits: Limits, used: Used, more: Need) -> dict[str, Any]:
    """A limit, what is used of it, and when it resets, as JSON."""
    limit = limits.get(name)
    resets_at = None if name is LimitName.STORED else used.resets_at.isoformat().replace("+00:00", "Z")
    return {
        "name": name.value,
        "agent_id": agent_id or None,
        "limit": str(limit) if name is LimitName.AMOUNT else int(limit or 0),
        "used": str(used.get(name, more)) if name is LimitName.AMOUNT else int(used.get(name, more)),
        "resets_at": resets_at,
    }


def _find_refusal(checks: Sequence[_Check]) -> QuotaExceededError | None:
    for check in checks:
        for name in _WORK:
            if check.exceeds(name):
                return _make_error(name, check)
    return None


def _make_error(name: LimitName, check: _Check) -> QuotaExceededError:
    _, agent_id = check.scope
    quota = describe_quota(name, agent_id, check.limits, check.used, check.pending)
    owner = f"agent {agent_id}" if agent_id else "organization"
    until = f" It resets at {quota['resets_at']}." if quota["resets_at"] else " Delete documents to free space."
    detail = f"The limit {name.value} of the {owner} is {quota['limit']}, and {quota['used']} is used.{until}"
    kind = BudgetExceededError if name is LimitName.AMOUNT else QuotaExceededError
    return kind(detail, quota=quota)
