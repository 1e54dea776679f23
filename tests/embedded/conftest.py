import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis

from app.adapters.redis.url import redis_client_url
from tests.database import fetch
from tests.deadlines import deadline

ROOT = Path(__file__).parents[2]


class Program:
    """The servers, started by a separate process."""

    def __init__(self, data_dir: Path, *flags: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.embedded.program", str(data_dir), *flags],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def read(self) -> dict[str, Any]:
        """Wait until the servers are ready; returns what the program prints."""
        assert self.process.stdout
        state: dict[str, Any] = json.loads(self.process.stdout.readline())
        return state

    def end(self) -> int:
        """Let the program end in order; returns the exit code."""
        self.process.communicate(timeout=deadline(30))
        return self.process.returncode

    def kill(self) -> None:
        """Kill only the program."""
        self.process.kill()
        self.process.communicate(timeout=deadline(30))


@pytest.fixture
def programs() -> Iterator[list[Program]]:
    """A list of programs to end after the test."""
    made: list[Program] = []
    yield made
    for program in made:
        if program.process.poll() is None:
            program.end()


def query(url: str, statement: str) -> Any:
    """The first value of the first row of a result, or None."""
    rows = fetch(url, statement)
    return rows[0][0] if rows else None


def redis(url: str) -> "Redis":
    """Make a client of redis-py."""
    return Redis.from_url(redis_client_url(url))


def lives(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="about what root may do")
