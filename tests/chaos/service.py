"""A program of the installation, supervised as a service manager would do it."""

import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from tests.deadlines import deadline, wait_for
from tests.running import ROOT

_MARK = "SLUICE_CHAOS_SERVICE"
_QUICK_DEATH_SECONDS = 2.0
_STOP_SECONDS = 60.0


class Service:
    """One program and all its processes.

    A variable in their environment identifies them, so that those whose parent was killed are found too.

    Args:
        name: Its name, which no other service has.
        command: The program and its arguments.
        environment: Its environment.
        log: The file its output goes to.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._command = command
        self._mark = f"{log} {name}"
        self._environment = {**environment, _MARK: self._mark}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def start(self) -> None:
        """Start the program."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C must not reach it; this program stops it then
            )
        self._started = time.monotonic()

    def revive(self) -> None:
        """Restart it if it has ended; after a start that failed at once, wait two seconds first."""
        if self._process is None or self._process.poll() is None:
            return
        if time.monotonic() - self._started > _QUICK_DEATH_SECONDS:
            self.start()

    def list_family(self) -> set[psutil.Process]:
        """Its running processes."""
        marked = {process for process in psutil.process_iter() if _read_mark(process) == self._mark}
        return marked | {child for process in marked for child in _list_children(process) if lives(child)}

    def freeze(self) -> set[psutil.Process]:
        """SIGSTOP all its processes; returns them."""
        frozen = set[psutil.Process]()
        while found := self.list_family() - frozen:  # a process may have forked before it was stopped
            for process in found:
                _send(process, "suspend")
            frozen |= found
        return frozen

    def thaw(self) -> None:
        """SIGCONT all its processes."""
        for process in self.list_family():
            _send(process, "resume")

    def kill(self) -> int:
        """SIGKILL all its processes at once, as a power cut would; returns their number."""
        family = self.freeze()
        for process in family:
            _send(process, "kill")
        wait_for(lambda: not any(lives(process) for process in family), f"{self.name} to be gone")
        return len(family)

    def stop(self) -> list[str]:
        """SIGTERM the program and wait for its end; kills what outlives it and returns the command lines."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(deadline(_STOP_SECONDS))
        end = time.monotonic() + deadline(5)
        while (left := self.list_family()) and time.monotonic() < end:
            time.sleep(0.05)
        lines = [_describe(process) for process in left]
        self.kill()
        return lines


def lives(process: psutil.Process) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _read_mark(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(_MARK)
    except psutil.Error:  # it has ended, or belongs to another user
        return None


def _list_children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _send(process: psutil.Process, signal: str) -> None:
    try:
        getattr(process, signal)()
    except psutil.NoSuchProcess:
        return  # it has ended by itself


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} (child of {process.ppid()}): {' '.join(process.cmdline())}"
    except psutil.Error:
        return str(process.pid)
