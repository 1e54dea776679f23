"""Recovery: what each worker's supervisor repeats so that no task is left behind."""

from collections.abc import Callable, Sequence

import structlog

from app.db.engine import Database
from app.domain.ids import WorkerId
from app.domain.tasks import WORK_QUEUES, Task
from app.ledger.cancel import force_abort, lock_unresponsive
from app.ledger.recover import end_holders, list_processes, reap_processes, reap_workers, reconcile, release
from app.ledger.work_stealing import steal_work
from app.ledger.workers import NewWorker, drain, heartbeat, register, retire
from app.services.queue.admission import Admission
from app.services.queue.after_commit import AfterCommit
from app.services.queue.parents import Parents

log = structlog.get_logger()


class Recovery:
    """Worker leases, dead processes, unresponsive tasks, lost messages and unfinished parents."""

    def __init__(
        self, database: Database, admission: Admission, after_commit: AfterCommit, parents: Parents, max_crashes: int
    ) -> None:
        self._database = database
        self._admission = admission
        self._after_commit = after_commit
        self._parents = parents
        self._max_crashes = max_crashes

    async def register(self, worker: NewWorker, lease: float) -> None:
        """Register a worker, with a lease of ``lease`` seconds."""
        async with self._database.statement() as connection:
            await register(connection, worker, lease)

    async def renew(self, worker_id: WorkerId, lease: float) -> bool:
        """Renew a worker's lease; returns False when it has expired."""
        async with self._database.statement() as connection:
            return await heartbeat(connection, worker_id, lease)

    async def drain(self, worker_id: WorkerId) -> None:
        """Mark a worker as stopping: it receives no more tasks."""
        async with self._database.statement() as connection:
            await drain(connection, worker_id)

    async def retire(self, worker_id: WorkerId) -> None:
        """End a worker's lease; the next sweep reclaims the tasks that it still runs."""
        async with self._database.statement() as connection:
            await retire(connection, worker_id)

    async def release(self, worker_id: WorkerId) -> None:
        """Hand back every task of a worker, without counting a crash: the worker is alive or stops in order."""
        async with self._database.statement() as connection:
            released = await release(connection, worker_id)
        await self._follow_up("task_released", released)

    async def reclaim(self, worker_id: WorkerId, is_alive: Callable[[int], bool]) -> None:
        """Reclaim the tasks of processes that died while their worker lives."""
        async with self._database.statement() as connection:
            pids = [pid for pid in await list_processes(connection, worker_id) if not is_alive(pid)]
            reaped = await reap_processes(connection, worker_id, pids, self._max_crashes) if pids else []
        await self._follow_up("task_crashed", reaped)

    async def end_unresponsive(self, worker_id: WorkerId, grace: float, kill: Callable[[int], None]) -> None:
        """Kill the processes of tasks that still run ``grace`` seconds after a cancel, and end those tasks.

        The rows are locked first. While a row is locked its attempt cannot end, so its process cannot have moved on to
        another task: ``kill`` hits the right process.

        Args:
            worker_id: The worker.
            grace: Seconds between the cancel and the kill.
            kill: Kills the process of this id.
        """
        async with self._database.transaction() as connection:
            unresponsive = await lock_unresponsive(connection, worker_id, grace)
            for pid in {task.pid for task in unresponsive if task.pid}:
                kill(pid)
            ended = [await force_abort(connection, task.attempt_token) for task in unresponsive]
        await self._follow_up("task_killed", [task for task in ended if task])

    async def steal_work(self, worker_id: WorkerId) -> None:
        """Let the idle slots of a worker run tasks of more urgent queues whose own workers are busy."""
        async with self._database.statement() as connection:
            bells = await steal_work(connection, worker_id)
        await self._admission.publish(bells)

    async def sweep(self) -> None:
        """Reclaim the tasks of dead workers, publish lost messages again, and admit to every queue."""
        async with self._database.statement() as connection:
            reaped = await reap_workers(connection, self._max_crashes)
            if ended := await end_holders(connection):
                log.warning("blocking_sessions_ended", sessions=ended)
            lost = await reconcile(connection)
        await self._follow_up("task_crashed", reaped)
        if lost:
            log.info("messages_published_again", tasks=len(lost))
            await self._admission.publish(lost)
        await self._parents.sweep()
        # In the background: an admission may wait for the lock on a queue's row, and the sweeps must go on.
        for queue in WORK_QUEUES:
            self._admission.nudge(queue)

    async def _follow_up(self, event: str, tasks: Sequence[Task]) -> None:
        for task in tasks:
            log.warning(event, task_id=str(task.id), crashes=task.crashes, state=task.state.value)
        await self._after_commit.run(tasks)
