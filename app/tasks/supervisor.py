"""The supervisor of a worker: a small process beside the worker's main process.

It renews the lease however busy the worker is, and notices at once when a process of the worker, or the worker itself,
dies. It kills processes whose task does not respond to a cancel, lets idle slots take tasks of more urgent queues, and
takes part in the sweeps that recover lost work of all workers.

It is a separate process so that it shares no interpreter lock with the consumer and is not affected by the pool's
forks. It outlives its parent just long enough to hand back the parent's tasks.
"""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import psutil
import structlog

from app.bootstrap import Services, build_services
from app.domain.errors import DatabaseUnavailableError
from app.domain.ids import WorkerId, new_worker_id
from app.domain.tasks import WORK_QUEUES
from app.ledger.workers import NewWorker
from app.tasks.runtime import Plan

_TICK_SECONDS = 0.5
_SWEEP_SECONDS = 1.0
# During an outage of the database every lease expires although the workers live. Before a supervisor sweeps again, all
# workers get this long to hand back their own tasks; otherwise those would count as crashed.
_GRACE_AFTER_OUTAGE_SECONDS = 3.0

log = structlog.get_logger()


def is_alive(pid: int, parent: int | None = None) -> bool:
    """Whether a process runs. A zombie does not.

    With ``parent``, only that process and its children count: the system may have given the number to another process.
    """
    try:
        process = psutil.Process(pid)
        ours = parent is None or pid == parent or process.ppid() == parent
        return ours and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Supervisor:
    """The program of the supervisor process."""

    def __init__(self, plan: Plan, worker: NewWorker, ready: int) -> None:
        self._plan = plan
        self._worker = worker
        self._ready = ready
        self._parent = worker.pid
        self._lease_seconds = plan.settings.worker_lease_seconds
        self._worker_id = plan.lease.holder()  # set if an earlier supervisor, which has died, registered the worker
        self._retiring = asyncio.Event()
        self._draining = False
        self._renew_at = 0.0
        self._sweep_at = 0.0

    async def run(self) -> None:
        """Supervise until SIGUSR1 arrives or the worker has died, then end the lease."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._retiring.set)
        # One for the lease, one for the checks, one for events, one for upkeep that takes minutes, and one for each
        # queue, in which a statement may wait for the lock on the queue's row.
        connections = 4 + len(WORK_QUEUES)
        services = build_services(
            self._plan.settings, self._plan.celery, embedders=self._plan.embedders, connections=connections, parsers=1
        )
        # Three loops, so that a check that waits, for a lock for example, does not delay the renewal of the lease.
        await asyncio.gather(
            self._repeat(lambda: self._renew_lease(services)),
            self._repeat(lambda: self._check_tasks(services)),
            self._repeat(services.notifications.sequencer.advance_if_due),
        )
        await self._retire(services)

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        """Run a step twice a second until the end, whether or not it fails."""
        while not self._retiring.is_set() and os.getppid() == self._parent:
            try:
                await step()
            except DatabaseUnavailableError:
                log.warning("database_unavailable")
                self._sweep_at = time.monotonic() + _GRACE_AFTER_OUTAGE_SECONDS
            except Exception:
                log.exception("supervision_failed")
            try:
                await asyncio.wait_for(self._retiring.wait(), _TICK_SECONDS)
            except TimeoutError:
                continue

    async def _check_tasks(self, services: Services) -> None:
        worker_id = self._worker_id
        if worker_id is None:
            return
        await services.queue.recovery.reclaim(worker_id, lambda pid: is_alive(pid, self._parent))
        await services.queue.recovery.end_unresponsive(
            worker_id, self._plan.settings.task_cancel_grace_seconds, self._kill
        )
        if self._plan.lease.stopping:
            await self._drain(services, worker_id)
        else:
            await services.queue.recovery.steal_work(worker_id)
        if (now := time.monotonic()) >= self._sweep_at:
            self._sweep_at = now + _SWEEP_SECONDS
            await services.queue.recovery.sweep()
            await services.operations.upkeep.do_chores()
            await services.webhooks.sending.sweep_if_due()

    async def _renew_lease(self, services: Services) -> None:
        """Renew the lease in time, or register the worker under a new id once the lease has expired.

        Tasks that ran under a lost lease are handed back here, so that they do not count as crashed: their processes
        are alive, which other supervisors cannot see.
        """
        began = time.monotonic()
        if self._worker_id is None:
            worker_id = new_worker_id()
            await services.queue.recovery.register(replace(self._worker, id=worker_id), self._lease_seconds)
            self._worker_id = worker_id
            self._draining = False
        elif time.monotonic() < self._renew_at:
            return
        elif not await services.queue.recovery.renew(self._worker_id, self._lease_seconds):
            log.warning("lease_lost", worker_id=str(self._worker_id))
            lost, self._worker_id = self._worker_id, None
            self._plan.lease.revoke()
            await services.queue.recovery.release(lost)
            await self._renew_lease(services)
            return
        self._renew_at = began + self._lease_seconds / 3
        # Measured from before the statement, so that this deadline is earlier than the one in the database.
        self._plan.lease.grant(self._worker_id, began + self._lease_seconds)
        self._report_ready()

    async def _drain(self, services: Services, worker_id: WorkerId) -> None:
        """Record, once, that the worker takes no more tasks."""
        if not self._draining:
            await services.queue.recovery.drain(worker_id)
            self._draining = True

    def _kill(self, pid: int) -> None:
        """Kill a process of the pool. The main process is not killed: its threads run other tasks."""
        if pid != self._parent and is_alive(pid, self._parent):
            log.warning("process_killed", pid=pid)
            os.kill(pid, signal.SIGKILL)

    def _report_ready(self) -> None:
        if self._ready >= 0:
            os.close(self._ready)
            self._ready = -1

    async def _retire(self, services: Services) -> None:
        """End the lease. Tasks of a worker that stops are handed back; tasks of a worker that died count as crashed."""
        self._plan.lease.revoke()
        try:
            if self._worker_id is not None:
                if self._plan.lease.stopping:
                    await services.queue.recovery.release(self._worker_id)
                await services.queue.recovery.retire(self._worker_id)
                await services.queue.recovery.sweep()
        except DatabaseUnavailableError:
            log.warning("lease_left_to_expire")
        await services.close()
