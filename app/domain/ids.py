"""Identifiers. Agents and documents have integers from the database; tasks and workers have UUIDs from here."""

import os
import threading
import time
from typing import NewType
from uuid import UUID

TaskId = NewType("TaskId", UUID)
WorkerId = NewType("WorkerId", UUID)

_MILLISECOND = 1_000_000  # nanoseconds
_TICKS = 1 << 12  # of a millisecond
_LATEST = 1 << 60


class _Clock:
    """A clock for ids that never goes back: a hybrid logical clock (Kulkarni et al., 2014).

    Lists of tasks follow their ids. So a new id must sort after those that this process has made or read, although the
    machine's clock may have been set back, or be behind that of another machine.
    """

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def tick(self) -> int:
        """The time in 4096ths of a millisecond, or the next value after the last one if that is later."""
        milliseconds, rest = divmod(time.time_ns(), _MILLISECOND)
        now = milliseconds * _TICKS + rest * _TICKS // _MILLISECOND
        with self._lock:
            self._last = max(now, self._last + 1)
            return self._last

    def advance(self, ticks: int) -> None:
        """Let all later values be greater than ``ticks``."""
        with self._lock:
            self._last = max(self._last, ticks)


_clock = _Clock()


def uuid7() -> UUID:
    """A time-ordered UUID (RFC 9562, version 7): Unix milliseconds, 12 bits of their fraction, 62 random bits.

    Each sorts after those that this process made before. Ordered ids keep new rows at the right edge of the primary
    key's B-tree. Python has a generator from version 3.14 and Postgres from 18; older versions of both are supported,
    hence this one.
    """
    milliseconds, fraction = divmod(_clock.tick(), _TICKS)
    random = int.from_bytes(os.urandom(8)) >> 2
    return UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | random)


def keep_above(known: UUID) -> None:
    """Let all ids that this process makes from now on sort after ``known``."""
    if known.version == 7:  # noqa: PLR2004 - the version of RFC 9562 that begins with the time
        ticks = (known.int >> 80) * _TICKS + (known.int >> 64) % _TICKS
        if ticks < _LATEST - _TICKS:
            _clock.advance(ticks)


def new_task_id() -> TaskId:
    """Create a task id."""
    return TaskId(uuid7())


def new_worker_id() -> WorkerId:
    """Create a worker id: one per start of a worker process."""
    return WorkerId(uuid7())
