"""A stack with kill points, a client that retries, and queries past the API."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil
from redis import Redis

from app.adapters.redis.url import redis_client_url
from app.domain.states import FINAL
from app.domain.tasks import Queue
from app.settings import Settings, load_settings
from tests.deadlines import deadline, wait_for
from tests.running import ROOT, Stack

_UNFINISHED = "SELECT count(*) FROM tasks WHERE state <> ALL ($1)"
STOP_CHORES = "UPDATE chores SET due_at = 'infinity' WHERE name = ANY ($1)"
_DOCUMENTS = """
SELECT d.id, d.status, d.chunk_count AS document_chunks, t.state, t.attempt, t.crashes, t.retries,
       t.chunk_count AS task_chunks, t.dead_lettered_at IS NOT NULL AS dead,
       (SELECT count(*) FROM chunks AS c WHERE c.document_id = d.id) AS chunks,
       (SELECT count(DISTINCT c.ordinal) FROM chunks AS c WHERE c.document_id = d.id) AS places
FROM documents AS d FULL JOIN tasks AS t ON t.document_id = d.id
WHERE coalesce(d.agent_id, t.agent_id) = $1
ORDER BY d.id
"""


class MortalStack(Stack):
    """A stack of ``mortal`` programs, whose kill points it arms and disarms."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings)
        self._armed = folder / "armed"
        self._scratch = folder / "scratch"
        for made in (self._armed, self._scratch):
            made.mkdir()
        self.environment |= {
            "KILL_POINTS": str(self._armed),
            "TMPDIR": str(self._scratch),
            "WORKER_LEASE_SECONDS": "3",
            "TASK_RETRY_BACKOFF": "0.01",
            # Celery may take 5 s to notice that a pool process has died. Until then its slot is lost.
            "WORKER_CONCURRENCY_HIGH": "8",
        }

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command of the command line, with kill points."""
        command = [sys.executable, "-m", "tests.system.mortal", *arguments]
        return subprocess.Popen(command, cwd=ROOT, env=self.environment)

    def arm(self, *points: str) -> None:
        """Arm each point: the next process that reaches it dies."""
        for point in points:
            (self._armed / point).touch()

    def disarm(self, *points: str) -> None:
        """Disarm these points, or all if none is named; processes that wait there continue."""
        for armed in [self._armed / point for point in points] or list(self._armed.iterdir()):
            armed.unlink(missing_ok=True)

    def is_armed(self, point: str) -> bool:
        """Whether a point still waits for a process."""
        return (self._armed / point).exists()

    def wait_until_struck(self, *points: str) -> None:
        """Wait until a process has died at each of these points."""
        wait_for(lambda: not any(map(self.is_armed, points)), f"processes to die {points}", seconds=15)

    def bring_back_api(self) -> None:
        """Start the API again after it has died."""
        assert self.api
        self.api.wait(deadline(10))
        self.start_api()

    @contextmanager
    def serve_alarms(self) -> Iterator[None]:
        """Run a second worker, for the queue of dead letters, within the block."""
        program = self.start("worker", "default")
        try:
            yield
        finally:
            self.stop(program)

    def insist(self, agent: int, name: str, content: bytes) -> int:
        """Upload as a client that retries until it gets a 202; returns how many answers were lost before."""
        for lost in range(3):
            try:
                self.upload(agent, name, content)
            except httpx.TransportError:
                self.bring_back_api()
            else:
                return lost
        raise AssertionError("no answer came")

    def list_processes(self) -> list[int]:
        """The processes of this stack, orphans too: only they use its folder for temporary files."""
        return [process.pid for process in psutil.process_iter() if _read_variable(process) == str(self._scratch)]


@contextmanager
def run_mortal_stack(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], folder: Path, *, stopped_chores: Sequence[str]
) -> Iterator[MortalStack]:
    """An API, and a worker whose slots are processes, on a database of their own. These chores of upkeep do not run."""
    with make_database() as (database_url, redis_url):
        settings = load_settings(database_url=database_url, redis_url=redis_url, data_dir=folder / "data")
        with MortalStack(settings, folder) as stack:
            stack.start_api()
            with closing(Witness(settings)) as witness:
                witness.fetch(STOP_CHORES, stopped_chores)
            stack.start_workers("high")
            yield stack
        wait_for(lambda: not stack.list_processes(), "every process to be gone, orphans too")


def _read_variable(process: psutil.Process) -> str | None:
    try:
        return process.environ().get("TMPDIR")
    except psutil.Error:  # it has ended, or belongs to another user
        return None


class Witness:
    """Reads the database and the broker, past the API."""

    def __init__(self, settings: Settings) -> None:
        self._runner = asyncio.Runner()
        self._connection = self._runner.run(asyncpg.connect(settings.database_url))
        self._broker: Any = Redis.from_url(redis_client_url(settings.redis_url or ""))

    def close(self) -> None:
        """Close both connections."""
        self._runner.run(self._connection.close())
        self._runner.close()
        self._broker.close()

    def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows."""
        rows: list[asyncpg.Record] = self._runner.run(self._connection.fetch(query, *arguments))
        return rows

    def is_at_rest(self) -> bool:
        """Whether no task waits or runs."""
        return not self.fetch(_UNFINISHED, [state.value for state in FINAL])[0][0]

    def await_rest(self, agent: int) -> Sequence[asyncpg.Record]:
        """Wait until no task waits or runs; returns the agent's documents, each with its task and its chunks."""
        wait_for(self.is_at_rest, "every task to end")
        return self.fetch(_DOCUMENTS, agent)

    def count_messages(self) -> int:
        """The messages in the broker, unacknowledged ones too."""
        return int(sum(self._broker.llen(queue.value) for queue in Queue) + self._broker.hlen("unacked"))
