"""The broker is flushed repeatedly while ten thousand tasks wait, compared with an undisturbed run.

FLUSHALL runs only while bells are on the list, in one step with reading them, so that each flush loses some bells and
the lost ones are known: their tasks are then timed. The measured list is the one that the workers pop from, by LLEN
about a thousand times a second; bells that a worker has popped and not yet started are not in it.
"""

import asyncio
import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self, cast

from redis import Redis

from app.adapters.redis.url import redis_client_url
from app.domain.tasks import Queue
from app.ledger.admit import WINDOW_MINIMUM
from app.settings import Settings
from benchmarks.harness.stack import run_program, run_servers, wait_for
from benchmarks.harness.work import fetch, make_agents
from benchmarks.queues.no_ops import Submitter
from benchmarks.report.figures import Figure

_TASKS, _AGENTS, _FLUSHES, _SAMPLE_SECONDS = 10_000, 5, 20, 0.001

_ENDED = "SELECT count(*) AS n FROM tasks WHERE completed_at IS NOT NULL"
_FLUSH_BELLS = """
    local bells = redis.call('LRANGE', KEYS[1], 0, -1)
    if #bells > 0 then redis.call('FLUSHALL') end
    return bells
"""
_LATEST_START = "SELECT max(started_at) AS at FROM tasks WHERE id = ANY ($1::uuid[]) AND started_at > $2"
_RESULT = """
    SELECT count(*) FILTER (WHERE state = 'SUCCESS') AS completed,
           extract(epoch FROM max(completed_at) - min(started_at))::float8 AS seconds
    FROM tasks
"""


@dataclass(frozen=True, slots=True)
class _Run:
    """Completed tasks, seconds from the first start to the last end, and the greatest length of the broker's list.

    ``lost`` counts the flushed bells; ``latest`` is the longest time in seconds from a flush to the start of a task
    whose bell it lost, without tasks that another slot had started before.
    """

    completed: int
    seconds: float
    longest: int
    lost: int
    latest: float


class _Gauge:
    """Samples the length of a list in a separate thread and keeps the largest."""

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
    """Run once undisturbed, and once with a flush each time that about another twentieth of the tasks has ended."""
    with run_servers() as settings:
        calm = _run(settings, flushes=0)
        flushed = _run(settings, flushes=_FLUSHES)
        most = 4 * max(WINDOW_MINIMUM, settings.worker_concurrency_high)
    return [
        Figure(f"{_FLUSHES} flushes: bells lost", flushed.lost, "", at_least=_FLUSHES),
        Figure(f"{_FLUSHES} flushes: tasks completed of {_TASKS:,}", flushed.completed, "", at_least=_TASKS),
        Figure(f"{_FLUSHES} flushes: longest wait after a lost bell", flushed.latest * 1000, "ms", at_most=3000),
        Figure(f"{_FLUSHES} flushes: longest broker list", flushed.longest, "bells", at_most=most),
        Figure(f"{_FLUSHES} flushes: all tasks", flushed.seconds, "s"),
        Figure("no flush: longest broker list", calm.longest, "bells", at_most=most),
        Figure("no flush: all tasks", calm.seconds, "s"),
    ]


def _run(settings: Settings, flushes: int) -> _Run:
    """Process new tasks with a new worker, flushing the broker at even distances."""
    fetch(settings, "TRUNCATE tasks CASCADE")
    organization_id = fetch(settings, "SELECT min(id) AS id FROM organizations")[0]["id"]
    asyncio.run(_submit(settings, organization_id, make_agents(settings, _AGENTS)))
    lost: dict[datetime, list[str]] = {}
    with (
        Redis.from_url(redis_client_url(settings.redis_url or "")) as redis,
        _Gauge(redis, Queue.HIGH.value) as gauge,
        run_program(settings, "main.py", "worker", "high"),
    ):
        for number in range(1, flushes + 1):
            _wait_for_ends(settings, number * _TASKS // (flushes + 1))
            bells = _flush(redis)
            lost[datetime.now(UTC)] = bells
        _wait_for_ends(settings, _TASKS)
    row = fetch(settings, _RESULT)[0]
    starts = ((fetch(settings, _LATEST_START, ids, at)[0]["at"], at) for at, ids in lost.items())
    waits = [(start - at).total_seconds() for start, at in starts if start is not None]
    lost_count = sum(map(len, lost.values()))
    return _Run(row["completed"], row["seconds"], gauge.longest, lost_count, max(waits, default=0.0))


def _flush(redis: Redis) -> list[str]:
    """Wait until bells are on the list, and flush it; returns the ids of their tasks."""
    bells: list[bytes] = []

    def flush() -> bool:
        bells.extend(cast("Iterable[bytes]", redis.eval(_FLUSH_BELLS, 1, Queue.HIGH.value)))
        return bool(bells)

    wait_for(flush, "bells on the list", pause=0)
    return [json.loads(bell)["headers"]["id"] for bell in bells]


async def _submit(settings: Settings, organization_id: int, agent_ids: list[int]) -> None:
    """Submit tasks of several agents, one transaction for each agent."""
    submitters = [Submitter(settings, organization_id, agent_id) for agent_id in agent_ids]
    try:
        await asyncio.gather(*(submitter.submit(_TASKS // _AGENTS) for submitter in submitters))
    finally:
        for submitter in submitters:
            await submitter.close()


def _wait_for_ends(settings: Settings, count: int) -> None:
    wait_for(lambda: fetch(settings, _ENDED)[0]["n"] >= count, f"{count} tasks to end", seconds=600, pause=0.2)
