"""Execution: one attempt of one task, from the bell to a state in the ledger."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from app.db.engine import Database
from app.domain.backoff import choose_delay
from app.domain.errors import DatabaseUnavailableError, RetryLaterError, SluiceError, TaskTimeLimitError
from app.domain.ids import TaskId
from app.domain.states import RUNNING
from app.domain.tasks import Failure, Task
from app.ledger.children import expand
from app.ledger.claim import claim
from app.ledger.finish import abort, defer, fail, finish, hand_back, retry
from app.ledger.read import get_task
from app.ledger.report import AttemptStatus
from app.services.queue.after_commit import AfterCommit
from app.services.queue.attempts import AttemptFunction, AttemptLostError, Outcome, Work, WorkerSlot

_DATABASE_RETRY_SECONDS = 0.5
_LATER_SECONDS = 5.0
_TRACEBACK_CHARACTERS = 10_000
_SUMMARY_CHARACTERS = 300

log = structlog.get_logger()

End = Callable[[], Awaitable[Task | None]]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and after how many seconds a retryable failure is tried again, and how long an attempt may take."""

    max_retries: int
    backoff: float
    backoff_max: float
    time_limit: float


def _summarise(error: Exception) -> str:
    """The first line of an error nobody foresaw; its traceback tells the rest."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:_SUMMARY_CHARACTERS]


class Execution:
    """Runs attempts: claim, body, guarded end."""

    def __init__(self, database: Database, after_commit: AfterCommit, policy: RetryPolicy) -> None:
        self._database = database
        self._after_commit = after_commit
        self._policy = policy
        self._held: set[TaskId] = set()

    async def run(self, task_id: TaskId, slot: WorkerSlot, body: AttemptFunction) -> Task | None:
        """Run one attempt and return the task as it then stands.

        None when there was nothing to do (a late or doubled bell) or when the attempt was
        superseded: whatever it held was dropped.
        """
        task = await self._claim(task_id, slot)
        if task is None:
            return None
        self._held.add(task_id)
        try:
            work = Work(task, slot, self._database, self._after_commit)
            ended = await self._end(task, await self._attempt(work, body))
        finally:
            self._held.discard(task_id)
        if ended is not None:
            await self._after_commit.run([ended])
        return ended

    async def _claim(self, task_id: TaskId, slot: WorkerSlot) -> Task | None:
        """Claim the task. If the answer is lost, release the claim, or the row would stay in a running state."""
        try:
            async with self._database.statement() as connection:
                return await claim(connection, task_id, slot.worker_id, slot.pid)
        except DatabaseUnavailableError:
            log.warning("claim_unconfirmed")
            await self._release_claim(task_id, slot)
            return None

    async def _release_claim(self, task_id: TaskId, slot: WorkerSlot) -> None:
        """Once the database is available, hand back the task if it was claimed for this process after all."""
        while True:
            await asyncio.sleep(_DATABASE_RETRY_SECONDS)
            try:
                async with self._database.statement() as connection:
                    task = await get_task(connection, task_id)
                    ours = task and task.state in RUNNING and (task.worker_id, task.pid) == (slot.worker_id, slot.pid)
                    if task and ours and task_id not in self._held:
                        task = await hand_back(connection, task.attempt_token)
                    else:
                        task = None
            except DatabaseUnavailableError:
                log.warning("claim_unconfirmed")
            else:
                if task:
                    await self._after_commit.run([task])
                return

    async def _end(self, task: Task, end: End) -> Task | None:
        """Write the end, however long the database is away.

        The row must not stay behind as running: once the database is back, either this end
        holds or the lease has run out and the epoch refuses it.
        """
        while True:
            try:
                return await end()
            except DatabaseUnavailableError:
                log.warning("end_not_written", task_id=str(task.id))
                await asyncio.sleep(_DATABASE_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 - what cannot be stored is a failure like any other
                end = self._failure_end(task, error)

    async def _attempt(self, work: Work, body: AttemptFunction) -> End:
        """Run the body; returns the statement that ends the attempt."""
        try:
            async with asyncio.timeout(self._policy.time_limit) as limit:
                outcome = await self._watched(work, body)
        except AttemptLostError:
            return lambda: self._lose(work)
        except RetryLaterError as error:
            later = error
            return lambda: self._write(
                defer, work.task, later.retry_after or _LATER_SECONDS, later.detail or later.message
            )
        except asyncio.CancelledError:
            return lambda: self._write(hand_back, work.task)
        except Exception as error:  # noqa: BLE001 - whatever it was, it ends in the ledger
            return self._failure_end(work.task, TaskTimeLimitError() if limit.expired() else error)
        return lambda: self._finish(work, outcome)

    async def _watched(self, work: Work, body: AttemptFunction) -> Outcome:
        """The body's outcome, unless the attempt is lost first: then the body is cancelled where it stands."""
        running, watching = asyncio.ensure_future(body(work)), asyncio.ensure_future(work.watch())
        try:
            await asyncio.wait({running, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                watching.result()  # raises what the watch itself failed of, if it did
                raise AttemptLostError(work.attempt_status)
            return running.result()
        finally:
            for future in (running, watching):
                future.cancel()
            await asyncio.gather(running, watching, return_exceptions=True)

    async def _finish(self, work: Work, outcome: Outcome) -> Task | None:
        async with self._database.transaction() as connection:
            if outcome.expands:
                task = await expand(
                    connection, work.task.attempt_token, status=outcome.status, last_step=outcome.last_step
                )
            else:
                task = await finish(
                    connection,
                    work.task.attempt_token,
                    outcome.result,
                    status=outcome.status,
                    chunk_count=outcome.chunk_count,
                )
            if task is not None:
                await outcome.apply(connection)
        if task is None:
            return await self._lose(work)
        try:
            await outcome.after()
        except Exception:
            log.exception("after_end_failed", task_id=str(task.id))
        return task

    async def _lose(self, work: Work) -> Task | None:
        """REVOKED when a cancel was asked for; when another worker has the task, there is nothing to write."""
        return await self._write(hand_back if work.attempt_status is AttemptStatus.HAND_BACK else abort, work.task)

    def _failure_end(self, task: Task, error: Exception) -> End:
        retryable = error.retryable if isinstance(error, SluiceError) else True
        message = error.message if isinstance(error, SluiceError) else _summarise(error)
        code = error.code if isinstance(error, SluiceError) else SluiceError.code
        stack = "".join(traceback.format_exception(error))[-_TRACEBACK_CHARACTERS:]
        failure = Failure(code, message, retryable, stack)
        policy = self._policy
        if not retryable or task.retries >= policy.max_retries:
            return lambda: self._write(fail, task, failure)
        retry_after = error.retry_after if isinstance(error, SluiceError) else None
        delay = choose_delay(task.retries, base=policy.backoff, cap=policy.backoff_max, retry_after=retry_after)
        return lambda: self._write(retry, task, failure, delay)

    async def _write(self, end: Callable[..., Awaitable[Task | None]], task: Task, *arguments: Any) -> Task | None:
        async with self._database.statement() as connection:
            ended = await end(connection, task.attempt_token, *arguments)
            if ended is None and end is not abort:
                # A cancel came in between: the guards of every other end refuse, this one accepts.
                ended = await abort(connection, task.attempt_token)
            return ended
