"""Start and stop of a Celery worker: the handlers of Celery's signals in its processes."""

import asyncio
import gc
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog
from celery import signals
from celery.app import trace
from celery.bootsteps import StartStopStep
from celery.concurrency import get_implementation

from app.adapters.celery.pool import replace_processes_when
from app.bootstrap import Embedders, check_schema, describe_embedding, report_errors, send_reports
from app.domain.errors import StartupError
from app.domain.ids import new_worker_id
from app.domain.tasks import Queue
from app.embedded.running import resolve_settings
from app.ledger.workers import NewWorker
from app.logs import configure_logs
from app.settings import Settings, load_settings
from app.tasks.consumer_wakeup import watch_pipe
from app.tasks.lease import Lease
from app.tasks.runtime import Plan, close_runtime, get_plan, is_worn, set_plan
from app.tasks.supervisor import Supervisor, is_alive
from app.temporary_folders import remove_abandoned_folders

_READY_SECONDS = 10.0
_AUTOGROUP = Path("/proc/self/autogroup")
_NICENESS: dict[str, int] = {Queue.HIGH: 0, Queue.MEDIUM: 5, Queue.LOW: 10, Queue.DEFAULT: 5}

log = structlog.get_logger()


class SupervisorProcess:
    """Starts, restarts and stops the supervisor, a child of the worker's main process."""

    def __init__(self, plan: Plan, worker: NewWorker) -> None:
        self._plan = plan
        self._worker = worker
        self._pid = 0

    def start(self) -> None:
        """Fork, and wait until the worker is registered; at most ten seconds, if the database is unavailable."""
        ready, written = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(ready)
            _supervise(lambda: Supervisor(self._plan, self._worker, written))
        os.close(written)
        select.select([ready], [], [], _READY_SECONDS)
        os.close(ready)

    def ensure(self) -> None:
        """Start a new supervisor if the last one died."""
        if self._pid and not is_alive(self._pid):
            os.waitpid(self._pid, 0)
            log.warning("supervisor_died", pid=self._pid)
            self.start()

    def stop(self) -> None:
        """Have the supervisor end the lease, and wait for its exit."""
        pid, self._pid = self._pid, 0
        if pid:
            os.kill(pid, signal.SIGUSR1)
            os.waitpid(pid, 0)


def _supervise(make: Callable[[], Supervisor]) -> None:
    """Run the supervisor in the forked process. Never returns into the worker's code."""
    status = 1
    try:
        os.setsid()  # Ctrl-C in the terminal is for the worker, which then signals the supervisor
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        asyncio.run(make().run())
        status = 0
    except Exception:
        log.exception("supervisor_failed")
    finally:
        send_reports()
        os._exit(status)


class WatchSupervisor(StartStopStep):
    """Checks the supervisor and the pool once a second, on the consumer's timer."""

    requires = ("celery.worker.consumer.connection:Connection",)
    pool: Any = None
    """Billiard's pool of processes; None for other kinds of pool."""

    def start(self, consumer: Any) -> None:
        """Start the checks."""
        WatchSupervisor.pool = consumer.pool._pool if get_plan().forks else None  # noqa: SLF001, Celery names it nowhere else
        if consumer.hub is not None:
            watch_pipe(consumer.hub)
        consumer.timer.call_repeatedly(1.0, _supervisor.ensure)
        # Celery overlooks a dead process whose pipe closed before the process could be waited for. Its own check would
        # come after five seconds, and until then the slot would be missing.
        consumer.timer.call_repeatedly(1.0, consumer.pool.maintain_pool)


_supervisor: SupervisorProcess


@signals.worker_init.connect(weak=False)
def prepare(sender: Any, **_: Any) -> None:
    """Before the pool forks: make the plan, load what all processes share, and fork the supervisor."""
    global _supervisor  # noqa: PLW0603 - Celery's signals pass no state of ours
    settings = resolve_settings(load_settings())
    report_errors(settings)  # before the fork: the supervisor reports too
    _check_database(settings)
    remove_abandoned_folders()
    forks = get_implementation(sender.pool_cls).__module__.endswith("prefork")
    embedders = Embedders(settings)
    embedders(describe_embedding(settings))
    queues = list(sender.app.amqp.queues.consume_from)
    plan = Plan(
        settings, sender.app, Lease(), embedders=embedders, slots=sender.concurrency, forks=forks, queues=queues
    )
    set_plan(plan)
    worker = NewWorker(
        id=new_worker_id(),
        name=sender.hostname,
        host=socket.gethostname(),
        pid=os.getpid(),
        queues=queues,
        concurrency=sender.concurrency,
        continues=plan.continues,
    )
    replace_processes_when(is_worn)
    _supervisor = SupervisorProcess(plan, worker)
    sender.app.steps["consumer"].add(WatchSupervisor)
    # These objects exist in every process: keep the garbage collector from touching their pages, which would copy them.
    gc.collect()
    gc.freeze()
    _supervisor.start()
    # Workers of less urgent queues yield the processor to more urgent ones. The supervisor, forked before, does not.
    _be_nice(min((_NICENESS[queue] for queue in worker.queues if queue in _NICENESS), default=0))


def _check_database(settings: Settings) -> None:
    """End the worker with one line if its database lacks this version's schema, which workers do not create."""
    try:
        asyncio.run(check_schema(settings))
    except StartupError as error:
        sys.stderr.write(f"{error.message}\n")
        sys.exit(1)


def _be_nice(niceness: int) -> None:
    """Set the niceness, and that of the session too: Linux schedules session against session (autogroup)."""
    os.nice(niceness)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            _AUTOGROUP.write_text(str(niceness))


@signals.worker_shutting_down.connect(weak=False)
def stop(**_: Any) -> None:
    """On SIGTERM: claim no more tasks, and hand back those that do not finish in time. Runs in the signal handler."""
    plan = get_plan()
    plan.lease.stop(time.monotonic() + plan.settings.worker_shutdown_seconds)


@signals.worker_shutdown.connect(weak=False)
def shut_down(**_: Any) -> None:
    """After the pool has finished its tasks: close what threads used, and end the lease."""
    if WatchSupervisor.pool is not None:
        # The processes have ended. At exit, billiard would end them once more and read from their pipes, of which the
        # descriptors may belong to other files by then: such a read can block the exit for ever.
        WatchSupervisor.pool._terminate.cancel()  # noqa: SLF001, nothing else stops it
    close_runtime()
    _supervisor.stop()
    send_reports()


@signals.worker_process_shutdown.connect(weak=False)
def shut_down_process(**_: Any) -> None:
    """At the end of a process of the pool: close its connections."""
    close_runtime()
    send_reports()


@signals.setup_logging.connect(weak=False)
def set_up_logging(loglevel: int | str, **_: Any) -> None:
    """Format Celery's log lines like Sluice's, without results: the result of a question quotes documents."""
    settings = load_settings()
    configure_logs(settings, loglevel)
    report_errors(settings)
    trace.LOG_SUCCESS = "Task %(name)s[%(id)s] succeeded in %(runtime).3fs"
