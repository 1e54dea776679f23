"""Processes are killed while they run tasks: the seconds until each of their tasks runs again.

A whole worker dies as in a power failure: its main process, the pool, the parsers and the supervisor at once. Its tasks
wait for the lease to expire and for nothing else, because the other workers have enough free slots. Each document is
held in the middle by stopping its process: such a task takes long and uses no processor time.
"""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from uuid import UUID

import asyncpg
import httpx
import psutil

from app.settings import Settings
from benchmarks.harness.stack import (
    ROOT,
    list_environment,
    list_process_tree,
    open_client,
    run_program,
    run_servers,
    wait_for,
    wait_for_workers,
)
from benchmarks.harness.work import fetch, make_agents, make_text, upload
from benchmarks.report.figures import Figure, percentile

_LEASE, _SHORT_LEASE, _TICK, _STOP_SECONDS = 15.0, 3.0, 0.5, 30.0
_FLEET, _SLOTS, _VICTIMS, _ROUNDS, _LINES = 6, 4, 3, 5, 4000
_DOCUMENTS = (_FLEET - _VICTIMS) * _SLOTS

_ACTIVE = """
    SELECT t.id, t.attempt, t.pid, w.pid AS main FROM tasks AS t LEFT JOIN workers AS w ON w.id = t.worker_id
    WHERE t.state NOT IN ('SUCCESS', 'FAILURE', 'REVOKED')
"""
_AGAIN = "SELECT extract(epoch FROM started_at)::float8 AS at FROM tasks WHERE id = $1 AND attempt > $2"


@dataclass(frozen=True, slots=True)
class _Loss:
    """A running task whose process died, and the time of death in seconds since 1970."""

    task_id: UUID
    attempt: int
    at: float


class _Fleet:
    """Workers of the high queue, each started separately, as on separate hosts."""

    def __init__(self, settings: Settings, lease: float) -> None:
        self.settings = settings
        self.lease = lease
        self.workers: list[subprocess.Popen[bytes]] = []
        self._numbers = count(1)

    def fill(self) -> None:
        """Start the missing workers, without waiting for them."""
        while len(self.workers) < _FLEET:
            self.workers.append(self._start(f"bench{next(self._numbers)}@{socket.gethostname()}"))

    def wait(self) -> None:
        """Wait until every live worker holds a lease and no dead one does."""
        pids = {worker.pid for worker in self.workers}
        query = "SELECT pid FROM workers WHERE lease_expires_at > now()"
        wait_for(lambda: {row["pid"] for row in fetch(self.settings, query)} == pids, "the workers to register")

    def kill(self, main: int) -> list[_Loss]:
        """SIGKILL every process of a worker at the same time; returns their tasks."""
        worker = next(worker for worker in self.workers if worker.pid == main)
        self.workers.remove(worker)
        processes = list_process_tree([main])
        _do_to_all(processes, psutil.Process.suspend)
        at = time.time()
        held = [row for row in fetch(self.settings, _ACTIVE) if row["main"] == main]
        _do_to_all(processes, psutil.Process.kill)
        worker.wait()
        return [_Loss(row["id"], row["attempt"], at) for row in held]

    def stop(self) -> None:
        """Terminate the workers, and kill those that do not end in time."""
        for worker in self.workers:
            worker.terminate()
        for worker in list(self.workers):
            try:
                worker.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill(worker.pid)

    def _start(self, name: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-A", "app.celery_app", "--quiet", "worker", f"--hostname={name}"]
        command += ["--queues=high_priority", "--pool=prefork", f"--concurrency={_SLOTS}", "--loglevel=WARNING"]
        environment = {**list_environment(self.settings), "WORKER_LEASE_SECONDS": str(self.lease)}
        with (self.settings.data_dir / "workers.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--without-gossip", "--without-mingle"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )


def _pause(longest: float) -> None:
    """Sleep for a random time."""
    time.sleep(random.uniform(0, longest))  # noqa: S311 - not a secret


def _do_to_all(processes: Iterable[psutil.Process], act: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            act(process)


@contextmanager
def _run_fleet(settings: Settings, lease: float) -> Iterator[_Fleet]:
    fleet = _Fleet(settings, lease)
    try:
        fleet.fill()
        yield fleet
    finally:
        fleet.stop()


class _Drill:
    """Repeated losses and recoveries on one fleet."""

    def __init__(self, fleet: _Fleet, client: httpx.Client) -> None:
        self._fleet = fleet
        self._client = client
        self._settings = fleet.settings
        (self._agent,) = make_agents(fleet.settings, 1)

    def lose_workers(self) -> list[float]:
        """Kill the busiest workers in turn, at random times between two heartbeats; returns seconds by task."""
        with self._hold_documents() as held:
            losses = list[_Loss]()
            for main, _ in Counter(row["main"] for row in held).most_common(_VICTIMS):
                _pause(self._fleet.lease / 3 / _VICTIMS)
                losses += self._fleet.kill(main)
            self._fleet.fill()
            return self._await_all(losses)

    def lose_processes(self) -> list[float]:
        """Kill a process of each pool, one after the other; returns seconds by task."""
        with self._hold_documents() as held:
            losses = []
            for row in {row["main"]: row for row in held}.values():
                _pause(_TICK)
                losses.append(_Loss(row["id"], row["attempt"], time.time()))
                os.kill(row["pid"], signal.SIGKILL)
            return self._await_all(losses)

    @contextmanager
    def _hold_documents(self) -> Iterator[list[asyncpg.Record]]:
        """Hold documents in the middle and yield their rows; after the block the surviving workers continue."""
        self._fleet.wait()
        held = dict[UUID, psutil.Process]()
        try:
            wait_for(lambda: self._hold_more(held), "enough documents to be held")
            yield fetch(self._settings, _ACTIVE)
        finally:
            _do_to_all(held.values(), psutil.Process.resume)
        wait_for(lambda: not fetch(self._settings, _ACTIVE), "every task to end")

    def _hold_more(self, held: dict[UUID, psutil.Process]) -> bool:
        """Stop the running processes, by task, or upload one more document; returns whether enough are held."""
        active = fetch(self._settings, _ACTIVE)
        for row in active:
            if row["main"] and row["id"] not in held:
                held[row["id"]] = psutil.Process(row["pid"])
                held[row["id"]].suspend()
        if len(active) < _DOCUMENTS:
            upload(self._client, self._agent, "book.txt", make_text(_LINES))
        return len(active) == _DOCUMENTS and all(row["id"] in held for row in active)

    def _await_all(self, losses: Sequence[_Loss]) -> list[float]:
        return [self._await_again(loss) - loss.at for loss in losses]

    def _await_again(self, loss: _Loss) -> float:
        rows = wait_for(lambda: fetch(self._settings, _AGAIN, loss.task_id, loss.attempt), "a task to run again")
        return float(rows[0]["at"])


def measure() -> list[Figure]:
    """Measure whole workers with each lease, then single processes of their pools."""
    with run_servers() as settings, run_program(settings, "main.py", "api"), open_client(settings) as client:
        wait_for_workers(settings, 0)
        with _run_fleet(settings, _LEASE) as fleet:
            drill = _Drill(fleet, client)
            workers = [second for _ in range(_ROUNDS) for second in drill.lose_workers()]
        with _run_fleet(settings, _SHORT_LEASE) as fleet:
            drill = _Drill(fleet, client)
            hurried = [second for _ in range(_ROUNDS) for second in drill.lose_workers()]
            processes = [second for _ in range(_ROUNDS) for second in drill.lose_processes()]
    return [
        *_describe(f"{_ROUNDS * _VICTIMS} workers die, lease {_LEASE:g} s", workers, at_most=20),
        *_describe(f"{_ROUNDS * _VICTIMS} workers die, lease {_SHORT_LEASE:g} s", hurried, at_most=5),
        *_describe("pool processes die", processes, at_most=2),
    ]


def _describe(name: str, seconds: Sequence[float], at_most: float) -> list[Figure]:
    name = f"{name}, {len(seconds)} tasks"
    return [
        Figure(f"{name}: p50", percentile(seconds, 0.5), "s"),
        Figure(f"{name}: p99", percentile(seconds, 0.99), "s", at_most=at_most),
    ]
