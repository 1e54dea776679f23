"""The supervisor of a worker: a small process beside its main process.

It keeps the lease alive however busy the worker is, notices at once when a process of the
worker or the worker itself dies, ends tasks that do not heed a cancel, calls idle slots to
more urgent queues, and takes its turn at the sweeps that keep the whole system moving. A
process of its own shares no interpreter lock with the consumer, survives the pool's forks,
and outlives its parent just long enough to hand back what that held.
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
# After an outage of the database every lease has run out, though the workers live: each first speaks for its own tasks.
_GRACE_AFTER_OUTAGE_SECONDS = 3.0

log = structlog.get_logger()


def is_alive(pid: int, parent: int | None = None) -> bool:
    """Whether a process runs: one that is dead and not yet waited for does not.

    With ``parent``, only if it is that process or a child of it: a number may have passed on to a stranger.
    """
    try:
        process = psutil.Process(pid)
        ours = parent is None or pid == parent or process.ppid() == parent
        return ours and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Supervisor:
    """What the supervisor's process runs."""

    def __init__(self, plan: Plan, worker: NewWorker, ready: int) -> None:
        self._plan = plan
        self._worker = worker
        self._ready = ready
        self._parent = worker.pid
        self._lease_seconds = plan.settings.worker_lease_seconds
        self._worker_id = plan.lease.holder()  # one that died before us has registered the worker
        self._retiring = asyncio.Event()
        self._draining = False
        self._renew_at = 0.0
        self._sweep_at = 0.0

    async def run(self) -> None:
        """Supervise until told to retire, or until the worker is gone."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._retiring.set)
        # One for the lease, one to look around, one for what takes minutes, and one to wait in for each queue's row.
        connections = 3 + len(WORK_QUEUES)
        services = build_services(
            self._plan.settings, self._plan.celery, embedders=self._plan.embedders, connections=connections, parsers=1
        )
        # Apart, so that whatever holds up the looking around, a lock for one, does not cost the lease.
        await asyncio.gather(
            self._repeat(lambda: self._keep_lease(services)), self._repeat(lambda: self._look_around(services))
        )
        await self._retire(services)

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        """Take a step twice a second until the end, whatever comes of it."""
        while not self._retiring.is_set() and os.getppid() == self._parent:
            try:
                await step()
            except DatabaseUnavailableError:
                log.warning("database_away")
                self._sweep_at = time.monotonic() + _GRACE_AFTER_OUTAGE_SECONDS
            except Exception:
                log.exception("supervision_failed")
            try:
                await asyncio.wait_for(self._retiring.wait(), _TICK_SECONDS)
            except TimeoutError:
                continue

    async def _look_around(self, services: Services) -> None:
        worker_id = self._worker_id
        if worker_id is None:
            return
        await services.queue.recovery.take_back(worker_id, lambda pid: is_alive(pid, self._parent))
        await services.queue.recovery.end_unresponsive(
            worker_id, self._plan.settings.task_cancel_grace_seconds, self._kill
        )
        if self._plan.lease.stopping:
            await self._drain(services, worker_id)
        else:
            await services.queue.recovery.help(worker_id)
        if (now := time.monotonic()) >= self._sweep_at:
            self._sweep_at = now + _SWEEP_SECONDS
            await services.queue.recovery.sweep()
            await services.operations.upkeep.do_chores()

    async def _keep_lease(self, services: Services) -> None:
        """Renew the lease in time; once it has run out, never again: register under a new id.

        What ran under a lease that was lost is handed back by us, who know that its processes live,
        before others take them for dead.
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
            await self._keep_lease(services)
            return
        self._renew_at = began + self._lease_seconds / 3
        # Counted from before the statement, so that this deadline comes before the database's.
        self._plan.lease.grant(self._worker_id, began + self._lease_seconds)
        self._report_ready()

    async def _drain(self, services: Services, worker_id: WorkerId) -> None:
        """Have the worker counted among those that take tasks no more."""
        if not self._draining:
            await services.queue.recovery.drain(worker_id)
            self._draining = True

    def _kill(self, pid: int) -> None:
        """Kill a process of the pool. One that runs tasks in threads is not killed: it has others to finish."""
        if pid != self._parent and is_alive(pid, self._parent):
            log.warning("process_killed", pid=pid)
            os.kill(pid, signal.SIGKILL)

    def _report_ready(self) -> None:
        if self._ready >= 0:
            os.close(self._ready)
            self._ready = -1

    async def _retire(self, services: Services) -> None:
        """End the lease. A worker that was told to stop hands back what it still ran; one that died has crashed."""
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
