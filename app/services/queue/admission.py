"""Admission: fills the windows of the queues and rings the bells, after every submit and every end of a task."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from contextvars import Context

import structlog

from app.db.engine import Database
from app.domain.errors import DatabaseUnavailableError
from app.domain.ports import Doorbell
from app.domain.tasks import Bell
from app.ledger.admit import admit

# While a queue's window is full, looking again at every nudge would help nobody.
_PAUSE_SECONDS = 0.02

log = structlog.get_logger()


class Admission:
    """Admits in the background, so that nobody waits for it.

    Nudges that come while an admission of the same queue is under way share the next one:
    a burst of uploads costs a few statements, not one each. A nudge that is lost with its
    process is made up for by the workers' supervisors.
    """

    def __init__(self, database: Database, doorbell: Doorbell) -> None:
        self._database = database
        self._doorbell = doorbell
        self._nudged: set[str] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._fruitless: Counter[str] = Counter()

    def nudge(self, queue: str) -> None:
        """Have ``queue`` admitted soon."""
        self._nudged.add(queue)
        if queue not in self._running:
            # In a context of its own: what this logs does not belong to the task or request that was first to nudge.
            self._running[queue] = asyncio.create_task(self._serve(queue), context=Context())

    async def admit(self, queues: Iterable[str]) -> int:
        """Admit now; returns how many bells were rung."""
        rung = 0
        for queue in queues:
            async with self._database.transaction() as connection:
                bells = await admit(connection, queue)
            await self.publish(bells)
            rung += len(bells)
        return rung

    async def publish(self, bells: Sequence[Bell]) -> None:
        """Publish the messages for tasks that are admitted."""
        await self._doorbell.ring(bells)

    async def settle(self) -> None:
        """Wait until every nudge has been followed."""
        await asyncio.gather(*self._running.values())

    async def _serve(self, queue: str) -> None:
        try:
            while queue in self._nudged:
                self._nudged.discard(queue)
                if await self.admit([queue]):
                    self._fruitless[queue] = 0
                    continue
                # Once, another process may just have been faster; twice, the window is full or nothing waits.
                self._fruitless[queue] += 1
                if self._fruitless[queue] > 1:
                    await asyncio.sleep(_PAUSE_SECONDS)
        except DatabaseUnavailableError:
            log.warning("admission_without_database", queue=queue)
        except Exception:
            log.exception("admission_failed", queue=queue)
        finally:
            del self._running[queue]
