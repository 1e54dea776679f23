"""Recovery: what each worker's supervisor does, over and over, so that nothing stays behind."""

from collections.abc import Callable, Sequence

import structlog

from app.db.engine import Database
from app.domain.ids import WorkerId
from app.domain.ports import Doorbell
from app.domain.states import State
from app.domain.tasks import WORK_QUEUES, Task
from app.ledger.recover import list_processes, reap_processes, reap_workers, reconcile
from app.ledger.workers import NewWorker, forget_workers, heartbeat, register, retire
from app.services.admission import Admission
from app.services.courtesy import announce_dead_letter, tell

log = structlog.get_logger()


class Recovery:
    """Leases, dead processes, lost bells."""

    def __init__(self, database: Database, doorbell: Doorbell, admission: Admission, max_crashes: int) -> None:
        self._database = database
        self._doorbell = doorbell
        self._admission = admission
        self._max_crashes = max_crashes

    async def register(self, worker: NewWorker, lease: float) -> None:
        """Enter a worker, with a lease of ``lease`` seconds."""
        async with self._database.statement() as connection:
            await register(connection, worker, lease)

    async def renew(self, worker_id: WorkerId, lease: float) -> bool:
        """Renew a worker's lease; False when it had run out."""
        async with self._database.statement() as connection:
            return await heartbeat(connection, worker_id, lease)

    async def retire(self, worker_id: WorkerId) -> None:
        """End a worker's lease; whatever it still ran is taken back at the next sweep."""
        async with self._database.statement() as connection:
            await retire(connection, worker_id)

    async def take_back(self, worker_id: WorkerId, is_alive: Callable[[int], bool]) -> None:
        """Take back the tasks of processes that died under a living worker."""
        async with self._database.statement() as connection:
            pids = [pid for pid in await list_processes(connection, worker_id) if not is_alive(pid)]
            reaped = await reap_processes(connection, worker_id, pids, self._max_crashes) if pids else []
        await self._follow_up(reaped)

    async def sweep(self) -> None:
        """Take back the tasks of dead workers, ring lost bells again, and fill the windows of all queues."""
        async with self._database.statement() as connection:
            reaped = await reap_workers(connection, self._max_crashes)
            silent = await reconcile(connection)
        await self._follow_up(reaped)
        if silent:
            log.info("bells_rung_again", tasks=len(silent))
            await self._doorbell.ring(silent)
        await self._admission.admit(WORK_QUEUES)

    async def tidy(self) -> None:
        """Forget workers long gone."""
        async with self._database.statement() as connection:
            await forget_workers(connection)

    async def _follow_up(self, reaped: Sequence[Task]) -> None:
        for task in reaped:
            log.warning("task_crashed", task_id=str(task.id), crashes=task.crashes, state=task.state.value)
            await tell(self._doorbell, task)
            if task.state is State.FAILURE:
                await announce_dead_letter(self._doorbell, task)
        for queue in {task.queue for task in reaped}:
            self._admission.nudge(queue)
