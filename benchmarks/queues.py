"""The cost of the queue itself: tasks that do nothing, through the ledger and through plain Celery."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
from celery import Celery

from app.adapters.celery.doorbell import CeleryDoorbell
from app.celery_app import create_celery
from app.db.engine import Database, create_engine
from app.domain.tasks import NewTask, Queue, TaskName
from app.ledger.submit import submit
from app.services.queue.admission import Admission
from app.settings import Settings
from benchmarks.figures import Figure, percentile
from benchmarks.stack import run_program, run_servers, wait_for
from benchmarks.work import fetch

_SLOTS, _WARM_UP, _ALONE, _TOGETHER = 4, 24, 300, 2000


@dataclass(frozen=True, slots=True)
class Pace:
    """Waits from submit to start in milliseconds, one task at a time, and the rate of many tasks per second."""

    waits: list[float]
    rate: float


class Submitter:
    """Submits pings as the API submits uploads: the row, its commit, then admission in the background."""

    def __init__(self, settings: Settings, organization_id: int, agent_id: int) -> None:
        self._database = Database(create_engine(settings.database_url or "", pool_size=4))
        self._doorbell = CeleryDoorbell(create_celery(settings))
        self._admission = Admission(self._database, self._doorbell)
        self._of = (organization_id, agent_id)

    async def submit(self, count: int) -> None:
        """Submit pings in one transaction."""
        async with self._database.transaction() as connection:
            for _ in range(count):
                await submit(connection, NewTask(*self._of, TaskName.PING, Queue.HIGH))
        self._admission.nudge(Queue.HIGH)

    async def close(self) -> None:
        """Finish the admissions and close the connections."""
        await self._admission.settle()
        await self._doorbell.close()
        await self._database.close()


@contextmanager
def run_submitter(settings: Settings, agent_id: int) -> Iterator[Callable[[int], None]]:
    """Yields a function that submits a number of pings of an agent, from a thread that runs an event loop."""
    [row] = fetch(settings, "SELECT organization_id FROM agents WHERE id = $1", agent_id)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="submitter")
    thread.start()

    async def make() -> Submitter:
        return Submitter(settings, row["organization_id"], agent_id)

    submitter = asyncio.run_coroutine_threadsafe(make(), loop).result()
    try:
        yield lambda count: asyncio.run_coroutine_threadsafe(submitter.submit(count), loop).result()
    finally:
        asyncio.run_coroutine_threadsafe(submitter.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def measure() -> list[Figure]:
    """Measure Sluice, then plain Celery, on the same servers, each with four processes."""
    with run_servers() as settings:
        with run_program(settings, "main.py", "worker", "high"):
            ours = asyncio.run(_measure_sluice(settings))
        with run_plain_worker(settings):
            plain = _measure_plain(settings)
    return [
        Figure("submit → start, idle: p50", percentile(ours.waits, 0.5), "ms", 6, plain=percentile(plain.waits, 0.5)),
        Figure("submit → start, idle: p99", percentile(ours.waits, 0.99), "ms", plain=percentile(plain.waits, 0.99)),
        Figure(f"{_TOGETHER} no-ops end to end", ours.rate, "/s", plain=plain.rate),
    ]


async def _measure_sluice(settings: Settings) -> Pace:
    database = await asyncpg.connect(settings.database_url)
    organization_id = await database.fetchval("SELECT min(id) FROM organizations")
    agent_id = await database.fetchval(
        "INSERT INTO agents (organization_id, name, slug) VALUES ($1, 'Benchmark', 'benchmark') RETURNING id",
        organization_id,
    )
    submitter = Submitter(settings, organization_id, agent_id)
    try:
        for number in range(_WARM_UP + _ALONE):
            await submitter.submit(1)
            await _wait_for_ends(database, number + 1)
        rows = await database.fetch(
            "SELECT extract(epoch FROM started_at - created_at)::float8 * 1000 AS wait FROM tasks ORDER BY id"
        )
        await submitter.submit(_TOGETHER)
        await _wait_for_ends(database, len(rows) + _TOGETHER)
        # From the first start: the time to insert two thousand rows is not measured.
        seconds = await database.fetchval(
            """SELECT extract(epoch FROM max(completed_at) - min(started_at))::float8 FROM
               (SELECT started_at, completed_at FROM tasks ORDER BY id DESC LIMIT $1) AS latest""",
            _TOGETHER,
        )
        return Pace([row["wait"] for row in rows[_WARM_UP:]], _TOGETHER / seconds)
    finally:
        await submitter.close()
        await database.close()


async def _wait_for_ends(database: asyncpg.Connection, count: int) -> None:
    deadline = time.monotonic() + 120
    pause = 0.01 if count < _TOGETHER else 0.2
    query = "SELECT count(*) FROM tasks WHERE state = 'SUCCESS'"
    while await database.fetchval(query) < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{count} pings did not end in time")
        await asyncio.sleep(pause)


@contextmanager
def run_plain_worker(
    settings: Settings, *, slots: int = _SLOTS, prefetch: int = 1, name: str = "plain"
) -> Iterator[None]:
    """Run a worker of the plain glue for the block."""
    arguments = [f"--concurrency={slots}", f"--hostname={name}@%h", f"--prefetch-multiplier={prefetch}"]
    quiet = ["--loglevel=ERROR", "--without-gossip", "--without-mingle", "--queues=plain"]
    program = ["-m", "celery", "-A", "benchmarks.plain_glue:celery", "worker"]
    with run_program(settings, *program, *arguments, *quiet):
        with connect_plain(settings) as celery:
            wait_for(lambda: celery.control.ping([f"{name}@{socket.gethostname()}"], timeout=0.5), "the plain worker")
        yield


@contextmanager
def connect_plain(settings: Settings) -> Iterator[Celery]:
    """The plain glue's Celery application, configured as a client."""
    with Celery("plain", broker=settings.redis_url, backend=settings.redis_url) as celery:
        celery.conf.task_default_queue = "plain"
        yield celery


def send_plain(celery: Celery, name: str, *arguments: float) -> str:
    """Publish a task of the plain glue; returns its id."""
    return str(celery.send_task(f"benchmarks.plain_glue.{name}", arguments).id)


def fetch_plain(celery: Celery, task_id: str) -> Any:
    """Wait for a task of the plain glue; returns its result."""
    # Celery's own wait keeps a subscription that outlives its result and the server.
    return wait_for(
        lambda: (found := celery.backend.get_task_meta(task_id))["status"] == "SUCCESS" and found,
        "a plain task to end",
        pause=0.002,
    )["result"]


def _measure_plain(settings: Settings) -> Pace:
    waits = []
    with connect_plain(settings) as celery:
        for _ in range(_WARM_UP + _ALONE):
            sent = time.time()
            waits.append((fetch_plain(celery, send_plain(celery, "note_start")) - sent) * 1000)
        task_ids = [send_plain(celery, "note_start") for _ in range(_TOGETHER)]
        fetch_plain(celery, task_ids[-1])
        starts = [fetch_plain(celery, task_id) for task_id in task_ids]
    return Pace(waits[_WARM_UP:], _TOGETHER / (max(starts) - min(starts)))
