"""Admission: moves waiting tasks into the windows of their queues and publishes the messages for them."""

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

# How long to wait after two admissions of a queue that found nothing to admit: its window is probably full.
_FULL_WINDOW_SECONDS = 0.02

log = structlog.get_logger()


class Admission:
    """Admits in the background, so that no caller waits for it.

    Nudges that arrive during an admission of the same queue share the next one: a burst of uploads costs a few
    statements, not one each. If a process dies with a nudge pending, the workers' supervisors admit instead.
    """

    def __init__(self, database: Database, doorbell: Doorbell) -> None:
        self._database = database
        self._doorbell = doorbell
        self._nudged: set[str] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._empty_admissions: Counter[str] = Counter()

    def nudge(self, queue: str) -> None:
        """Schedule an admission of ``queue``, soon."""
        self._nudged.add(queue)
        if queue not in self._running:
            # In an empty context: its log lines do not belong to the task or request that nudged first.
            self._running[queue] = asyncio.create_task(self._admit_while_nudged(queue), context=Context())

    async def admit(self, queues: Iterable[str]) -> int:
        """Admit now; returns how many messages were published."""
        published = 0
        for queue in queues:
            async with self._database.transaction() as connection:
                bells = await admit(connection, queue)
            await self.publish(bells)
            published += len(bells)
        return published

    async def publish(self, bells: Sequence[Bell]) -> None:
        """Publish the messages for tasks that are admitted already."""
        await self._doorbell.publish(bells)

    async def settle(self) -> None:
        """Wait until every scheduled admission is done."""
        await asyncio.gather(*self._running.values())

    async def _admit_while_nudged(self, queue: str) -> None:
        try:
            while queue in self._nudged:
                self._nudged.discard(queue)
                if await self.admit([queue]):
                    self._empty_admissions[queue] = 0
                    continue
                # The first time, another process may have admitted the task. The second time, the window is full or
                # no task waits.
                self._empty_admissions[queue] += 1
                if self._empty_admissions[queue] > 1:
                    await asyncio.sleep(_FULL_WINDOW_SECONDS)
        except DatabaseUnavailableError:
            log.warning("admission_database_unavailable", queue=queue)
        except Exception:
            log.exception("admission_failed", queue=queue)
        finally:
            del self._running[queue]
