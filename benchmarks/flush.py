"""The broker forgets everything while ten thousand tasks wait: FLUSHALL, again and again, beside an undisturbed run.

Each flush comes at a moment when bells lie in the list, since a flush of an empty list would prove nothing; those it
takes show in the ledger as rung again. The list is the one the workers pop from, measured by LLEN about a thousand
times a second; what a worker has popped and not yet begun is not in it.
"""

import asyncio
import threading
import time
from bisect import bisect
from dataclasses import dataclass
from typing import Self, cast

from redis import Redis

from app.adapters.redis_url import redis_client_url
from app.domain.tasks import Queue
from app.ledger.admit import WINDOW_MINIMUM
from app.settings import Settings
from benchmarks.figures import Figure, percentile
from benchmarks.queues import Submitter
from benchmarks.stack import run_program, run_servers, wait_for
from benchmarks.work import fetch, make_agents

_TASKS, _AGENTS, _FLUSHES, _BELLS, _SAMPLE_SECONDS = 10_000, 5, 10, 2, 0.001

_ENDED = "SELECT count(*) AS n FROM tasks WHERE completed_at IS NOT NULL"
_COMPLETED = "SELECT count(*) AS n FROM tasks WHERE state = 'SUCCESS'"
_LATE = "SELECT extract(epoch FROM started_at)::float8 AS at FROM tasks WHERE rings > 1"


@dataclass(frozen=True, slots=True)
class _Run:
    """What came of a run.

    ``late`` holds, for each task whose bell rang more than once, the seconds from the flush before to its start.
    """

    completed: int
    longest: int
    late: list[float]


class _Gauge:
    """Looks at the length of a list all the time, in a thread of its own, and keeps the largest."""

    def __init__(self, redis: Redis, name: str) -> None:
        self.longest = 0
        self._redis = redis
        self._name = name
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._left.wait(_SAMPLE_SECONDS):
            self.longest = max(self.longest, cast("int", self._redis.llen(self._name)))


def measure() -> list[Figure]:
    """Once undisturbed, and once flushed at even distances."""
    with run_servers() as settings:
        calm = _run(settings, flushes=0)
        flushed = _run(settings, flushes=_FLUSHES)
        window = max(WINDOW_MINIMUM, settings.worker_concurrency_high)
    if not flushed.late:
        raise RuntimeError("no flush took a bell")
    name = f"{_FLUSHES} flushes"
    return [
        Figure(f"{name}: tasks completed of {_TASKS:,}", flushed.completed, "", at_least=_TASKS),
        Figure(f"{name}: longest broker list", flushed.longest, "bells", at_most=window),
        Figure("no flush: longest broker list", calm.longest, "bells", at_most=window),
        Figure("no flush: tasks rung again", len(calm.late), ""),
        Figure(f"{name}: tasks rung again", len(flushed.late), ""),
        Figure("from the flush to their start: p50", percentile(flushed.late, 0.5), "s"),
        Figure("from the flush to their start: longest", max(flushed.late), "s"),
    ]


def _run(settings: Settings, flushes: int) -> _Run:
    """Work through fresh tasks with a fresh worker, the broker flushed each time so many more have ended."""
    fetch(settings, "TRUNCATE tasks CASCADE")
    organization_id = fetch(settings, "SELECT min(id) AS id FROM organizations")[0]["id"]
    asyncio.run(_submit(settings, organization_id, make_agents(settings, _AGENTS)))
    flushed_at = [0.0]
    with (
        Redis.from_url(redis_client_url(settings.redis_url or "")) as redis,
        _Gauge(redis, Queue.HIGH.value) as gauge,
        run_program(settings, "main.py", "worker", "high"),
    ):
        for number in range(1, flushes + 1):
            _wait_for_ends(settings, number * _TASKS // (flushes + 1))
            flushed_at.append(_flush(redis))
        _wait_for_ends(settings, _TASKS)
    late = [row["at"] - flushed_at[bisect(flushed_at, row["at"]) - 1] for row in fetch(settings, _LATE)]
    return _Run(fetch(settings, _COMPLETED)[0]["n"], gauge.longest, late)


def _flush(redis: Redis) -> float:
    """Have the broker forget everything at a moment when bells lie in the list; returns when, in seconds since 1970."""
    wait_for(lambda: cast("int", redis.llen(Queue.HIGH.value)) >= _BELLS, "bells to lose", pause=0)
    redis.flushall()
    return time.time()


async def _submit(settings: Settings, organization_id: int, agent_ids: list[int]) -> None:
    """Tasks of several agents, each agent's in one transaction."""
    submitters = [Submitter(settings, organization_id, agent_id) for agent_id in agent_ids]
    try:
        await asyncio.gather(*(submitter.submit(_TASKS // _AGENTS) for submitter in submitters))
    finally:
        for submitter in submitters:
            await submitter.close()


def _wait_for_ends(settings: Settings, count: int) -> None:
    wait_for(lambda: fetch(settings, _ENDED)[0]["n"] >= count, f"{count} tasks to end", seconds=600, pause=0.2)
