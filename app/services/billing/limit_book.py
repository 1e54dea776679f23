"""The limits of organizations and agents, kept by each process until they change."""

import time
from collections import OrderedDict
from dataclasses import dataclass

from app.db.billing.limits import FoundLimits, find_limits, set_limits
from app.db.engine import Database
from app.db.tenants.agents import get_agent
from app.domain.errors import NotFoundError
from app.domain.identity import Access
from app.domain.limits import NO_LIMITS, ORGANIZATION, Limits

_SECONDS = 2.0
_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class _Entry:
    found: FoundLimits
    read_at: float


class LimitBook:
    """Finds limits without a query for each request.

    The statement that authenticates a request returns the version of its organization's limits: so an API process
    notices a change with the next request, and an organization without limits causes no query. A worker, which
    authenticates nothing, reads them again after two seconds.

    Args:
        database: The database.
        defaults: The limits of every organization that has none of its own.
    """

    def __init__(self, database: Database, defaults: Limits) -> None:
        self._database = database
        self.defaults = defaults
        self._versions: OrderedDict[int, int] = OrderedDict()
        self._entries: OrderedDict[tuple[int, int], _Entry] = OrderedDict()

    def note(self, organization_id: int, version: int) -> None:
        """Note the version that the authentication of a request has read."""
        self._versions[organization_id] = version
        self._versions.move_to_end(organization_id)
        if len(self._versions) > _KEPT:
            self._versions.popitem(last=False)

    def may_be_limited(self, organization_id: int) -> bool:
        """Whether an organization or one of its agents may have a limit, as far as is known without a query."""
        return self._versions.get(organization_id) != 0 or self.defaults != NO_LIMITS

    async def get(self, organization_id: int, agent_id: int = ORGANIZATION) -> tuple[Limits, Limits]:
        """The limits of an organization, with the defaults, and those of one of its agents."""
        found = await self._find(organization_id, agent_id)
        return found.organization.with_defaults(self.defaults), found.agent

    async def get_own(self, organization_id: int) -> Limits:
        """The limits of an organization without the defaults."""
        return (await self._find(organization_id, ORGANIZATION)).organization

    async def _find(self, organization_id: int, agent_id: int) -> FoundLimits:
        version = self._versions.get(organization_id)
        if version == 0:
            return FoundLimits(0, NO_LIMITS, NO_LIMITS)
        entry = self._entries.get((organization_id, agent_id))
        if entry is None or not self._is_valid(entry, version):
            entry = _Entry(await find_limits(self._database, organization_id, agent_id), time.monotonic())
            self._entries[organization_id, agent_id] = entry
            self._entries.move_to_end((organization_id, agent_id))
            if len(self._entries) > _KEPT:
                self._entries.popitem(last=False)
        return entry.found

    async def set(self, organization_id: int, agent_id: int, limits: Limits) -> None:
        """Set the limits of an organization, or of one of its agents.

        Raises:
            NotFoundError: there is no such organization or agent.
        """
        async with self._database.transaction() as connection:
            if agent_id != ORGANIZATION and await get_agent(connection, Access(organization_id), agent_id) is None:
                raise NotFoundError(f"Agent {agent_id} does not exist.")
            if not await set_limits(connection, organization_id, agent_id, limits):
                raise NotFoundError(f"Organization {organization_id} does not exist.")
        self._versions.pop(organization_id, None)
        for key in [key for key in self._entries if key[0] == organization_id]:
            del self._entries[key]

    @staticmethod
    def _is_valid(entry: _Entry, version: int | None) -> bool:
        if version is not None:
            return entry.found.version >= version
        return time.monotonic() - entry.read_at < _SECONDS
