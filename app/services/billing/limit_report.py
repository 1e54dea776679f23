"""What limits an organization has, and what is used of each."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.domain.limits import NOTHING, ORGANIZATION, LimitName, Limits, Used
from app.services.billing.limit_book import LimitBook
from app.services.billing.quotas import Quotas

_MONTHLY = {LimitName.DOCUMENTS, LimitName.TOKENS, LimitName.AMOUNT}


@dataclass(frozen=True, slots=True)
class LimitState:
    """A limit and what is used of it; see ``app.api.bodies.limits``."""

    name: str
    agent_id: int | None
    limit: Decimal | None
    is_default: bool
    used: Decimal | None
    share: float | None
    resets_at: datetime | None


class LimitReport:
    """Reads the limits of an organization or an agent together with what is used."""

    def __init__(self, book: LimitBook, quotas: Quotas) -> None:
        self._book = book
        self._quotas = quotas

    async def list(self, organization_id: int, agent_id: int = ORGANIZATION) -> list[LimitState]:
        """The limits of the organization, and those of an agent if one is given."""
        organization, agent = await self._book.get(organization_id, agent_id)
        used = await self._quotas.read(organization_id, ORGANIZATION, with_amount=True)
        own = await self._book.get_own(organization_id)
        states = [self._describe(name, ORGANIZATION, organization, used, own) for name in LimitName]
        if agent_id != ORGANIZATION:
            used = await self._quotas.read(organization_id, agent_id, with_amount=True)
            states += [self._describe(name, agent_id, agent, used, agent) for name in LimitName]
        return states

    @staticmethod
    def _describe(name: LimitName, agent_id: int, limits: Limits, used: Used, own: Limits) -> LimitState:
        limit = limits.get(name)
        value = None if name is LimitName.REQUESTS else used.get(name, NOTHING)
        share = float(value / limit) if value is not None and limit else None
        return LimitState(
            name.value,
            agent_id or None,
            limit,
            limit is not None and own.get(name) is None,
            value,
            share,
            used.resets_at if name in _MONTHLY else None,
        )
