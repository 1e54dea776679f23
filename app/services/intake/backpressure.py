"""Backpressure: an agent's new work is refused while too many of its tasks wait."""

import time
from collections import OrderedDict

from app.db.engine import Database
from app.domain.errors import BacklogFullError
from app.ledger.read import has_backlog

_CACHE_SECONDS = 1.0
_RETRY_SECONDS = 30.0
_CACHED_AGENTS = 10_000


class Backpressure:
    """Checks the number of an agent's waiting tasks; a result is cached for a second."""

    def __init__(self, database: Database, max_waiting: int) -> None:
        self._database = database
        self._max_waiting = max_waiting
        self._results: OrderedDict[int, tuple[float, bool]] = OrderedDict()

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

    def _remember(self, agent_id: int, full: bool) -> None:
        self._results[agent_id] = (time.monotonic(), full)
        self._results.move_to_end(agent_id)
        if len(self._results) > _CACHED_AGENTS:
            self._results.popitem(last=False)
