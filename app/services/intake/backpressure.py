"""Backpressure: past a stated limit, an agent's new work is refused rather than piled up."""

import time
from collections import OrderedDict

from app.db.engine import Database
from app.domain.errors import BacklogFullError
from app.ledger.read import has_backlog

_FRESH_SECONDS = 1.0
_RETRY_SECONDS = 30.0
_AGENTS = 10_000


class Backpressure:
    """Knows, to the second, which agents have as many tasks waiting as they may."""

    def __init__(self, database: Database, max_waiting: int) -> None:
        self._database = database
        self._max_waiting = max_waiting
        self._known: OrderedDict[int, tuple[float, bool]] = OrderedDict()

    async def check(self, agent_id: int) -> None:
        """Let new work of an agent pass.

        Raises:
            BacklogFullError: when too much of it waits already.
        """
        counted_at, full = self._known.get(agent_id, (0.0, False))
        if time.monotonic() - counted_at > _FRESH_SECONDS:
            async with self._database.statement() as connection:
                full = await has_backlog(connection, agent_id, self._max_waiting)
            self._remember(agent_id, full)
        if full:
            raise BacklogFullError(f"The limit is {self._max_waiting}.", retry_after=_RETRY_SECONDS)

    def _remember(self, agent_id: int, full: bool) -> None:
        self._known[agent_id] = (time.monotonic(), full)
        self._known.move_to_end(agent_id)
        if len(self._known) > _AGENTS:
            self._known.popitem(last=False)
