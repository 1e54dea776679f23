"""Balances: how words and meaning share the scores of an agent's searches."""

import time
from collections.abc import Sequence

from app.db.engine import Database
from app.db.vectors.calibrations import get_calibrations
from app.domain.vectors import VectorIndex
from app.pipeline.ranking.fusion import EVEN, Balance, average

_KEPT_SECONDS = 15.0
_KEPT_AT_MOST = 10_000


class Balances:
    """Reads the calibrations of agents. A process keeps each for some seconds, so that few searches read one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept: dict[tuple[int, int], tuple[float, Balance]] = {}

    async def find(self, index: VectorIndex, agent_ids: Sequence[int]) -> Balance:
        """The balance of a search over these agents; the even one for agents that have not been measured."""
        now = time.monotonic()
        kept = {agent_id: self._kept.get((index.id, agent_id), (0.0, EVEN)) for agent_id in agent_ids}
        if outdated := [agent_id for agent_id, (until, _) in kept.items() if until < now]:
            async with self._database.statement() as connection:
                found = await get_calibrations(connection, index.id, outdated)
            if len(self._kept) > _KEPT_AT_MOST:
                self._kept.clear()
            for agent_id in outdated:
                balance = Balance(*found[agent_id]) if agent_id in found else EVEN
                kept[agent_id] = self._kept[index.id, agent_id] = (now + _KEPT_SECONDS, balance)
        return average([balance for _, balance in kept.values()])
