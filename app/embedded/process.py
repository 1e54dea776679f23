"""Child processes that never outlive this process, even if it is killed."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from app.parent_death import die_with_parent
from app.private_files import append_private

_LINUX = sys.platform == "linux"
_WATCHDOG = "import os, sys; sys.stdin.read(); os.kill(int(sys.argv[1]), int(sys.argv[2]))"


class SystemUser(NamedTuple):
    """The system user that a child runs as."""

    uid: int
    gid: int

    def as_arguments(self) -> dict[str, Any]:
        """The arguments of ``subprocess.Popen`` that start a process as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


class Child:
    """A child process, with its watchdog process on systems that need one."""

    def __init__(self, process: subprocess.Popen[bytes], watchdog: subprocess.Popen[bytes] | None) -> None:
        self._process = process
        self._watchdog = watchdog
        self.pid = process.pid

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the child runs."""
        code = self._process.poll()
        if code is not None:
            self._stop_watchdog()
        return code

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the child; returns whether it ended in time."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self._stop_watchdog()
        return True

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless the child has ended."""
        self._process.send_signal(number)

    def _stop_watchdog(self) -> None:
        if self._watchdog and self._watchdog.stdin:
            self._watchdog.kill()  # before its pipe is closed, which it would take for the parent's death
            self._watchdog.wait()
            self._watchdog.stdin.close()
            self._watchdog = None


class ChildStarter:
    """Starts children that receive a signal when this process dies.

    Linux sends that signal when the *thread* that forked the child ends. So one thread does all forking, and lives as
    long as this object. On other systems, a small watchdog process for each child waits for the end of a pipe that
    this process holds open.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="child-starter")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown()

    def spawn(
        self,
        command: list[str],
        *,
        folder: Path,
        log: Path,
        death_signal: signal.Signals,
        lock: int,
        system_user: SystemUser | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> Child:
        """Start ``command`` in ``folder`` and in its own session.

        Args:
            command: The program and its arguments.
            folder: The working directory, entered before the user changes.
            log: The file that receives the output.
            death_signal: The signal to send to the child when this process dies.
            lock: A descriptor that the child and its own children inherit.
            system_user: The user that the child runs as; None for the user of this process.
            stdin: The descriptor that the child reads from.
        """
        with append_private(log) as output:
            start: partial[subprocess.Popen[bytes]] = partial(
                subprocess.Popen,
                command,
                cwd=folder,
                env=_make_environment(),
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[lock],
                start_new_session=True,
                umask=0o077,
                preexec_fn=partial(die_with_parent, death_signal, os.getpid()) if _LINUX else None,
                **(system_user.as_arguments() if system_user else {}),
            )
            process = self._thread.submit(start).result()
        return Child(process, None if _LINUX else _start_watchdog(process.pid, death_signal))


def _make_environment() -> dict[str, str]:
    # Nothing else: the environment holds secrets, and PG* variables would change the programs' behaviour.
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def _start_watchdog(pid: int, death_signal: signal.Signals) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - this interpreter and a constant
        [sys.executable, "-I", "-S", "-c", _WATCHDOG, str(pid), str(int(death_signal))],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
