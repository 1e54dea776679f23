"""No-ops of other task queues beside those of Sluice: arq, taskiq, procrastinate and dramatiq, four slots each.

Each round publishes all tasks, then starts the worker. The rate is that of the middle eight tenths, so that neither the
start of the worker nor its last polls count. The settings are the defaults, except for the number of slots; their
guarantees differ: only procrastinate and Sluice keep tasks in Postgres.
"""

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple, cast

from redis import Redis

from app.adapters.redis.url import redis_client_url
from app.settings import Settings
from benchmarks.harness.stack import ROOT, list_environment, run_program, run_servers, wait_for
from benchmarks.harness.work import fetch, make_agents, open_counter
from benchmarks.peers.packages import install_peers
from benchmarks.peers.systems import OURS, ROUNDS, count_rounds
from benchmarks.queues.no_ops import run_submitter
from benchmarks.report.figures import Figure, compare

_TASKS = 2000
_FOLDER = "benchmarks.peers.queues"
_PROCRASTINATE_LEFT = "SELECT count(*) FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
_OUR_LEFT = "SELECT count(*) FROM tasks WHERE completed_at IS NULL"


class _Queue(NamedTuple):
    """How a queue publishes tasks, runs a worker, and counts the tasks that are left."""

    publish: Callable[[int], object]
    worker: Sequence[str]
    count_left: Callable[[], int]


def measure(rounds: int = ROUNDS) -> list[Figure]:
    """Measure all queues in turn."""
    rates = defaultdict[str, list[float]](list)
    with ExitStack() as stack:
        settings = stack.enter_context(run_servers())
        redis = stack.enter_context(Redis.from_url(redis_client_url(settings.redis_url or "")))
        fetch(settings, "CREATE DATABASE procrastinate")
        other = settings.model_copy(update={"database_url": _procrastinate_url(settings)})
        environment = _make_environment(settings)
        _run(environment, "procrastinate_app", "prepare", 0)
        count_jobs = stack.enter_context(open_counter(other, _PROCRASTINATE_LEFT))
        submit = stack.enter_context(run_submitter(settings, make_agents(settings, 1)[0]))
        count_ours = stack.enter_context(open_counter(settings, _OUR_LEFT))
        ours = _Queue(submit, ["main.py", "worker", "high"], count_ours)
        queues = {OURS: ours, **_list_queues(redis, environment, count_jobs)}
        for _ in count_rounds(rounds):
            for name, queue in queues.items():
                rates[name].append(_measure(settings, environment, queue))
    return compare(f"{_TASKS:,} no-ops", "/s", rates, {})


def _make_environment(settings: Settings) -> dict[str, str]:
    """The environment of the other queues."""
    return {**list_environment(settings), "PYTHONPATH": os.pathsep.join([str(install_peers()), str(ROOT)])}


def _list_queues(redis: Redis, environment: dict[str, str], count_jobs: Callable[[], int]) -> dict[str, _Queue]:
    def count_stream() -> int:
        [group] = cast("list[dict[str, Any]]", redis.xinfo_groups("taskiq"))
        return int(group["lag"] or 0) + int(group["pending"])

    dramatiq = ["-m", "dramatiq", f"{_FOLDER}.dramatiq_app", "--processes=4", "--threads=1"]
    taskiq = ["-m", "taskiq", "worker", f"{_FOLDER}.taskiq_app:broker", "--workers=4", "--max-async-tasks=1"]
    counts: dict[str, tuple[Sequence[str], Callable[[], int]]] = {
        "arq": (["-m", f"{_FOLDER}.arq_app", "work", "0"], lambda: cast("int", redis.zcard("arq:queue"))),
        "taskiq": (taskiq, count_stream),
        "procrastinate": (["-m", f"{_FOLDER}.procrastinate_app", "work", "0"], count_jobs),
        "dramatiq": (dramatiq, lambda: cast("int", redis.hlen("dramatiq:default.msgs"))),
    }

    def publish(name: str) -> Callable[[int], object]:
        return lambda count: _run(environment, f"{name}_app", "publish", count)

    return {name: _Queue(publish(name), worker, count) for name, (worker, count) in counts.items()}


def _procrastinate_url(settings: Settings) -> str:
    return (settings.database_url or "").replace("/sluice?", "/procrastinate?")


def _run(environment: dict[str, str], module: str, command: str, count: int) -> None:
    url = environment["DATABASE_URL"].replace("/sluice?", "/procrastinate?")
    arguments = (sys.executable, "-m", f"{_FOLDER}.{module}", command, str(count))
    subprocess.run(arguments, cwd=ROOT, env={**environment, "DATABASE_URL": url}, check=True)


def _measure(settings: Settings, environment: dict[str, str], queue: _Queue) -> float:
    """Tasks a second, between the end of the first tenth and that of the ninth."""
    queue.publish(_TASKS)
    url = settings.database_url if queue.worker[0] == "main.py" else _procrastinate_url(settings)
    own = settings.model_copy(update={"database_url": url})
    with run_program(own, *queue.worker, PYTHONPATH=environment["PYTHONPATH"]):
        times = list[tuple[float, int]]()

        def note() -> bool:
            times.append((time.monotonic(), queue.count_left()))
            return times[-1][1] <= _TASKS // 10

        wait_for(note, "the no-ops to end", pause=0.01)
        wait_for(lambda: queue.count_left() == 0, "the last no-ops to end")
    began, left = next((at, left) for at, left in times if left <= _TASKS * 9 // 10)
    ended, rest = times[-1]
    return (left - rest) / (ended - began)
