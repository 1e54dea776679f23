"""The parts of a running Sluice: the API and one worker per queue, forked from one process.

They are forked after all imports, so they share that memory and start in a fraction of the time.
"""

import gc
import importlib
import os
import signal
import socket
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import uvicorn
from celery.exceptions import SecurityWarning

from app.domain.errors import StartupError
from app.domain.tasks import Queue
from app.parent_death import die_with_parent
from app.private_files import append_private
from app.settings import Settings
from app.tasks.node_names import choose_node_name

_EXIT_SECONDS = 10.0
_POLL_SECONDS = 0.1
_QUICK_DEATH_SECONDS = 2.0
_QUIET_SECONDS = 1.0
_API_MODULES = ("app.api.application", "app.api.server.protocol", "uvloop")
_BEAT_MODULES = ("app.tasks.beat", "celery.apps.beat")
_WORKER_MODULES = ("app.tasks.worker", "app.tasks.document_tasks", "celery.apps.worker", "pypdfium2")
STARTUP_FAILURE = 3
"""The exit code of an API whose start failed."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something that runs in its own process."""

    name: str
    run: Callable[[], None]
    modules: tuple[str, ...] = ()
    """What it imports. The parent imports it before it forks."""
    listeners: tuple[socket.socket, ...] = ()
    """The sockets on which it listens. The other parts close them."""


@dataclass(slots=True)
class _Running:
    part: Part
    pid: int
    started: float


def worker_part(settings: Settings, name: str) -> Part:
    """The worker of one queue; ``name`` is high, medium, low or default.

    The high queue parses documents, so its slots are processes: they use every core, and each can be killed alone. The
    slots of the other queues mostly wait for the network, so they are threads.

    Raises:
        StartupError: there is no such worker.
    """
    slots = {
        "high": settings.worker_concurrency_high,
        "medium": settings.worker_concurrency_medium,
        "low": settings.worker_concurrency_low,
        "default": settings.worker_concurrency_default,
    }
    if name not in slots:
        raise StartupError(f"There is no worker {name!r}. Choose from {', '.join(slots)}.")
    queues = {
        "high": [Queue.HIGH],
        "medium": [Queue.MEDIUM],
        "low": [Queue.LOW],
        "default": [Queue.DEFAULT, Queue.DEAD_LETTER],
    }[name]
    arguments = ["--quiet", "worker", "--without-gossip", "--without-mingle", f"--loglevel={settings.celery_log_level}"]
    arguments += [f"--queues={','.join(queues)}"]
    arguments += [f"--concurrency={slots[name]}", f"--pool={'prefork' if name == 'high' else 'threads'}"]

    def run() -> None:
        from app.celery_app import app  # noqa: PLC0415 - connects, so only the worker's process imports it

        # Celery warns root about pickled messages; Sluice uses JSON only.
        warnings.filterwarnings("ignore", category=SecurityWarning)
        node_name = choose_node_name(name, f"{app.conf.broker_read_url} {settings.redis_key_prefix}")
        app.worker_main([*arguments, f"--hostname={node_name}"])

    return Part(f"worker-{name}", run, _WORKER_MODULES)


def beat_part(settings: Settings) -> Part:
    """Celery Beat, which submits the tasks of the schedule."""

    def run() -> None:
        from app.celery_app import app  # noqa: PLC0415 - resolves the settings, so only this part's process imports it

        app.Beat(quiet=True, loglevel=settings.celery_log_level).run()

    return Part("beat", run, _BEAT_MODULES)


def get_stop_timeout(settings: Settings) -> float:
    """Seconds for a clean stop: a worker waits for its tasks, hands back the rest, and exits."""
    return settings.worker_shutdown_seconds + _EXIT_SECONDS


def api_parts(settings: Settings, listeners: Sequence[socket.socket]) -> list[Part]:
    """The processes of the HTTP API, as many as API_WORKERS says, which accept connections on the same sockets.

    They are forked like the workers. uvicorn's own supervisor starts each process anew, which takes minutes of
    imports on a busy machine, and kills a process that does not answer within seconds.
    """

    def run() -> None:
        serve(settings, listeners)

    names = [f"api-{number}" for number in range(1, settings.api_workers + 1)] if settings.api_workers > 1 else ["api"]
    return [Part(name, run, _API_MODULES, tuple(listeners)) for name in names]


def serve(settings: Settings, listeners: Sequence[socket.socket]) -> None:
    """Serve the HTTP API in this process until SIGTERM or SIGINT."""
    config = uvicorn.Config(
        "app.api.application:create_app",
        factory=True,
        log_config=None,
        access_log=False,
        server_header=False,
        http="app.api.server.protocol:LimitedProtocol",
        ws="none",
        forwarded_allow_ips=settings.forwarded_allow_ips,
        timeout_graceful_shutdown=5,
    )
    config.load()
    # The application stays as long as the process. Each collection would look at all its objects again, which was
    # measured to take a sixth of the processor time of an upload.
    gc.collect()
    gc.freeze()
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):
        server.run(sockets=list(listeners))
    if not server.started:
        sys.exit(STARTUP_FAILURE)


class Parts:
    """Starts parts, restarts those that die, and stops them all."""

    def __init__(
        self, parts: Sequence[Part], say: Callable[[str], None], *, stop_timeout: float, log: Path | None = None
    ) -> None:
        """Set up; entering the context starts the parts.

        Args:
            parts: What to run.
            say: Prints a line for the operator.
            stop_timeout: Seconds that parts have to stop cleanly before they are killed.
            log: The file for the parts' output; None for this process's output.
        """
        self._parts = parts
        self._stop_timeout = stop_timeout
        self._say = say
        self._log = log
        self._running: dict[int, _Running] = {}

    def __enter__(self) -> Self:
        for module in dict.fromkeys(module for part in self._parts for module in part.modules):
            importlib.import_module(module)
        gc.collect()
        gc.freeze()
        for part in self._parts:
            self._start(part)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def find_dead(self) -> list[tuple[_Running, int]]:
        """The parts that exited since the last call, with their exit codes (negative for a signal)."""
        dead = []
        for pid in list(self._running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                dead.append((self._running.pop(pid), os.waitstatus_to_exitcode(status)))
        return dead

    def watch(self) -> None:
        """Restart each part that has died, and print a line for each."""
        for running, code in self.find_dead():
            self.restart(running, code)

    def restart(self, running: _Running, code: int) -> None:
        """Start a part again that exited with ``code``, and print a line."""
        self._say(f"{running.part.name} (pid {running.pid}) exited with {code}; restarting it")
        # A part that dies at once is not restarted in a tight loop.
        time.sleep(max(0.0, min(1.0, running.started + _QUICK_DEATH_SECONDS - time.monotonic())))
        self._start(running.part)

    def stop(self) -> None:
        """Ask every part to stop, and kill those that have not stopped in time. A second Ctrl-C kills them at once."""
        self._signal(signal.SIGTERM)
        try:
            self._wait_for_end()
        except KeyboardInterrupt:
            self._say("Stopping at once. Tasks that were running start again later.")
        self._signal(signal.SIGKILL)
        for pid in list(self._running):
            os.waitpid(pid, 0)
            del self._running[pid]

    def _wait_for_end(self) -> None:
        """Wait until every part has stopped or the time is up.

        A line names the parts if this takes longer than a second, unless the parts write to a file.
        """
        began, announced = time.monotonic(), self._log is not None
        while self._running and time.monotonic() - began < self._stop_timeout:
            self.find_dead()
            if self._running and not announced and time.monotonic() - began > _QUIET_SECONDS:
                names = ", ".join(running.part.name for running in self._running.values())
                self._say(
                    f"Waiting for {names}: running tasks have at most {self._stop_timeout:.0f} s to finish, then they "
                    "return to their queue. Ctrl-C again stops at once."
                )
                announced = True
            time.sleep(_POLL_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._running:
            os.kill(pid, number)

    def _start(self, part: Part) -> None:
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            for listener in (listener for other in self._parts for listener in other.listeners):
                if listener not in part.listeners:
                    listener.close()
            _run_forked(part, parent, self._log)
        self._running[pid] = _Running(part, pid, time.monotonic())


def _run_forked(part: Part, parent: int, log: Path | None) -> None:
    status = 1
    try:
        if log:
            with append_private(log) as file:
                os.dup2(file.fileno(), sys.stdout.fileno())
                os.dup2(file.fileno(), sys.stderr.fileno())
        # A part in its own session receives no Ctrl-C from the terminal: the parent stops it. The scheduler also treats
        # it as a group of its own.
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        die_with_parent(signal.SIGTERM, parent)
        part.run()
        status = 0
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else int(exit_.code is not None)
    except BaseException as error:  # noqa: BLE001 - the child must not return into the parent's code
        sys.stderr.write(f"{part.name}: {type(error).__name__}: {error}\n")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
