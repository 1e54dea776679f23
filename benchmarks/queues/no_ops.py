"""The cost of the queue itself: tasks that do nothing, through the ledger and through plain Celery.

Each has four processes, late acknowledgements and a prefetch of 1. Celery with results stores them in Redis, as Sluice
does; without results it stores nothing.
"""

import asyncio
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from celery import Celery

from app.adapters.celery.doorbell import CeleryDoorbell
from app.celery_app import create_celery
from app.db.engine import Database, create_engine
from app.domain.tasks import NewTask, Queue, TaskName
from app.ledger.submit import submit
from app.services.queue.admission import Admission
from app.settings import Settings
from benchmarks.harness.stack import run_program, run_servers, wait_for, wait_for_workers
from benchmarks.harness.work import fetch, make_agents, run_tasks
from benchmarks.peers.gate import closed_gate, connect
from benchmarks.peers.systems import OURS, ROUNDS, count_rounds
from benchmarks.report.figures import Bound, Figure, compare, percentile

CELERY, CELERY_BARE = "Celery with results", "Celery without results"
_PLAIN_TASKS = {CELERY: "note_start", CELERY_BARE: "do_nothing"}
_SLOTS, _WARM_UP, _ALONE, _TOGETHER = 4, 24, 60, 2000


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


def measure(rounds: int = ROUNDS) -> list[Figure]:
    """Measure single no-ops, then many, with Sluice and with plain Celery in turn."""
    waits, rates = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    with (
        run_servers() as settings,
        run_program(settings, "main.py", "api"),
        run_program(settings, "main.py", "worker", "high"),
        run_plain_worker(settings),
        connect_plain(settings) as celery,
    ):
        wait_for_workers(settings, 1)
        with run_submitter(settings, make_agents(settings, 1)[0]) as submit:
            run_tasks(settings, submit, _WARM_UP, 1)
            run_tasks(settings, submit, _TOGETHER)
            _time_plain(celery, _WARM_UP)
            for _ in count_rounds(rounds):
                waits[OURS].append(_time_ours(settings, submit))
                waits[CELERY].append(_time_plain(celery, _ALONE))
                rates[OURS].append(_rate_ours(settings, submit))
                for name, task in _PLAIN_TASKS.items():
                    rates[name].append(_rate_plain(celery, settings.redis_url or "", task))
    bounds = {CELERY: Bound(at_least=1.5), CELERY_BARE: Bound(at_least=1.0)}
    return [
        *compare("submit → start, idle: p50", "ms", waits, {CELERY: Bound(1.3)}),
        *compare("no-ops, 4 slots", "/s", rates, bounds),
    ]


def _time_ours(settings: Settings, submit: Callable[[int], None]) -> float:
    """The p50 in milliseconds from the submission of a no-op to its start, on an idle worker."""
    run_tasks(settings, submit, _ALONE, 1)
    query = """
        SELECT extract(epoch FROM started_at - created_at)::float8 * 1000 AS wait FROM tasks ORDER BY id DESC LIMIT $1
    """
    return percentile([row["wait"] for row in fetch(settings, query, _ALONE)], 0.5)


def _rate_ours(settings: Settings, submit: Callable[[int], None]) -> float:
    """No-ops a second, from the commit of all of them to the last end."""
    committed = list[float]()

    def submit_and_note(count: int) -> None:
        submit(count)
        committed.append(time.time())

    run_tasks(settings, submit_and_note, _TOGETHER)
    [row] = fetch(settings, "SELECT extract(epoch FROM max(completed_at))::float8 AS at FROM tasks")
    return _TOGETHER / float(row["at"] - committed[0])


@contextmanager
def run_plain_worker(
    settings: Settings, *, slots: int = _SLOTS, prefetch: int = 1, name: str = "plain"
) -> Iterator[None]:
    """Run a worker of the plain glue for the block."""
    arguments = [f"--concurrency={slots}", f"--hostname={name}@%h", f"--prefetch-multiplier={prefetch}"]
    quiet = ["--loglevel=ERROR", "--without-gossip", "--without-mingle", "--queues=plain"]
    program = ["-m", "celery", "-A", "benchmarks.peers.plain_glue:celery", "worker"]
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
    return str(celery.send_task(f"benchmarks.peers.plain_glue.{name}", arguments).id)


def fetch_plain(celery: Celery, task_id: str) -> Any:
    """Wait for a task of the plain glue; returns its result."""
    # Celery's own wait keeps a subscription that outlives its result and the server.
    return wait_for(
        lambda: (found := celery.backend.get_task_meta(task_id))["status"] == "SUCCESS" and found,
        "a plain task to end",
        pause=0.002,
    )["result"]


def _time_plain(celery: Celery, count: int) -> float:
    """The p50 in milliseconds from the publication of a task to its start, on an idle worker."""
    waits = []
    for _ in range(count):
        sent = time.time()
        waits.append((fetch_plain(celery, send_plain(celery, "note_start")) - sent) * 1000)
    return percentile(waits, 0.5)


def _rate_plain(celery: Celery, redis_url: str, task: str) -> float:
    """No-ops a second, from the moment when all are published and the slots become free to the last acknowledgement."""
    redis = connect(redis_url)
    with closed_gate(redis_url):
        for _ in range(_SLOTS):
            send_plain(celery, "occupy_until_gate")
        wait_for(lambda: cast("int", redis.hlen("unacked")) >= _SLOTS, "the slots to be occupied")
        for _ in range(_TOGETHER):
            send_plain(celery, task)
    began = time.monotonic()
    wait_for(lambda: not redis.llen("plain") and not redis.hlen("unacked"), "the plain tasks to end", pause=0.01)
    return _TOGETHER / (time.monotonic() - began)
