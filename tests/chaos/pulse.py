"""The progress of the work, polled from the database."""

import math
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from app.domain.states import FINAL
from tests.chaos.ledger import Ledger
from tests.chaos.plan import Options
from tests.deadlines import deadline

_LOOK_SECONDS = 0.25
# Much longer than a lost bell, a lease or a lock may take.
_STUCK_SECONDS = 90.0
# An upload may be written shortly after the connection to its client broke.
_LATE_SECONDS = 1.0
_BACKLOG_LEAST, _BACKLOG_MOST = 20, 150
_FINAL = ", ".join(f"'{state}'" for state in FINAL)
# An event waits for its position, then its delivery for its end.
_COUNT = f"""
    SELECT count(*) AS tasks,
           count(*) FILTER (WHERE state IN ({_FINAL})) AS final,
           count(*) FILTER (WHERE state IN ({_FINAL}) AND document_id IS NOT NULL) AS done,
           (SELECT count(*) FROM events WHERE position IS NULL) AS unnumbered,
           (SELECT count(*) FROM webhook_deliveries WHERE status = 'pending') AS undelivered
    FROM tasks
"""


class Pulse:
    """Counts tasks and finished ones, within the block.

    ``done`` counts the finished tasks of documents. It never falls, though a replayed task leaves its final state
    again; ``longest_pause`` is the longest time in seconds in which there was work and no task finished.
    """

    def __init__(self, ledger: Ledger, options: Options, end: float) -> None:
        self.next_kill = 0.0
        """The number of finished tasks at which the next kill is due; the killer sets it."""
        self.tasks = 0
        self.done = 0
        self.longest_pause = 0.0
        self.is_over = threading.Event()
        """No new work and no more kills: set at the end of the block, when ``time.monotonic()`` has passed
        ``end``, or when there is work and no task finishes.
        """
        self._ledger = ledger
        self._backlog = max(_BACKLOG_LEAST, min(_BACKLOG_MOST, options.tasks // 10))
        self._end = end
        self._moved = time.monotonic()
        self._final = 0
        self._settled_at = -math.inf
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.is_over.set()
        self._ended.set()
        self._thread.join()

    @property
    def wanted(self) -> float:
        """The number of uploads there should be: always enough to work on, so that uploads and work end together.

        Never more than that beyond the next kill either, which needs work in progress.
        """
        return min(self.done, self.next_kill) + self._backlog

    @property
    def pause(self) -> float:
        """The seconds since a task finished last, or since there was no work."""
        return time.monotonic() - self._moved

    @property
    def unfinished(self) -> int:
        """How many tasks were not final at the last look."""
        return self.tasks - self._final

    @property
    def is_stuck(self) -> bool:
        """Whether no task has finished for longer than any task may take."""
        return self.pause > deadline(_STUCK_SECONDS)

    def settle(self) -> bool:
        """Wait until every task is final and every event is delivered; False when that does not happen any more."""
        since = time.monotonic() + _LATE_SECONDS
        while self._settled_at < since:
            if self.is_stuck:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def wait(self, condition: Callable[[], bool]) -> bool:
        """Wait until the condition is true; False when the run is over first."""
        while not condition():
            if self.is_over.wait(_LOOK_SECONDS / 5):
                return False
        return True

    def _run(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            began = time.monotonic()
            if began > self._end or self.is_stuck:
                self.is_over.set()
            if rows := self._ledger.look(_COUNT):
                self._note(began, **rows[0])

    def _note(self, began: float, *, tasks: int, final: int, done: int, unnumbered: int, undelivered: int) -> None:
        self.longest_pause = max(self.longest_pause, self.pause)
        if final == tasks and not unnumbered and not undelivered:
            self._settled_at = began
        if final != self._final or final == tasks:
            self._moved = time.monotonic()
        self.tasks, self._final, self.done = tasks, final, max(self.done, done)
