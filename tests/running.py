"""A stack of real processes, which tests use through its API and kill."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import asyncpg
import httpx
import psutil
from redis import Redis

from app.adapters.redis.url import redis_client_url
from app.celery_app import create_celery
from app.cli.local import WORKERS
from app.settings import Settings
from tests.database import fetch
from tests.deadlines import deadline, wait_for

ROOT = Path(__file__).parents[1]
KEY = "a-key-made-for-tests-only"
BROKERS: dict[tuple[str, str], str] = {}
"""The broker of each test database, by the addresses of Postgres and Redis, where the Redis is not the broker."""
_START_SECONDS = 90.0  # programs start slowly while other tests run
Result = TypeVar("Result")


CHILD_PROGRAMS = {"app.pipeline.sandbox.child", "app.tasks.batch_child"}
"""Programs that workers start for some of their work. They end on their own."""


def list_family(pid: int) -> list[psutil.Process]:
    """The running processes among a process and its descendants."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


class Stack:
    """An API and workers, each a separate program, as an operator would start it."""

    def __init__(self, settings: Settings) -> None:
        broker = settings.celery_broker_url or BROKERS.get((settings.database_url or "", settings.redis_url or ""))
        self.settings = settings.model_copy(update={"celery_broker_url": broker})
        self.port = _find_port()
        self.environment = {
            **{name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields},
            "DATABASE_URL": settings.database_url or "",
            "REDIS_URL": settings.redis_url or "",
            "REDIS_KEY_PREFIX": settings.redis_key_prefix,
            "CELERY_BROKER_URL": broker or "",
            "DATA_DIR": str(settings.data_dir),
            "PORT": str(self.port),
            "BOOTSTRAP_API_KEY": KEY,
            "CELERY_LOG_LEVEL": "WARNING",
            "OCR_ENGINE": "off",  # so that tests do not depend on the extras that are installed
            "WORKER_CONCURRENCY_HIGH": "2",
            "WORKER_CONCURRENCY_MEDIUM": "2",
            "WORKER_CONCURRENCY_LOW": "2",
        }
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}/api/v1",
            headers={"Authorization": f"Bearer {KEY}"},
            timeout=deadline(60),
            trust_env=False,
        )
        self.api: subprocess.Popen[bytes] | None = None
        self.workers: subprocess.Popen[bytes] | None = None
        self._family: set[psutil.Process] = set()

    def __enter__(self) -> Self:
        self.settings.data_dir.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.client.close()
        for program in (self.workers, self.api):
            self.stop(program)
        wait_for(lambda: not any(_lives(process) for process in self._family), "every process to be gone")

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command of the command line."""
        return subprocess.Popen([sys.executable, "main.py", *arguments], cwd=ROOT, env=self.environment)

    def start_api(self) -> None:
        """Start the API and wait until it answers."""
        self.api = self.start("api")
        wait_for(self._answers, "the API to answer", _START_SECONDS)

    def start_workers(self, *queues: str) -> None:
        """Start a worker for each named queue, or for all, and wait until each holds a lease."""
        self.workers = self.start("worker", *queues)
        pids = {worker["pid"] for worker in self.get("/workers")["workers"]} if self.api else set()
        if self.api:
            number = len(queues or WORKERS)
            wait_for(lambda: self._have_registered(number, pids), "the workers to register", _START_SECONDS)

    def stop(self, program: subprocess.Popen[bytes] | None, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop a program by a signal and wait for its end."""
        if program and program.poll() is None:
            self._family |= set(list_family(program.pid))
            program.send_signal(number)
            program.wait(deadline(60))

    def kill_workers(self) -> None:
        """SIGKILL every process of the workers at once, as a power cut would."""
        assert self.workers
        family = list_family(self.workers.pid)
        for process in family:
            process.suspend()
        for process in family:
            process.kill()
        self.workers.wait(deadline(30))
        wait_for(lambda: not any(_lives(process) for process in family), "the killed workers to be gone")

    def lose_bells(self) -> int:
        """Empty the broker, as a flush or a lost disk would; returns the number of messages that were in it."""
        celery = create_celery(self.settings)
        with celery.connection_for_write() as connection:
            queues = [queue(connection.default_channel) for queue in celery.amqp.queues.values()]
            for queue in queues:
                queue.declare()
            lost = sum([queue.purge() or 0 for queue in queues])
            on_redis = connection.transport.driver_type == "redis"
        if on_redis:
            with Redis.from_url(redis_client_url(celery.conf.broker_url)) as redis:
                redis.flushdb()
        return lost

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """GET below ``/api/v1``."""
        return _read(self.client.get(path, params=parameters))

    def post(self, path: str, body: Any = None) -> dict[str, Any]:
        """POST JSON below ``/api/v1``."""
        return _read(self.client.post(path, json=body))

    def delete(self, path: str) -> dict[str, Any]:
        """DELETE below ``/api/v1``."""
        return _read(self.client.delete(path))

    def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run one statement on the database, past the API; returns its rows."""
        return fetch(self.settings.database_url or "", query, *arguments)

    def make_agent(self, **settings: Any) -> int:
        """Make an agent; returns its id."""
        return int(self.post("/agents", {"name": "Test", "settings": settings})["id"])

    def upload(self, agent: int, name: str, content: bytes, **fields: str) -> dict[str, Any]:
        """Upload a document."""
        return _read(self.client.post(f"/documents/agent/{agent}/upload", files={"file": (name, content)}, data=fields))

    def finish(self, task_ids: Sequence[str], seconds: float = 60.0) -> list[dict[str, Any]]:
        """Wait until every task has ended; returns them."""
        ends = {"SUCCESS", "FAILURE", "REVOKED"}
        waiting = list(task_ids)
        done: dict[str, dict[str, Any]] = {}

        def all_ended() -> bool:
            for task_id in list(waiting):
                task = self.get(f"/tasks/{task_id}")
                if task["state"] in ends:
                    done[task_id] = task
                    waiting.remove(task_id)
            return not waiting

        wait_for(all_ended, f"{len(task_ids)} tasks to end", seconds)
        return [done[task_id] for task_id in task_ids]

    def _have_registered(self, number: int, known: set[int]) -> bool:
        assert self.workers
        assert self.workers.poll() is None, "the workers ended while starting"
        return sum(worker["pid"] not in known for worker in self.get("/workers")["workers"]) == number

    def _answers(self) -> bool:
        assert self.api
        assert self.api.poll() is None, "the API ended while starting"
        try:
            return self.client.get("/agents").status_code == 200
        except httpx.TransportError:
            return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _read(response: httpx.Response) -> dict[str, Any]:
    assert response.is_success, f"{response.request.method} {response.request.url}: {response.text}"
    body: dict[str, Any] = response.json()
    return body


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
