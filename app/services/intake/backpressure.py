"""Backpressure: new work is refused while too many tasks of the agent wait, or when a quota is used up."""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from app.db.engine import Database
from app.db.tenants.agents import get_agent
from app.domain.errors import BacklogFullError
from app.domain.identity import Access
from app.domain.limits import NOTHING, ORGANIZATION, Need
from app.domain.organization_tasks import ORGANIZATION_TASKS
from app.domain.states import State
from app.domain.tasks import INDEXING, Task, TaskName
from app.ledger.read import has_backlog
from app.services.billing.quotas import Quotas

_CACHE_SECONDS = 1.0
_RETRY_SECONDS = 30.0
_CACHED_AGENTS = 10_000
_USES_NOTHING = ORGANIZATION_TASKS | {TaskName.DELETE_DOCUMENT, TaskName.DELETE_AGENT, TaskName.SWEEP_DOCUMENT}
"""Tasks that may run again whatever the limits are."""


class Backpressure:
    """Checks the number of an agent's waiting tasks, whose result is cached for a second, and the quotas.

    Args:
        database: The database.
        max_waiting: The most waiting tasks of an agent.
        quotas: The quotas; None without any.
    """

    def __init__(self, database: Database, max_waiting: int, quotas: Quotas | None = None) -> None:
        self._database = database
        self._max_waiting = max_waiting
        self._quotas = quotas
        self._results: OrderedDict[int, tuple[float, bool]] = OrderedDict()

    @asynccontextmanager
    async def admit(self, organization_id: int, agent_id: int, need: Need = NOTHING) -> AsyncIterator[None]:
        """Check that new work may be submitted, while the block submits it.

        Raises:
            BacklogFullError: when too many tasks of the agent wait already.
            QuotaExceededError, BudgetExceededError: when a limit of the organization or the agent is used up.
        """
        await self.check_of(organization_id, agent_id)
        async with self.hold(organization_id, agent_id, need):
            yield

    async def check_work(self, organization_id: int, agent_id: int) -> None:
        """Check that work without a document may be submitted. Raises as ``admit`` does."""
        async with self.admit(organization_id, agent_id):
            pass

    def hold(self, organization_id: int, agent_id: int, need: Need) -> AbstractAsyncContextManager[None]:
        """Check the quotas only, for work that an accepted task adds. Raises as ``admit`` does."""
        return self._quotas.hold(organization_id, agent_id, need) if self._quotas else nullcontext()

    async def check_again(self, task: Task) -> None:
        """Check the quotas before a task that has ended runs again: a document that failed may become one more.

        Raises:
            QuotaExceededError, BudgetExceededError: when a limit of the organization or the agent is used up.
        """
        if task.name not in _USES_NOTHING:
            is_new = task.name in INDEXING and task.state is not State.SUCCESS
            async with self.hold(task.organization_id, task.agent_id, Need(1) if is_new else NOTHING):
                pass

    async def check_budget(self, organization_id: int, task_name: str | None = None) -> None:
        """Check the limits of an organization before several of its tasks run again, all of one name if it is given.

        Raises:
            QuotaExceededError, BudgetExceededError: when one is used up.
        """
        if task_name not in _USES_NOTHING:
            async with self.hold(organization_id, ORGANIZATION, NOTHING):
                pass

    async def check(self, agent_id: int) -> None:
        """Check that an agent may submit new work.

        Raises:
            BacklogFullError: when too many of its tasks wait already.
        """
        counted_at, full = self._results.get(agent_id, (0.0, False))
        if time.monotonic() - counted_at > _CACHE_SECONDS:
            async with self._database.statement() as connection:
                full = await has_backlog(connection, agent_id, self._max_waiting)
            self._remember(agent_id, full)
        if full:
            raise BacklogFullError(f"The limit is {self._max_waiting} waiting tasks.", retry_after=_RETRY_SECONDS)

    async def check_of(self, organization_id: int, agent_id: int) -> None:
        """``check`` for a request whose agent was not looked up: the statement that submits the work does that.

        It must not reveal that another organization's agent is busy, so that agent passes, and is refused later.

        Raises:
            BacklogFullError: when too many tasks of the organization's agent wait already.
        """
        try:
            await self.check(agent_id)
        except BacklogFullError:
            async with self._database.statement() as connection:
                if await get_agent(connection, Access(organization_id), agent_id):
                    raise

    def _remember(self, agent_id: int, full: bool) -> None:
        self._results[agent_id] = (time.monotonic(), full)
        self._results.move_to_end(agent_id)
        if len(self._results) > _CACHED_AGENTS:
            self._results.popitem(last=False)
