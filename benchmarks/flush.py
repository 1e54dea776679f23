"""The broker forgets everything while ten thousand tasks wait: FLUSHALL, again and again, beside an undisturbed run.

The list that is measured is the one the workers pop from (LLEN, about a thousand times a second); what a worker has
popped and not yet begun is not in it.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from redis import Redis

from app.adapters.redis_url import redis_client_url
from app.domain.tasks import Queue
from app.ledger.admit import WINDOW_MINIMUM, WINDOW_PER_SLOT
from app.settings import Settings
from benchmarks.figures import Figure
from benchmarks.queues import Submitter
from benchmarks.stack import run_program, run_servers, wait_for
from benchmarks.work import fetch, make_agents

_TASKS, _AGENTS, _FLUSHES = 10_000, 5, 5
_SAMPLE_SECONDS = 0.001

_COUNT_ENDED = "SELECT count(*) AS n FROM tasks WHERE completed_at IS NOT NULL"
_RESULT = """
    SELECT count(*) FILTER (WHERE state = 'SUCCESS') AS completed,
           extract(epoch FROM max(completed_at) - min(started_at))::float8 AS seconds
    FROM tasks
"""


@dataclass(frozen=True, slots=True)
class _Run:
    """How many tasks completed, how long that took from the first start, and how long the broker's list ever was."""

    completed: int
    seconds: float
    longest: int


class _Gauge:
    """Looks at the length of a list in a thread of its own, all the time."""

    def __init__(self, redis: Redis, name: str) -> None:
        self.longest = 0
        self._redis = redis
        self._name = name
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> "_Gauge":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(_SAMPLE_SECONDS):
            self.longest = max(self.longest, int(self._redis.llen(self._name)))


def measure() -> list[Figure]:
    """Once undisturbed, once with the broker flushed each time another sixth of the tasks has ended."""
    calm, flushed = _measure(flushes=0), _measure(flushes=_FLUSHES)
    lost = flushed.seconds - calm.seconds
    slots = load_slots
    return []
