"""The async runtime of a worker process: one event loop, made after the fork, with the services on it."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog
from celery import Celery

from app.bootstrap import Embedders, Services, build_services
from app.domain.ids import TaskId
from app.domain.tasks import CONTINUE_SECONDS, WORK_QUEUES, Task, TaskName
from app.services.queue.attempts import Outcome, RunningAttempt, WorkerSlot
from app.settings import Settings
from app.tasks.lease import Lease

_TASKS_TO_OUTLIVE = 100
Result = TypeVar("Result")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Message:
    """What a slot receives from the broker: the id and name of a task, and the queue on which the message arrived."""

    task_id: TaskId
    name: TaskName
    queue: str


class Runtime:
    """An event loop in its own thread, shared by all task threads of the process."""

    def __init__(self, plan: "Plan") -> None:
        self._plan = plan
        self._loop = asyncio.new_event_loop()
        self._without_slot: set[asyncio.Task[Any]] = set()
        self._tasks = 0
        self._thread = threading.Thread(target=self._loop.run_forever, name="event-loop", daemon=True)
        self._thread.start()
        self.services: Services = self.call(self._build())

    def execute(
        self, message: "Message", bodies: Callable[[Services, RunningAttempt], Awaitable[Outcome]]
    ) -> Task | None:
        """Run the tasks of a message from a thread outside the loop, and wait until they end or release the slot.

        Returns None if no task was claimed, if the slot continued, or if the attempt goes on without the slot.
        """
        lease, pid = self._plan.lease, os.getpid()
        worker_id = lease.claimant()
        if worker_id is None:
            return None  # tasks are claimed only under a lease; the message will be published again
        slot_free: Future[Task | None] = Future()
        until = time.monotonic() + CONTINUE_SECONDS

        async def run() -> None:
            running = asyncio.current_task()

            def release() -> None:
                if running and self._plan.releases_slots and not slot_free.done():
                    self._without_slot.add(running)
                    running.add_done_callback(self._without_slot.discard)
                    slot_free.set_result(None)

            def may_continue() -> bool:
                is_free = slot_free.done() or running is None or running.cancelling() > 0
                return not is_free and time.monotonic() < until and lease.claimant() == worker_id and not self.is_worn

            async def run_body(attempt: RunningAttempt) -> Outcome:
                self._tasks += 1
                return await bodies(self.services, attempt)

            queue = message.queue if self._plan.continues else None
            slot = WorkerSlot(worker_id, pid, lease, release, queue, may_continue, self._count_left, self._plan.slots)
            ended = await self.services.queue.execution.run(message.task_id, message.name, slot, run_body)
            if not slot_free.done():
                slot_free.set_result(ended)

        running = asyncio.run_coroutine_threadsafe(run(), self._loop)
        running.add_done_callback(lambda _: _copy_failure(running, slot_free))
        try:
            return slot_free.result()
        except BaseException:
            running.cancel()
            raise

    @property
    def is_worn(self) -> bool:
        """Whether the process has run as many tasks as it may."""
        return self._count_left() <= 0

    def _count_left(self) -> int:
        """How many tasks the process may still begin."""
        return self._plan.max_tasks - self._tasks

    def call(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine on the loop from a thread outside it, and wait for its result."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Hand back the attempts that run without a slot, close connections and end child processes; stop the loop."""
        self.call(self._end_without_slot())
        self.call(self.services.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end_without_slot(self) -> None:
        attempts = list(self._without_slot)
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)

    async def _build(self) -> Services:
        plan = self._plan
        return build_services(
            plan.settings,
            plan.celery,
            embedders=plan.embedders,
            connections=plan.connections,
            parsers=plan.parsers,
        )


def _copy_failure(running: Future[None], slot_free: Future[Task | None]) -> None:
    """Pass on the failure of an attempt to the thread that waits for its slot; log it if none waits."""
    error = asyncio.CancelledError() if running.cancelled() else running.exception()
    if error and not slot_free.done():
        slot_free.set_exception(error)
    elif error:
        log.error("attempt_failed", exc_info=error)


class Plan:
    """What the main process of a worker decides before it forks. Each process builds its runtime from it."""

    def __init__(
        self,
        settings: Settings,
        celery: Celery,
        lease: Lease,
        *,
        embedders: Embedders,
        slots: int,
        forks: bool,
        queues: Collection[str],
    ) -> None:
        self.settings = settings
        self.celery = celery
        self.lease = lease
        self.embedders = embedders
        self.forks = forks
        # A forked process runs one task at a time, and needs a connection each for the task, for the watch on its
        # attempt and for admission. Threads share a pool.
        self.connections = 3 if forks else min(slots, 6) + 2
        self.parsers = 1 if forks else min(slots, os.cpu_count() or 1)
        self.slots = 1 if forks else slots
        # Only the processes of a pool are replaced.
        self.max_tasks = settings.celery_worker_max_tasks_per_child if forks else sys.maxsize
        # A slot that serves several queues asks the broker after each task: continuing with one queue would let the
        # others wait, the more urgent ones too.
        self.continues = self.max_tasks > 1 and len(set(WORK_QUEUES) & set(queues)) <= 1
        # A process that Celery soon replaces would hand back its pages again and again, and never read one.
        self.releases_slots = not forks or settings.celery_worker_max_tasks_per_child >= _TASKS_TO_OUTLIVE


_plan: Plan | None = None
_runtime: tuple[int, Runtime] | None = None
_lock = threading.Lock()


def set_plan(plan: Plan) -> None:
    """Set the plan. Called once, in the main process, before it forks."""
    global _plan  # noqa: PLW0603 - Celery passes no state of ours to tasks
    _plan = plan


def get_plan() -> Plan:
    """The plan of this worker."""
    if _plan is None:
        raise RuntimeError("There is no plan: tasks run only in a Celery worker, which makes it at its start.")
    return _plan


def get_runtime() -> Runtime:
    """The runtime of this process, made at the first call."""
    global _runtime  # noqa: PLW0603 - one for each process: a forked process must not use its parent's
    with _lock:
        if _runtime is None or _runtime[0] != os.getpid():
            _runtime = (os.getpid(), Runtime(get_plan()))
        return _runtime[1]


def is_worn() -> bool:
    """Whether this process has run as many tasks as it may."""
    return _runtime is not None and _runtime[0] == os.getpid() and _runtime[1].is_worn


def close_runtime() -> None:
    """Close the runtime of this process, if there is one."""
    global _runtime  # noqa: PLW0603 - see above
    with _lock:
        if _runtime is not None and _runtime[0] == os.getpid():
            _runtime[1].close()
            _runtime = None
