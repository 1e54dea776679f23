"""Child processes that never outlive us, even where we are killed."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from app.parent_death import die_with_parent

_LINUX = sys.platform == "linux"
_WATCHDOG = "import os, sys; sys.stdin.read(); os.kill(int(sys.argv[1]), int(sys.argv[2]))"


class SystemUser(NamedTuple):
    """The system user a child runs as."""

    uid: int
    gid: int


class Child:
    """A running child process, and its watchdog where the system needs one."""

    def __init__(self, process: subprocess.Popen[bytes], watchdog: subprocess.Popen[bytes] | None) -> None:
        self._process = process
        self._watchdog = watchdog
        self.pid = process.pid

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        code = self._process.poll()
        if code is not None:
            self._dismiss_watchdog()
        return code

    def wait(self, seconds: float) -> bool:
        """Wait for the end; False when it did not come in time."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self._dismiss_watchdog()
        return True

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        self._process.send_signal(number)

    def _dismiss_watchdog(self) -> None:
        if self._watchdog and self._watchdog.stdin:
            self._watchdog.kill()  # first, as the end of its pipe means our death
            self._watchdog.wait()
            self._watchdog.stdin.close()
            self._watchdog = None


class Keeper:
    """Starts children that are sent a signal when we die.

    Linux sends that signal when the *thread* that forked ends, so one thread, which lives as long as the keeper,
    does all forking. Elsewhere a small process a child waits for the end of a pipe that we hold.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keeper")

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
        """Start ``command`` in ``folder`` and in a session of its own.

        Args:
            command: the program and its arguments.
            folder: its working directory, entered before the system_user changes.
            log: the file its output goes to.
            death_signal: what it is sent when we die.
            lock: a descriptor it inherits, and its own children too.
            system_user: whom it runs as; ourselves where absent.
            stdin: the descriptor it reads from; nothing where absent.
        """
        parent = os.getpid()

        def start() -> subprocess.Popen[bytes]:
            with log.open("ab") as output:
                return subprocess.Popen(  # noqa: S603 - our own command
                    command,
                    cwd=folder,
                    env=_make_environment(),
                    stdin=stdin,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=[lock],
                    start_new_session=True,
                    umask=0o077,
                    user=system_user.uid if system_user else None,
                    group=system_user.gid if system_user else None,
                    extra_groups=[] if system_user else None,
                    preexec_fn=partial(die_with_parent, death_signal, parent),  # noqa: PLW1509 - two system calls
                )

        process = self._thread.submit(start).result()
        return Child(process, None if _LINUX else _start_watchdog(process.pid, death_signal))


def _make_environment() -> dict[str, str]:
    # Nothing else: our environment holds secrets, and PG* variables would change what the programs do.
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def _start_watchdog(pid: int, death_signal: signal.Signals) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - this interpreter and a constant
        [sys.executable, "-I", "-S", "-c", _WATCHDOG, str(pid), str(int(death_signal))],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
