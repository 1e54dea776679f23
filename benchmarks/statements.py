"""Statements and round trips to Postgres, and commands to Valkey, for each no-op and each small document.

``python -m benchmarks statements`` prints the figures, and each statement with its number for each task. Counts hardly
depend on the load of the machine. The supervisor's statements are not counted: they follow the clock, not the tasks.
BEGIN and COMMIT are round trips, and no statements.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from redis import Redis

from app.adapters.redis.url import redis_client_url
from app.settings import Settings
from benchmarks.harness.processes import Kind
from benchmarks.harness.stack import open_client, run_program, run_servers, wait_for_workers
from benchmarks.harness.wire import StatementProxy
from benchmarks.harness.work import make_agents, make_uploader, run_tasks
from benchmarks.queues.no_ops import run_submitter
from benchmarks.report.figures import Figure

_WARM_UP, _ALONE, _MANY, _IDLE_SECONDS = 40, 50, 200, 3.0
_SETTLE_SECONDS = 0.6
"""After the last task of a run: the time for its reports to Celery and for the last admission."""
_SHOWN = 0.05
"""Statements that fewer tasks send than this share are not printed."""
_SUBMITTERS = {Kind.API, Kind.OTHER}
"""No-ops are submitted by the benchmark, in the way of the API."""
_WORKERS = {Kind.POOL, Kind.WORKER}


@dataclass(frozen=True, slots=True)
class Sent:
    """What some processes sent for each task."""

    statements: float
    round_trips: float


class _Meter:
    """Counts what the programs send while something happens."""

    def __init__(self, proxy: StatementProxy, redis: Redis) -> None:
        self._proxy = proxy
        self._redis = redis
        self._start()
        time.sleep(_IDLE_SECONDS)
        self._idle_commands = self._count_commands() / _IDLE_SECONDS

    def count(self, work: Callable[[], None], tasks: int) -> float:
        """Run ``work``; returns the commands to Valkey for each of its tasks, without those of an idle system."""
        self._start()
        began = time.monotonic()
        work()
        time.sleep(_SETTLE_SECONDS)
        return (self._count_commands() - self._idle_commands * (time.monotonic() - began)) / tasks

    def sum_up(self, kinds: set[Kind], tasks: int) -> Sent:
        """What processes of these kinds sent to Postgres during the last count, for each task."""
        found = [traffic for kind, traffic in self._proxy.traffic.items() if kind in kinds]
        statements = sum(traffic.statement_count for traffic in found)
        return Sent(statements / tasks, sum(traffic.round_trips for traffic in found) / tasks)

    def show(self, label: str, tasks: int) -> None:
        """Print how often each statement was sent for each task during the last count."""
        print(f"\n{label}: the statements of each task", flush=True)
        for kind, traffic in self._proxy.traffic.items():
            for text, number in traffic.statements.most_common():
                if kind is not Kind.SUPERVISOR and number >= _SHOWN * tasks:
                    print(f"  {number / tasks:6.2f}  {kind}: {text}")

    def _start(self) -> None:
        self._redis.config_resetstat()
        self._proxy.reset()

    def _count_commands(self) -> int:
        """Commands since the start. Those inside of Lua scripts and transactions count too."""
        return sum(entry["calls"] for entry in cast("dict[str, Any]", self._redis.info("commandstats")).values())


def measure() -> list[Figure]:
    """Count no-ops and small documents, one at a time and many waiting."""
    with _run_counted() as (settings, counted, meter), open_client(settings) as client:
        [agent_id] = make_agents(settings, 1)
        documents = make_uploader(client, agent_id, kinds=("txt",))
        with run_submitter(counted, agent_id) as no_ops:
            return [
                *_count(settings, meter, "no-op", no_ops, most=2),
                *_count(settings, meter, "small document", documents, most=6),
            ]


def _count(
    settings: Settings, meter: _Meter, name: str, submit: Callable[[int], None], most: float
) -> Iterator[Figure]:
    run_tasks(settings, submit, _WARM_UP)
    for label, tasks, together in ((f"{name}, one at a time", _ALONE, 1), (f"{name}, many waiting", _MANY, _MANY)):
        commands = meter.count(partial(run_tasks, settings, submit, tasks, together), tasks)
        meter.show(label, tasks)
        worker, api = meter.sum_up(_WORKERS, tasks), meter.sum_up(_SUBMITTERS, tasks)
        target = most if together > 1 else None
        yield Figure(f"{label}: statements, worker", worker.statements, "", at_most=target)
        yield Figure(f"{label}: round trips, worker", worker.round_trips, "", at_most=target)
        yield Figure(f"{label}: statements, API", api.statements, "")
        yield Figure(f"{label}: round trips, API", api.round_trips, "")
        yield Figure(f"{label}: commands to Valkey", commands, "")


@contextmanager
def _run_counted() -> Iterator[tuple[Settings, Settings, _Meter]]:
    """Run an API and the high worker through the proxy; yields the settings without it, and those with it."""
    with run_servers() as settings:
        proxy = StatementProxy(settings.database_url or "")
        with proxy.run() as url:
            counted = settings.model_copy(update={"database_url": url})
            with (
                run_program(counted, "main.py", "api"),
                run_program(counted, "main.py", "worker", "high"),
                Redis.from_url(redis_client_url(settings.redis_url or "")) as redis,
            ):
                wait_for_workers(settings, 1)
                yield settings, counted, _Meter(proxy, redis)
