"""A stack with low limits for hostile files, and observations of its processes."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from app.settings import Settings
from tests.fuzz.plan import Options
from tests.running import ROOT, Stack, list_family

_SANDBOX = "sandbox.child"
_TROUBLES = (
    "Traceback (most recent call last)",
    "WorkerLostError",
    "exited prematurely",
    "request_failed",
    "part_died",
)
_SHOWN = 400

LIMITS = {
    "MAX_UPLOAD_MB": "2",
    "BATCH_MAX_FILES": "100",
    "ARCHIVE_MAX_MEMBERS": "200",
    "ARCHIVE_MAX_MB": "16",
    "ARCHIVE_MAX_DEPTH": "3",
    "PARSE_MEMORY_MB": "256",
    "PARSE_MAX_PAGES": "500",
    "TASK_RETRY_BACKOFF": "0.01",
    # A pool process that is replaced after its number of tasks would look like one that died.
    "CELERY_WORKER_MAX_TASKS_PER_CHILD": "1000000",
}


@dataclass(frozen=True, slots=True)
class Sight:
    """A process when it was last observed. ``born`` distinguishes reused ids; ``peak`` is its memory in MB."""

    pid: int
    born: float
    command: str
    peak: int


class FuzzedStack(Stack):
    """A stack whose programs write to one log and have low limits."""

    def __init__(self, settings: Settings, folder: Path, options: Options) -> None:
        super().__init__(settings)
        self._log = folder / "parts.log"
        self._log.touch()
        self.environment |= {**LIMITS, "PARSE_TIME_LIMIT": str(options.time_limit)}

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a command of the command line."""
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "main.py", *arguments], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    def look(self) -> dict[int, Sight]:
        """The processes of API and workers, without the children that read documents: those may die."""
        programs = [program.pid for program in (self.api, self.workers) if program]
        return {sight.pid: sight for pid in programs for sight in _look_at(list_family(pid))}

    def list_troubles(self) -> list[str]:
        """The lines of the log about a crash or an unexpected error, each with the lines after it."""
        text = self._log.read_text(errors="replace")
        places = [text.find(sign, at) for sign in _TROUBLES for at in _find(text, sign)]
        return [text[max(0, place - 100) : place + _SHOWN] for place in sorted(set(places))]


def _find(text: str, sign: str) -> Iterator[int]:
    at = text.find(sign)
    while at >= 0:
        yield at
        at = text.find(sign, at + 1)


def _look_at(processes: list[psutil.Process]) -> Iterator[Sight]:
    for process in processes:
        try:
            command = " ".join(process.cmdline())
            if _SANDBOX not in command:
                yield Sight(process.pid, process.create_time(), command, _read_peak(process.pid))
        except (psutil.NoSuchProcess, FileNotFoundError):
            continue


def _read_peak(pid: int) -> int:
    """The peak memory of a process in MB; 0 where the system does not report it."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)
