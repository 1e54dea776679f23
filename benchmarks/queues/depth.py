"""The time of a task with a thousand waiting, and with a million: two databases, each with a worker, in turn."""

import asyncio

from app.bootstrap import prepare_database
from app.domain.tasks import Queue, TaskName
from app.settings import Settings
from benchmarks.harness.stack import run_program, run_servers, wait_for
from benchmarks.harness.work import fetch, make_agents
from benchmarks.peers.systems import ROUNDS, count_rounds
from benchmarks.queues.backlog import FILL, SETTLE
from benchmarks.report.figures import Bound, Figure, compare

_FEW, _MANY, _AGENTS = 1000, 1_000_000, 100
_STARTING, _TIMED = 200, 800
_ENDS = "SELECT extract(epoch FROM completed_at)::float8 AS at FROM tasks WHERE completed_at IS NOT NULL ORDER BY 1"
_REMOVE_ENDED = "DELETE FROM tasks WHERE completed_at IS NOT NULL"


def measure(rounds: int = ROUNDS) -> list[Figure]:
    """Start a worker on each database in turn, and time tasks while it works."""
    with run_servers() as few:
        fetch(few, "CREATE DATABASE deep")
        many = few.model_copy(
            update={
                "database_url": (few.database_url or "").replace("/sluice?", "/deep?"),
                "redis_key_prefix": "deep:",
            }
        )
        asyncio.run(prepare_database(many))
        found = dict[str, list[float]]()
        systems = ((f"{_MANY:,} waiting", many, _MANY), (f"{_FEW:,} waiting", few, _FEW))
        for _, settings, rows in systems:
            _fill(settings, rows, make_agents(settings, _AGENTS))
        for _ in count_rounds(rounds):
            for name, settings, _ in systems:
                found.setdefault(name, []).append(_measure(settings))
        peer = f"{_FEW:,} waiting"
        return compare(f"a no-op, {_MANY:,} waiting", "ms", found, {peer: Bound(1.2)})


def _fill(settings: Settings, rows: int, agent_ids: list[int]) -> None:
    fetch(settings, FILL, agent_ids, TaskName.PING.value, Queue.HIGH.value, rows)
    for statement in SETTLE:
        fetch(settings, statement)


def _measure(settings: Settings) -> float:
    """The milliseconds that a task adds to the time of a worker with four slots."""
    agent_ids = [row["id"] for row in fetch(settings, "SELECT id FROM agents ORDER BY id DESC LIMIT $1", _AGENTS)]
    fetch(settings, FILL, agent_ids, TaskName.PING.value, Queue.HIGH.value, _STARTING + _TIMED)
    with run_program(settings, "main.py", "worker", "high", REDIS_KEY_PREFIX=settings.redis_key_prefix):
        wait_for(lambda: len(fetch(settings, _ENDS)) >= _STARTING + _TIMED, "the no-ops to end", seconds=300, pause=0.5)
    ends = [row["at"] for row in fetch(settings, _ENDS)]
    fetch(settings, _REMOVE_ENDED)
    return 1000 * float(ends[_STARTING + _TIMED - 1] - ends[_STARTING - 1]) / _TIMED
