"""Execution: one attempt of one task, from the message to a new state in the ledger."""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from app.db.engine import Database
from app.domain.backoff import choose_delay
from app.domain.errors import (
    DatabaseUnavailableError,
    DocumentSupersededError,
    RetryLaterError,
    SluiceError,
    TaskTimeLimitError,
    name_disk_error,
)
from app.domain.ids import TaskId
from app.domain.states import RUNNING
from app.domain.tasks import Failure, Task, TaskName
from app.ledger.children import expand
from app.ledger.claim import claim, read_name
from app.ledger.finish import abort, defer, fail, finish, hand_back, requeue, retry, supersede
from app.ledger.read import get_task
from app.ledger.report import AttemptStatus, report
from app.services.queue.after_commit import AfterCommit
from app.services.queue.attempts import AttemptFunction, AttemptLostError, Outcome, RunningAttempt, WorkerSlot

_DATABASE_RETRY_SECONDS = 0.5
_DEFER_SECONDS = 5.0
_TRACEBACK_CHARACTERS = 10_000
_SUMMARY_CHARACTERS = 300

log = structlog.get_logger()

WriteEnd = Callable[[], Awaitable[Task | None]]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a retryable failure is tried again, and how many seconds an attempt may take."""

    max_retries: int
    backoff: float
    backoff_max: float
    time_limit: float


def _summarise(error: Exception) -> str:
    """The first line of an unexpected error. Its traceback is stored as well."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:_SUMMARY_CHARACTERS]


class Execution:
    """Runs attempts: claims the task, runs its body, and writes the end if the attempt is still valid."""

    def __init__(self, database: Database, after_commit: AfterCommit, policy: RetryPolicy) -> None:
        self._database = database
        self._after_commit = after_commit
        self._policy = policy
        self._held: set[TaskId] = set()

    async def run(self, task_id: TaskId, name: TaskName, slot: WorkerSlot, body: AttemptFunction) -> Task | None:
        """Run one attempt of the task, whose name must be ``name``; returns the task in its new state.

        Returns None when the task could not be claimed (a late or duplicated message, or one with another name than the
        task's), or when the attempt was superseded: then nothing of it was written.
        """
        task = await self._claim(task_id, name, slot)
        if task is None:
            return None
        self._held.add(task_id)
        try:
            attempt = RunningAttempt(task, slot, self._database, self._after_commit)
            ended = await self._write_end(attempt, await self._run_body(attempt, body))
        finally:
            self._held.discard(task_id)
        if ended is not None:
            await self._after_commit.run([ended])
        return ended

    async def _claim(self, task_id: TaskId, name: TaskName, slot: WorkerSlot) -> Task | None:
        """Claim the task. If the answer is lost, release the claim, or the row would stay in a running state."""
        try:
            async with self._database.statement() as connection:
                task = await claim(connection, task_id, name, slot.worker_id, slot.pid)
                found = name if task else await read_name(connection, task_id)
        except DatabaseUnavailableError:
            log.warning("claim_unconfirmed")
            await self._release_claim(task_id, slot)
            return None
        if found not in {name, None}:
            log.warning("message_refused", reason="it names another task than the row", message_name=name, name=found)
        return task

    async def _release_claim(self, task_id: TaskId, slot: WorkerSlot) -> None:
        """Once the database is available, hand back the task if it was claimed for this process after all."""
        while True:
            await asyncio.sleep(_DATABASE_RETRY_SECONDS)
            try:
                released = await self._hand_back_if_claimed(task_id, slot)
            except DatabaseUnavailableError:
                log.warning("claim_unconfirmed")
            else:
                await self._after_commit.run([released] if released else [])
                return

    async def _hand_back_if_claimed(self, task_id: TaskId, slot: WorkerSlot) -> Task | None:
        async with self._database.statement() as connection:
            task = await get_task(connection, task_id)
            if task is None or task.state not in RUNNING or task_id in self._held:
                return None
            if (task.worker_id, task.pid) != (slot.worker_id, slot.pid):
                return None
            return await hand_back(connection, task.attempt_token)

    async def _write_end(self, attempt: RunningAttempt, end: WriteEnd) -> Task | None:
        """Write the end of the attempt, and try again for as long as the database is unavailable.

        Otherwise the row would stay in a running state. Once the database is available, either this end is valid, or
        the lease has expired and the row's epoch has moved on.
        """
        is_logged = False
        while True:
            try:
                return await end()
            except DatabaseUnavailableError as error:
                if not is_logged:
                    log.warning("attempt_end_not_written", code=error.code)
                    is_logged = True
                await asyncio.sleep(_DATABASE_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 - a result that cannot be stored is a failure like any other
                end = self._choose_failure_end(attempt, error)

    async def _run_body(self, attempt: RunningAttempt, body: AttemptFunction) -> WriteEnd:
        """Run the body; returns the function that writes the end of the attempt."""
        try:
            async with asyncio.timeout(self._policy.time_limit) as limit:
                outcome = await self._run_watched(attempt, body)
        except AttemptLostError:
            return lambda: self._end_lost(attempt)
        except RetryLaterError as error:
            later = error
            return lambda: self._write_state(
                defer, attempt, later.retry_after or _DEFER_SECONDS, later.detail or later.message
            )
        except asyncio.CancelledError:
            return lambda: self._write_state(hand_back, attempt)
        except Exception as error:  # noqa: BLE001 - every error is recorded in the ledger
            return self._choose_failure_end(attempt, TaskTimeLimitError() if limit.expired() else error)
        return lambda: self._finish(attempt, outcome)

    async def _run_watched(self, attempt: RunningAttempt, body: AttemptFunction) -> Outcome:
        """Run the body, and cancel it if the attempt is lost before it returns."""
        running, watching = asyncio.ensure_future(body(attempt)), asyncio.ensure_future(attempt.watch())
        try:
            await asyncio.wait({running, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                watching.result()  # raises the error with which the watch itself failed, if it did
                raise AttemptLostError(attempt.attempt_status)
            return running.result()
        finally:
            for future in (running, watching):
                future.cancel()
            await asyncio.gather(running, watching, return_exceptions=True)

    async def _finish(self, attempt: RunningAttempt, outcome: Outcome) -> Task | None:
        try:
            task = await self._write_outcome(attempt, outcome)
        except DatabaseUnavailableError:
            raise
        except Exception:
            await self._discard(attempt, outcome)
            raise
        if task is None:
            await self._discard(attempt, outcome)
            return await self._end_lost(attempt)
        await _run_hook(outcome.after)
        return task

    async def _discard(self, attempt: RunningAttempt, outcome: Outcome) -> None:
        """Delete what the attempt has stored, unless another attempt has the task and may store the same files."""
        if await attempt.read_status() in {AttemptStatus.CONTINUE, AttemptStatus.CANCELLED}:
            await _run_hook(outcome.discard)

    async def _write_outcome(self, attempt: RunningAttempt, outcome: Outcome) -> Task | None:
        """Write the outcome in one transaction. None when the attempt was cancelled or superseded."""
        reports = await attempt.take_reports()
        async with self._database.transaction() as connection:
            if outcome.expands:
                if reports:
                    await report(connection, attempt.task.attempt_token, reports[-1], reports[:-1])
                task = await expand(
                    connection,
                    attempt.task.attempt_token,
                    status=outcome.status,
                    own_result=outcome.result,
                    last_step=outcome.last_step,
                )
            elif outcome.continues is not None:
                task = await requeue(connection, attempt.task.attempt_token, outcome.continues, status=outcome.status)
            else:
                task = await finish(
                    connection,
                    attempt.task.attempt_token,
                    outcome.result,
                    status=outcome.status,
                    chunk_count=outcome.chunk_count,
                    reports=reports,
                )
            if task is not None:
                await outcome.apply(connection)
        return task

    async def _end_lost(self, attempt: RunningAttempt) -> Task | None:
        """Write REVOKED for a cancelled attempt. When another worker has the task, nothing is written."""
        return await self._write_state(
            hand_back if attempt.attempt_status is AttemptStatus.HAND_BACK else abort, attempt
        )

    def _choose_failure_end(self, attempt: RunningAttempt, error: Exception) -> WriteEnd:
        error = name_disk_error(error)
        retryable = error.retryable if isinstance(error, SluiceError) else True
        message = error.message if isinstance(error, SluiceError) else _summarise(error)
        code = error.code if isinstance(error, SluiceError) else SluiceError.code
        stack = "".join(traceback.format_exception(error))[-_TRACEBACK_CHARACTERS:]
        failure = Failure(code, message, retryable, stack)
        if isinstance(error, DocumentSupersededError):
            return lambda: self._write_state(supersede, attempt, failure)
        policy, task = self._policy, attempt.task
        if not retryable or task.retries >= policy.max_retries:
            return lambda: self._write_state(fail, attempt, failure)
        retry_after = error.retry_after if isinstance(error, SluiceError) else None
        delay = choose_delay(task.retries, base=policy.backoff, cap=policy.backoff_max, retry_after=retry_after)
        return lambda: self._write_state(retry, attempt, failure, delay)

    async def _write_state(
        self, end: Callable[..., Awaitable[Task | None]], attempt: RunningAttempt, *arguments: Any
    ) -> Task | None:
        async with self._database.statement() as connection:
            await attempt.write_reports(connection)
            ended = await end(connection, attempt.task.attempt_token, *arguments)
            if ended is None and end is not abort:
                # The task was cancelled in the meantime, so only ``abort`` can end the attempt.
                ended = await abort(connection, attempt.task.attempt_token)
            return ended


async def _run_hook(hook: Callable[[], Awaitable[None]]) -> None:
    """Run what follows the end of an attempt. Its failure changes nothing about the end, which is written."""
    try:
        await hook()
    except Exception:
        log.exception("after_attempt_failed")
