"""Servers in a temporary folder, and the programs to measure, each in a separate process."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import httpx
import psutil

from app.bootstrap import prepare_database
from app.embedded import Engines
from app.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
KEY = "a-key-made-for-benchmarks-only"
Result = TypeVar("Result")


def wait_for(condition: Callable[[], Result], what: str, seconds: float = 120.0, pause: float = 0.02) -> Result:
    """Poll until ``condition`` returns a true value.

    Raises:
        TimeoutError: after ``seconds``; the message names ``what``.
    """
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(pause)
    return result


def find_port() -> int:
    """A free port on the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    """Whether a process listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def make_folder() -> Iterator[Path]:
    """A temporary folder for data."""
    with tempfile.TemporaryDirectory(prefix="sluice-bench-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def run_servers() -> Iterator[Settings]:
    """Run new embedded servers with the current schema; yields the settings to reach them."""
    with make_folder() as folder, Engines(folder) as engines:
        settings = load_settings(
            database_url=engines.urls.database_url,
            redis_url=engines.urls.redis_url,
            data_dir=folder,
            port=find_port(),
            bootstrap_api_key=KEY,
            _env_file=None,
        )
        asyncio.run(prepare_database(settings))
        yield settings


def list_environment(settings: Settings) -> dict[str, str]:
    """The environment of a program that uses these settings and no other settings of Sluice."""
    kept = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    return {
        **kept,
        "DATABASE_URL": settings.database_url or "",
        "REDIS_URL": settings.redis_url or "",
        "DATA_DIR": str(settings.data_dir),
        "PORT": str(settings.port),
        "BOOTSTRAP_API_KEY": KEY,
        "MAX_UPLOAD_MB": str(settings.max_upload_mb),
        "CELERY_LOG_LEVEL": "WARNING",
    }


@contextmanager
def run_program(settings: Settings, *command: str, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python program for the block, then stop it and wait for its end. Its output is shown if the block fails.

    ``variables`` are added to its environment.
    """
    log = settings.data_dir / "program.log"
    environment = list_environment(settings) | variables
    with log.open("ab") as output:
        program = subprocess.Popen([sys.executable, *command], cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        yield program
    except BaseException:
        sys.stderr.write(log.read_text(errors="replace")[-4000:])
        raise
    finally:
        program.send_signal(signal.SIGTERM)
        program.wait(60)


def open_client(settings: Settings) -> httpx.Client:
    """A client of the API."""
    return httpx.Client(
        base_url=f"http://127.0.0.1:{settings.port}",
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=60,
        trust_env=False,
    )


def wait_for_workers(settings: Settings, count: int) -> None:
    """Wait until the API answers and ``count`` workers hold a lease."""
    with open_client(settings) as client:

        def is_ready() -> bool:
            try:
                answer = client.get("/readyz")
            except httpx.TransportError:
                return False
            return answer.is_success and answer.json()["workers"] >= count

        wait_for(is_ready, f"the API and {count} workers")


def list_process_tree(pids: Sequence[int]) -> list[psutil.Process]:
    """The processes with these ids and all their descendants."""
    found = [psutil.Process(pid) for pid in pids]
    return [*found, *(child for process in found for child in process.children(recursive=True))]
