"""The supervisor of a worker: a small process beside its main process.

It keeps the lease alive however busy the worker is, notices at once when a process of the
worker or the worker itself dies, and takes its turn at the sweeps that keep the whole
system moving. A process of its own shares no interpreter lock with the consumer, survives
the pool's forks, and outlives its parent just long enough to hand back what that held.
"""

import asyncio
import os
import signal
import time
from dataclasses import replace

import psutil
import structlog

from app.bootstrap import Services, build_services
from app.domain.errors import DatabaseAwayError
from app.domain.ids import WorkerId, new_worker_id
from app.ledger.workers import NewWorker
from app.tasks.runtime import Plan

_TICK_SECONDS = 0.5
_SWEEP_SECONDS = 1.0
_TIDY_SECONDS = 600.0

log = structlog.get_logger()


def is_alive(pid: int) -> bool:
    """Whether a process runs: one that is dead and not yet waited for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
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
        self._worker_id: WorkerId | None = None
        self._retiring = asyncio.Event()
        self._renew_at = 0.0
        self._due: dict[str, float] = {}

    async def run(self) -> None:
        """Supervise until told to retire, or until the worker is gone."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, self._retiring.set)
        services = build_services(
            self._plan.settings, self._plan.celery, embedder=self._plan.embedder, connections=2, parsers=1
        )
        while not self._retiring.is_set() and os.getppid() == self._parent:
            try:
                await self._tick(services)
            except DatabaseAwayError:
                log.warning("database_away")
            except Exception:
                log.exception("supervision_failed")
            try:
                await asyncio.wait_for(self._retiring.wait(), _TICK_SECONDS)
            except TimeoutError:
                continue
        await self._retire(services)

    async def _tick(self, services: Services) -> None:
        await self._keep_lease(services)
        if self._worker_id is not None:
            await services.recovery.take_back(self._worker_id, is_alive)
        if self._is_due("sweep", _SWEEP_SECONDS):
            await services.recovery.sweep()
        if self._is_due("tidy", _TIDY_SECONDS):
            await services.recovery.tidy()

    async def _keep_lease(self, services: Services) -> None:
        """Renew the lease in time; once it has run out, never again: register under a new id."""
        began = time.monotonic()
        if self._worker_id is None:
            worker_id = new_worker_id()
            await services.recovery.register(replace(self._worker, id=worker_id), self._lease_seconds)
            self._worker_id = worker_id
        elif time.monotonic() < self._renew_at:
            return
        elif not await services.recovery.renew(self._worker_id, self._lease_seconds):
            log.warning("lease_lost", worker_id=str(self._worker_id))
            self._worker_id = None
            self._plan.lease.revoke()
            await self._keep_lease(services)
            return
        self._renew_at = began + self._lease_seconds / 3
        # Counted from before the statement, so that this deadline comes before the database's.
        self._plan.lease.grant(self._worker_id, began + self._lease_seconds)
        self._report_ready()

    def _is_due(self, name: str, seconds: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(name, 0.0):
            return False
        self._due[name] = now + seconds
        return True

    def _report_ready(self) -> None:
        if self._ready >= 0:
            os.close(self._ready)
            self._ready = -1

    async def _retire(self, services: Services) -> None:
        self._plan.lease.revoke()
        try:
            if self._worker_id is not None:
                await services.recovery.retire(self._worker_id)
                await services.recovery.sweep()
        except DatabaseAwayError:
            log.warning("lease_left_to_expire")
        await services.close()
