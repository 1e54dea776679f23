"""Short tasks: a slot that has ended one may claim several at once, which it then runs one after the other.

Their ends are written together, in the statement that claims the next ones. So a queue of very short tasks costs a
fraction of a statement a task. None of them waits for long: if they are not as short as the former ones, those that
have not begun are handed back while the present one runs.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import structlog
from structlog.contextvars import bound_contextvars

from app.domain.errors import DatabaseUnavailableError
from app.domain.tasks import Task
from app.ledger.claim import Claim
from app.ledger.report import AttemptStatus
from app.services.queue.attempt_ends import AttemptEnds, Success, WriteEnd, run_hook
from app.services.queue.attempts import AttemptFunction, Outcome, RunningAttempt, WorkerSlot, never
from app.services.queue.claims import Claims

_TOGETHER_SECONDS = 0.04
"""After this time, the ends so far are written, and the tasks that have not begun are handed back."""

log = structlog.get_logger()

FollowEnds = Callable[[Sequence[Task], Claim], Awaitable[None]]


class ShortTasks:
    """The tasks that one statement has claimed for a slot: those that have not begun, and the ends to write."""

    def __init__(
        self, tasks: Sequence[Task], slot: WorkerSlot, claims: Claims, ends: AttemptEnds, follow: FollowEnds
    ) -> None:
        self._claimed = list(tasks)
        self._name = tasks[-1].name
        self._waiting = deque(tasks)
        self._unwritten: list[Success] = []
        self._slot = slot
        # For the end of one task, which claims no other.
        self._alone = replace(slot, queue=None, may_continue=never)
        self._claims = claims
        self._ends = ends
        self._follow = follow
        self._stopping: asyncio.Task[None] | None = None

    async def run(self, begin: Callable[[Task], RunningAttempt], body: AttemptFunction) -> Claim:
        """Run the tasks, write their ends, and return the claim of the next ones, if the slot may continue."""
        timer = asyncio.get_running_loop().call_later(_TOGETHER_SECONDS, self._stop_waiting)
        try:
            await self._run_all(begin, body)
            timer.cancel()
            if self._stopping is not None:
                await self._stopping
            may_claim = not self._waiting and self._slot.may_continue()
            claimed = await self._write_ends(claims=may_claim)
            await self._claims.release(self._waiting, self._slot)
        except asyncio.CancelledError:
            for task in self._claimed:
                self._claims.drop(task)  # so that those that still run are handed back
            raise
        finally:
            timer.cancel()
        return claimed

    async def _run_all(self, begin: Callable[[Task], RunningAttempt], body: AttemptFunction) -> None:
        """Run the tasks, until the slot loses its worker's lease or is cancelled."""
        is_first, runner = True, asyncio.current_task()
        while self._waiting:
            task = self._waiting.popleft()
            if not is_first:
                self._claims.announce(task)
            is_first = False
            with bound_contextvars(task_id=str(task.id), organization_id=task.organization_id, agent_id=task.agent_id):
                await self._run_one(begin(task), body)
            if self._slot.attempt_status is not AttemptStatus.CONTINUE or (runner and runner.cancelling()):
                return

    async def _run_one(self, attempt: RunningAttempt, body: AttemptFunction) -> None:
        """Run a task. Its end is kept if it can be written with others, otherwise written now."""
        end = await self._ends.run_body(attempt, self._alone, body)
        if isinstance(end, Success) and _can_join(end.outcome) and not attempt.has_reports:
            self._unwritten.append(end)
        else:
            await self._write_alone(attempt, end)

    def _stop_waiting(self) -> None:
        self._stopping = asyncio.create_task(self._write_and_release())

    async def _write_and_release(self) -> None:
        """Write the ends so far, and hand back the tasks that have not begun, while the present one runs."""
        waiting, self._waiting = self._waiting, deque()
        await self._claims.release(waiting, self._slot)
        await self._write_ends(claims=False)

    async def _write_ends(self, *, claims: bool) -> Claim:
        """Write the ends so far. Those that could not be written together, one by one."""
        ends, self._unwritten = self._unwritten, []
        if not ends:
            return Claim()
        name = self._name if all(end.attempt.is_short for end in ends) else None
        try:
            written, claimed = await self._claims.finish_several(ends, self._slot if claims else self._alone, name)
        except Exception as error:  # noqa: BLE001 - each is written again, by itself, and fails by itself
            log.warning("ends_not_written_together", tasks=len(ends), error=str(error))
            if isinstance(error, DatabaseUnavailableError) and claims:
                await self._claims.release_unheld(self._slot)
            written, claimed = {}, Claim()
        self._claimed += claimed.tasks
        for end in ends:
            if end.attempt.task.id in written:
                self._claims.drop(end.attempt.task)
                await run_hook(end.outcome.after)
        if written:
            await self._follow(list(written.values()), claimed)
        for end in ends:
            if end.attempt.task.id not in written:
                await self._write_alone(end.attempt, end, is_uncertain=True)
        return claimed

    async def _write_alone(self, attempt: RunningAttempt, end: WriteEnd, *, is_uncertain: bool = False) -> None:
        try:
            ended = (await self._ends.write(attempt, self._alone, end, is_uncertain=is_uncertain)).task
        finally:
            self._claims.drop(attempt.task)
        if ended is not None:
            await self._follow([ended], Claim())


def _can_join(outcome: Outcome) -> bool:
    """Whether the statement that ends several attempts writes the whole outcome: it writes no number of chunks."""
    return outcome.is_plain and outcome.chunk_count is None
