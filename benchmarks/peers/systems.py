"""The systems that are compared: Sluice, the honest peer and the bare one, all on the same servers.

All run at the same time. Only one works at any time, so that a change of the machine's speed affects all of them.
"""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx
from celery import Celery

from app.settings import Settings
from benchmarks.harness.mixed import Document
from benchmarks.harness.stack import KEY, find_port, is_open, open_client, run_program, wait_for, wait_for_workers
from benchmarks.harness.work import fetch, send_documents
from benchmarks.peers.packages import install_peers

OURS, HONEST, BARE = "Sluice", "honest peer", "bare peer"
ROUNDS = 5
_HONEST_ENDED = "SELECT count(*) FROM documents WHERE status IN ('completed', 'failed')"
_OUR_ENDED = "SELECT count(*) FROM tasks WHERE completed_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class System:
    """A running system: where it takes uploads, and how its ended documents are counted."""

    name: str
    settings: Settings
    port: int
    choose_path: Callable[[], str]
    """The path of uploads. For Sluice, that of a new agent at each call."""
    ended: str = ""

    def upload(self, documents: Sequence[Document]) -> None:
        """Upload documents over several connections."""
        headers = {"Authorization": f"Bearer {KEY}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, trust_env=False) as client:
            send_documents(client, self.choose_path(), documents)


def count_rounds(rounds: int) -> Iterator[int]:
    """The numbers of the rounds from 0; prints each as it begins."""
    for number in range(rounds):
        print(f"  round {number + 1} of {rounds}", flush=True)
        yield number


@contextmanager
def run_ours(settings: Settings, *, worker: bool = True) -> Iterator[System]:
    """Sluice: the API, and the high worker with its four processes."""
    with ExitStack() as stack:
        stack.enter_context(run_program(settings, "main.py", "api"))
        if worker:
            stack.enter_context(run_program(settings, "main.py", "worker", "high"))
        wait_for_workers(settings, int(worker))

        def make_agent() -> str:
            with open_client(settings) as client:
                agent = client.post("/api/v1/agents", json={"name": "Benchmark"}).raise_for_status().json()["id"]
            return f"/api/v1/documents/agent/{agent}/upload"

        yield System(OURS, settings, settings.port, make_agent, _OUR_ENDED)


@contextmanager
def run_honest(settings: Settings, *, worker: bool = True) -> Iterator[System]:
    """The honest peer, in a database of its own: the API, and a worker with four processes."""
    url = settings.database_url or ""
    if not fetch(settings, "SELECT FROM pg_database WHERE datname = 'honest'"):
        fetch(settings, "CREATE DATABASE honest")
    own = settings.model_copy(update={"database_url": url.replace("/sluice?", "/honest?"), "port": find_port()})
    with ExitStack() as stack:
        stack.enter_context(_run_glue_api(own, "honest_glue"))
        if worker:
            stack.enter_context(run_honest_worker(own, "honest", 4))
        yield System(HONEST, own, own.port, lambda: "/upload", _HONEST_ENDED)


@contextmanager
def run_bare(settings: Settings) -> Iterator[System]:
    """The bare peer: its API only."""
    own = settings.model_copy(update={"port": find_port()})
    with _run_glue_api(own, "plain_glue"):
        yield System(BARE, own, own.port, lambda: "/upload")


@contextmanager
def run_honest_worker(settings: Settings, queue: str, slots: int) -> Iterator[int]:
    """A worker of the honest peer; yields its process id."""
    name = f"{queue}-{os.getpid()}@{socket.gethostname()}"
    program = ("-m", "celery", "-A", "benchmarks.peers.honest_glue:celery", "worker", f"--queues={queue}")
    options = (
        f"--concurrency={slots}",
        f"--hostname={name}",
        "--loglevel=ERROR",
        "--without-gossip",
        "--without-mingle",
    )
    with run_program(settings, *program, *options, PYTHONPATH=str(install_peers())) as started:
        # A connection of its own: the pool may have one to the servers of an earlier measure, which have ended.
        with Celery("honest", broker=settings.redis_url) as celery, celery.connection() as connection:
            wait_for(lambda: celery.control.ping([name], timeout=0.5, connection=connection), f"the worker of {queue}")
        yield started.pid


@contextmanager
def _run_glue_api(settings: Settings, module: str) -> Iterator[None]:
    command = ("-m", "uvicorn", "--factory", f"benchmarks.peers.{module}:create_app", f"--port={settings.port}")
    packages = str(install_peers())
    with run_program(settings, *command, "--no-access-log", "--log-level=warning", PYTHONPATH=packages):
        wait_for(lambda: is_open(settings.port), f"the API of {module} to listen")
        yield
