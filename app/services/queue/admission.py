"""Admission: moves waiting tasks into the windows of their queues and publishes the messages for them."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextvars import Context

import structlog

from app.db.engine import Database
from app.domain.errors import DatabaseUnavailableError
from app.domain.ids import TaskId
from app.domain.ports import Doorbell
from app.domain.tasks import Bell
from app.ledger.admit import WINDOW_MINIMUM, Admitted, admit, admit_alone
from app.ledger.claim import Claim

# How long to wait after two admissions of a queue that found nothing to admit: its window is probably full.
_FULL_WINDOW_SECONDS = 0.02
# A window holds the work of this time. Less would have slots wait for admissions; more would have a task that becomes
# the first of its queue wait longer.
_WINDOW_SECONDS = 0.05
_PACE_SECONDS = 0.1
# The tasks that a slot claims at once: more would save little, and have others wait.
_MOST_TOGETHER = 8
_PATIENCE = 2
"""How often an admission in one statement is tried while others are in its way, before it waits for its lock."""

log = structlog.get_logger()


class _Pace:
    """How many tasks per second the slots of this process take from a queue, and how many slots the queue has."""

    def __init__(self) -> None:
        self.slots = WINDOW_MINIMUM
        self._rate = 0.0
        self._claims = 0
        self._since = time.monotonic()
        self._tasks_are_short = False

    def note_end(self, *, is_short: bool) -> None:
        """Note whether the task that ended last was so short that slots may claim several at once."""
        self._tasks_are_short = is_short

    def count(self, tasks: int, siblings: int) -> None:
        """Count claimed tasks of one of the ``siblings``, the slots of this process."""
        self._claims += tasks
        elapsed = time.monotonic() - self._since
        if elapsed >= _PACE_SECONDS:
            self._rate = self._claims / elapsed / siblings
            self._since, self._claims = time.monotonic(), 0

    @property
    def window(self) -> int:
        """The tasks that all slots take in the time of a window, if they are as fast as those of this process.

        Of short tasks, two claims for each slot at least.
        """
        is_current = time.monotonic() - self._since < 10 * _PACE_SECONDS
        if not is_current:
            return 0
        least = 2 * _MOST_TOGETHER * self.slots if self._tasks_are_short else 0
        return max(least, int(self._rate * self.slots * _WINDOW_SECONDS))


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
        self._paces: defaultdict[str, _Pace] = defaultdict(_Pace)

    def nudge(self, queue: str) -> None:
        """Schedule an admission of ``queue``, soon."""
        self._nudged.add(queue)
        if queue not in self._running:
            # In an empty context: its log lines do not belong to the task or request that nudged first.
            self._running[queue] = asyncio.create_task(self._admit_while_nudged(queue), context=Context())

    def enough(self, queue: str) -> int:
        """With fewer admitted tasks, a queue is admitted: half a window, and more than one for each slot."""
        pace = self._paces[queue]
        return max(pace.slots + 1, pace.window // 2)

    def share(self, queue: str, *, is_short: bool) -> int:
        """How many tasks a slot may claim at once from a queue with ``enough``, so that as many are left for others.

        One, unless the task that it has ended was short.
        """
        pace = self._paces[queue]
        pace.note_end(is_short=is_short)
        return min(_MOST_TOGETHER, self.enough(queue) // pace.slots) if is_short else 1

    def note_claim(self, queue: str, claimed: Claim, siblings: int, own: TaskId | None = None) -> None:
        """Note that a slot has claimed a task of ``queue``, and nudge if an admission is due.

        It is due when few tasks are left in the window and others wait. It is due too when the task has a message of
        its own: the slot that receives it finds the task taken, so a message for another task may be published.

        Args:
            queue: The queue.
            claimed: The claim.
            siblings: The number of slots of this process.
            own: The task of the message for which the slot claimed, if it did.
        """
        self._paces[queue].count(len(claimed.tasks), siblings)
        if claimed.is_low or any(task.id != own and task.rings > 0 for task in claimed.tasks):
            self.nudge(queue)

    async def admit(self, queues: Iterable[str]) -> int:
        """Admit now; returns how many tasks were admitted and messages published, whichever is more."""
        changed = 0
        for queue in queues:
            admitted = await self._fill(queue)
            self._paces[queue].slots = max(WINDOW_MINIMUM, admitted.slots)
            await self.publish(admitted.bells)
            changed += max(admitted.tasks, len(admitted.bells))
        return changed

    async def publish(self, bells: Sequence[Bell]) -> None:
        """Publish the messages for tasks that are admitted already."""
        await self._doorbell.publish(bells)

    async def settle(self) -> None:
        """Wait until every scheduled admission is done."""
        await asyncio.gather(*self._running.values())

    async def _fill(self, queue: str) -> Admitted:
        window = self._paces[queue].window
        for _ in range(_PATIENCE):
            admitted = await admit_alone(self._database, queue, window)
            if admitted is not None:
                return admitted
        async with self._database.transaction() as connection:
            return await admit(connection, queue, window)

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
