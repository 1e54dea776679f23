"""Time of admission, a claim and the API with a million waiting tasks, compared with an almost empty table.

The rows are no-ops of a hundred agents, then of a thousand, inserted in one statement. Admissions and claims are rolled
back, so each runs on the same rows. The window is that of a worker that holds a lease and does nothing.
"""

import asyncio
import http.client
import os
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import cycle, islice

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import create_engine
from app.domain.ids import new_worker_id
from app.domain.tasks import Queue, TaskName
from app.ledger.admit import admit
from app.ledger.claim import Slot, claim
from app.ledger.workers import NewWorker, register, retire
from app.settings import Settings
from benchmarks.harness.client import Load
from benchmarks.harness.stack import KEY, run_program, run_servers, wait_for_workers
from benchmarks.harness.work import fetch, make_agents
from benchmarks.report.figures import Figure, percentile

_FEW, _MANY = 8, 1_000_000
_AGENTS, _CROWD = 100, 1000
_SLOTS, _WARM_UP, _REPEATS = 4, 20, 200

FILL = """
    INSERT INTO tasks (id, organization_id, agent_id, name, queue, created_at, available_at)
    SELECT uuidv7(), o.id, ($1::bigint[])[1 + n % cardinality($1::bigint[])], $2, $3, at, at
    FROM (SELECT min(id) AS id FROM organizations) AS o, generate_series(1, $4::integer) AS n,
         LATERAL (SELECT now() - make_interval(secs => 0.001 * ($4 - n)) AS at)
"""
SETTLE = ("VACUUM (ANALYZE) tasks", "ANALYZE agents", "CHECKPOINT")


@dataclass(frozen=True, slots=True)
class _Backlog:
    """The waiting tasks: some ids to request, and one agent of theirs."""

    agent_id: int
    task_ids: Sequence[str]


def measure() -> list[Figure]:
    """Measure everything with few tasks and with many; then only admission, with ten times as many waiting agents."""
    with run_servers() as settings, run_program(settings, "main.py", "api"):
        wait_for_workers(settings, 0)
        few = _measure_all(settings, _fill(settings, _FEW, _AGENTS))
        many = _measure_all(settings, _fill(settings, _MANY, _AGENTS))
        _fill(settings, _MANY, _CROWD)
        crowd = asyncio.run(_measure_ledger(settings))["admit"]
    return [
        *(figure for name in few for figure in _compare(name, few[name], many[name])),
        Figure(f"admit, {_CROWD:,} agents: {_MANY:,} waiting", crowd, "ms"),
        Figure(f"admit, {_CROWD:,} agents: ratio", crowd / few["admit"], "times"),
    ]


def _compare(name: str, few: float, many: float) -> Iterator[Figure]:
    yield Figure(f"{name}: {_FEW:,} waiting", few, "ms")
    yield Figure(f"{name}: {_MANY:,} waiting", many, "ms")
    yield Figure(f"{name}: ratio", many / few, "times", at_most=2)


def _measure_all(settings: Settings, backlog: _Backlog) -> dict[str, float]:
    """The p50 of each operation, in milliseconds."""
    return {
        **asyncio.run(_measure_ledger(settings)),
        "GET /tasks/{id}": _time_gets(settings, [f"/api/v1/tasks/{task_id}" for task_id in backlog.task_ids]),
        "GET /queues": _time_gets(settings, ["/api/v1/queues"]),
        "upload of 1 KB": _time_uploads(settings, backlog.agent_id),
    }


def _fill(settings: Settings, rows: int, agents: int) -> _Backlog:
    """Replace all tasks by ``rows`` waiting ones, spread evenly over ``agents`` new agents."""
    fetch(settings, "TRUNCATE tasks, turns CASCADE")
    agent_ids = make_agents(settings, agents)
    fetch(settings, FILL, agent_ids, TaskName.PING.value, Queue.HIGH.value, rows)
    for statement in SETTLE:
        fetch(settings, statement)
    some = fetch(settings, "SELECT id::text FROM tasks ORDER BY random() LIMIT $1", _REPEATS)
    return _Backlog(agent_ids[0], [row["id"] for row in some])


async def _measure_ledger(settings: Settings) -> dict[str, float]:
    engine = create_engine(settings.database_url or "", pool_size=1)
    worker = NewWorker(new_worker_id(), "idle@benchmark", "benchmark", os.getpid(), [Queue.HIGH], _SLOTS)
    try:
        async with engine.connect() as connection:
            await register(connection, worker, lease=3600)
            await connection.commit()
            admission = await _time(connection, lambda: admit(connection, Queue.HIGH))
            bell = (await admit(connection, Queue.HIGH)).bells[0]
            await connection.commit()
            slot = Slot(worker.id, worker.pid)
            claiming = await _time(connection, lambda: claim(connection, bell.task_id, bell.name, slot))
            await retire(connection, worker.id)
            await connection.commit()
    finally:
        await engine.dispose()
    return {"admit": admission, "claim": claiming}


async def _time(connection: AsyncConnection, operate: Callable[[], Awaitable[object]]) -> float:
    """The p50 of an operation in milliseconds, without its commit: it is rolled back."""
    seconds = []
    for _ in range(_WARM_UP + _REPEATS):
        began = time.perf_counter()
        done = await operate()
        seconds.append(time.perf_counter() - began)
        await connection.rollback()
        if not done:
            raise RuntimeError("the operation found no task")
    return 1000 * percentile(seconds[_WARM_UP:], 0.5)


def _time_gets(settings: Settings, paths: Sequence[str]) -> float:
    seconds = []
    with closing(http.client.HTTPConnection("127.0.0.1", settings.port, timeout=60)) as connection:
        for path in islice(cycle(paths), _WARM_UP + _REPEATS):
            began = time.perf_counter()
            connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
            answer = connection.getresponse()
            body = answer.read()
            seconds.append(time.perf_counter() - began)
            if answer.status != http.client.OK:
                raise RuntimeError(body.decode(errors="replace"))
    return 1000 * percentile(seconds[_WARM_UP:], 0.5)


def _time_uploads(settings: Settings, agent_id: int) -> float:
    warm_up, load = Load(), Load()
    for part, requests in ((warm_up, _WARM_UP), (load, _REPEATS)):
        part.apply(settings.port, f"/api/v1/documents/agent/{agent_id}/upload", clients=1, requests=requests, size=1024)
    return load.percentile(0.5)
