"""Execution: the attempts that a slot makes for one message, each from its claim to a new state in the ledger.

A slot that has ended a short task claims the next admitted one of its queue, in the statement that ends the task where
the outcome writes nothing else. So a busy queue costs a statement a task, and the broker is asked when a slot is idle.
A slot that has ended a very short one claims several, and ends them together (``app.services.queue.short_tasks``).
"""

import asyncio
from collections.abc import Sequence

import structlog
from structlog.contextvars import bound_contextvars

from app.db.engine import Database
from app.domain.ids import TaskId
from app.domain.tasks import Task, TaskName
from app.ledger.claim import Claim
from app.services.queue.admission import Admission
from app.services.queue.after_commit import AfterCommit
from app.services.queue.attempt_ends import AttemptEnds, End
from app.services.queue.attempts import AttemptFunction, RunningAttempt, WorkerSlot
from app.services.queue.claims import Claims
from app.services.queue.failures import RetryPolicy
from app.services.queue.short_tasks import ShortTasks

log = structlog.get_logger()


class Execution:
    """Runs attempts: claims the task, runs its body, and writes the end if the attempt is still valid."""

    def __init__(
        self, database: Database, after_commit: AfterCommit, policy: RetryPolicy, admission: Admission
    ) -> None:
        self._database = database
        self._after_commit = after_commit
        self._claims = Claims(database, after_commit, admission)
        self._ends = AttemptEnds(database, self._claims, policy)

    async def run(self, task_id: TaskId, name: TaskName, slot: WorkerSlot, body: AttemptFunction) -> Task | None:
        """Run the task of a message, whose name must be ``name``; then the next ones, while the slot may continue.

        Returns the task of the message in its new state. None when it could not be claimed (a late or duplicated
        message, or one with another name than the task's), when the attempt was superseded, so that nothing of it was
        written, or when the slot continued, so that its end is reported already.
        """
        try:
            return await self._run_claims(task_id, name, slot, body)
        except asyncio.CancelledError:
            await self._claims.release_unheld(slot)  # the answer to a claim may be lost
            raise

    async def _run_claims(
        self, task_id: TaskId, name: TaskName, slot: WorkerSlot, body: AttemptFunction
    ) -> Task | None:
        claimed = await self._claims.claim(task_id, name, slot)
        ended = None
        while (task := claimed.task) is not None:
            if claimed.further:
                claimed, ended = await self._run_together(claimed, slot, body), None
            else:
                with bound_contextvars(
                    task_id=str(task.id), organization_id=task.organization_id, agent_id=task.agent_id
                ):
                    end = await self._run_attempt(task, slot, body)
                    claimed = end.next or Claim()
                    is_last_of_message = task.id == task_id and not claimed
                    ended = end.task if is_last_of_message else None
                    if end.task is not None:
                        await self._follow_ends([end.task], claimed, slot, reports_success=not is_last_of_message)
            self._claims.follow(claimed, slot)
        return ended

    async def _run_together(self, claimed: Claim, slot: WorkerSlot, body: AttemptFunction) -> Claim:
        """Run the tasks of one claim, write their ends, and claim the next tasks if the slot may continue."""

        async def follow(ended: Sequence[Task], claimed: Claim) -> None:
            await self._follow_ends(ended, claimed, slot, reports_success=True)

        together = ShortTasks(claimed.tasks, slot, self._claims, self._ends, follow)
        return await together.run(lambda task: RunningAttempt(task, slot, self._database, self._after_commit), body)

    async def _follow_ends(
        self, ended: Sequence[Task], claimed: Claim, slot: WorkerSlot, *, reports_success: bool
    ) -> None:
        """Do what follows the end of tasks. Those with which the slot continues must not be lost by a failure."""
        try:
            await self._after_commit.run(ended, nudges=not claimed, reports_success=reports_success)
        except asyncio.CancelledError:
            await self._claims.release(claimed.tasks, slot)
            raise
        except Exception:
            log.exception("follow_up_failed")  # the sweep does the rest

    async def _run_attempt(self, task: Task, slot: WorkerSlot, body: AttemptFunction) -> End:
        """Run one attempt, write its end, and claim the next task if the slot may continue."""
        try:
            attempt = RunningAttempt(task, slot, self._database, self._after_commit)
            end = await self._ends.write(attempt, slot, await self._ends.run_body(attempt, slot, body))
            if end.next is None and slot.may_continue():
                end = End(end.task, await self._claims.claim_next(slot))
            return end
        finally:
            self._claims.drop(task)
