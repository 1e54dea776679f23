"""The base class of the embedded servers: starts and stops a server process on its files."""

import fcntl
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import Signals
from subprocess import DEVNULL
from typing import ClassVar

from app.domain.errors import StartupError
from app.embedded.process import Child, ChildStarter, SystemUser

# After a crash, a server replays its log before it answers.
_START_SECONDS = 120.0
_LOCK_SECONDS = 60.0
_LOG_BYTES = 16 * 1024 * 1024


class Engine(ABC):
    """One embedded server: ``<name>/`` holds its files, ``<name>.log`` its output.

    The server and all its children inherit a lock on ``<name>.lock``. The lock shows whether any process still uses the
    files. Process ids would not: the system reuses them.
    """

    name: ClassVar[str]
    variable: ClassVar[str]
    """The setting that names another server instead."""
    stop_signals: ClassVar[tuple[tuple[Signals, float], ...]]
    """The signals that stop it, each with the seconds to wait before the next. The first is also the death signal."""

    def __init__(self, data_dir: Path, run_dir: Path, starter: ChildStarter) -> None:
        self.folder = data_dir / self.name
        self.run_dir = run_dir
        self.socket_dir = run_dir / self.name
        self.system_user: SystemUser | None = None
        self._log = data_dir / f"{self.name}.log"
        self._log_start = 0
        self._starter = starter
        self._child: Child | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for clients."""

    @abstractmethod
    def prepare(self, lock: int) -> None:
        """Prepare the files, while no process uses them."""

    @abstractmethod
    def command(self) -> list[str]:
        """The server's command line. The working directory is ``folder``."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server answers a request.

        Raises:
            OSError: the server does not listen yet.
        """

    def end_orphans(self) -> None:  # noqa: B027 - most servers are one process
        """End processes of the server that outlived its main process."""

    @property
    def pid(self) -> int | None:
        """The server's process id; None before the first start."""
        return self._child.pid if self._child else None

    def has_died(self) -> bool:
        """Whether the server was started and has ended."""
        return self._child is not None and self._child.poll() is not None

    def launch(self) -> None:
        """Start the server, without waiting until it answers.

        Raises:
            StartupError: the files could not be prepared, or another process still uses them.
        """
        self._log_start = self._open_log()
        with self._lock_files() as lock:
            self.prepare(lock)
            self._make_socket_dir()
            self._child = self.spawn(self.command(), self.folder, lock)

    def spawn(self, command: list[str], folder: Path, lock: int, stdin: int = DEVNULL) -> Child:
        """Start one of the server's programs."""
        return self._starter.spawn(
            command,
            folder=folder,
            log=self._log,
            death_signal=self.stop_signals[0][0],
            lock=lock,
            system_user=self.system_user,
            stdin=stdin,
        )

    def wait_until_ready(self) -> None:
        """Wait until the launched server answers.

        Raises:
            StartupError: the server ended or did not answer in time. The message contains the end of its log.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not self._try_request():
            if self.has_died():
                raise self.failure("ended at once")
            if time.monotonic() > deadline:
                raise self.failure(f"did not answer within {_START_SECONDS:.0f} s")
            time.sleep(0.005)

    def begin_stop(self) -> None:
        """Send the first stop signal."""
        if self._child:
            self._child.send(self.stop_signals[0][0])

    def finish_stop(self) -> None:
        """Wait for the end of the server, sending each further stop signal after its time."""
        for number, seconds in self.stop_signals:
            if self._child is None or self._child.wait(0):
                return
            self._child.send(number)
            self._child.wait(seconds)

    def failure(self, what: str) -> StartupError:
        """Make an error that says what happened, how to avoid it, and how the log ends."""
        with self._log.open("rb") as log:
            log.seek(max(self._log_start, self._log.stat().st_size - 2000))
            lines = log.read().decode(errors="replace").splitlines()[-8:]
        end = "\n  ".join(["", *lines])
        advice = f"{self.variable} can name a server of your own."
        return StartupError(f"The embedded {self.name} {what}. {advice} {self._log} ends with:{end}")

    def _try_request(self) -> bool:
        try:
            return self.answers()
        except OSError:  # there is no socket yet, or no process listens
            return False

    def _open_log(self) -> int:
        if self._log.exists() and self._log.stat().st_size > _LOG_BYTES:
            self._log.replace(self._log.with_suffix(".log.1"))
        self._log.touch(mode=0o600)
        return self._log.stat().st_size

    def _make_socket_dir(self) -> None:
        if self.socket_dir.exists():
            shutil.rmtree(self.socket_dir)
        self.socket_dir.mkdir(mode=0o700)
        if self.system_user:
            os.chown(self.socket_dir, *self.system_user)

    @contextmanager
    def _lock_files(self) -> Iterator[int]:
        lock = os.open(self.folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            deadline = time.monotonic() + _LOCK_SECONDS
            while not _try_lock(lock):
                if time.monotonic() > deadline:
                    raise self.failure(f"cannot start: an earlier {self.name} still uses {self.folder}")
                self.end_orphans()
                time.sleep(0.02)
            yield lock
        finally:
            os.close(lock)  # the server has its own descriptor


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
