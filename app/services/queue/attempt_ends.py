"""The ends of attempts: runs the body of one, and writes its new state to the ledger if it is still valid."""

import asyncio
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
    TaskTimeLimitError,
)
from app.domain.tasks import Task
from app.ledger.children import expand
from app.ledger.claim import Claim
from app.ledger.finish import abort, defer, fail, finish, hand_back, requeue, retry, supersede
from app.ledger.report import AttemptStatus, report
from app.services.queue.attempts import AttemptFunction, AttemptLostError, Outcome, RunningAttempt, WorkerSlot
from app.services.queue.claims import DATABASE_RETRY_SECONDS, Claims
from app.services.queue.failures import RetryPolicy, describe_failure
from app.services.queue.watching import run_watched

_DEFER_SECONDS = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class End:
    """The end of an attempt: the task in its new state, if it was written, and the claim that came with it."""

    task: Task | None
    next: Claim | None = None


WriteEnd = Callable[[], Awaitable[End]]


@dataclass(frozen=True, slots=True)
class Success:
    """The end of an attempt whose body returned. Calling it writes the outcome."""

    attempt: RunningAttempt
    outcome: Outcome
    write: Callable[[RunningAttempt, Outcome], Awaitable[End]]

    async def __call__(self) -> End:
        """Write the outcome."""
        return await self.write(self.attempt, self.outcome)


class AttemptEnds:
    """Runs bodies, and writes how the attempts end."""

    def __init__(self, database: Database, claims: Claims, policy: RetryPolicy) -> None:
        self._database = database
        self._claims = claims
        self._policy = policy

    async def write(
        self, attempt: RunningAttempt, slot: WorkerSlot, end: WriteEnd, *, is_uncertain: bool = False
    ) -> End:
        """Write the end of the attempt, and try again for as long as the database is unavailable.

        Otherwise the row would stay in a running state. Once the database is available, either this end is valid, or
        the lease has expired and the row's epoch has moved on.

        Args:
            attempt: The attempt.
            slot: Its slot.
            end: Writes the end.
            is_uncertain: Whether a former statement may have written the end, so that it is looked for.
        """
        while True:
            try:
                ended = await end()
                break
            except DatabaseUnavailableError as error:
                if not is_uncertain:
                    log.warning("attempt_end_not_written", code=error.code)
                    is_uncertain = True
                await asyncio.sleep(DATABASE_RETRY_SECONDS)
            except Exception as error:  # noqa: BLE001 - a result that cannot be stored is a failure like any other
                end = self._choose_failure_end(attempt, error)
        if is_uncertain and slot.queue is not None:
            await self._claims.release_unheld(slot)  # the lost answer may have had a claim
        if is_uncertain and ended.task is None:
            ended = End(await attempt.find_end(), ended.next)
        return ended

    async def run_body(self, attempt: RunningAttempt, slot: WorkerSlot, body: AttemptFunction) -> WriteEnd:
        """Run the body; returns the function that writes the end of the attempt."""
        try:
            async with asyncio.timeout(self._policy.time_limit) as limit:
                outcome = await run_watched(attempt, body)
            attempt.end_body()
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
        return Success(attempt, outcome, lambda attempt, outcome: self._finish(attempt, slot, outcome))

    async def _finish(self, attempt: RunningAttempt, slot: WorkerSlot, outcome: Outcome) -> End:
        try:
            end = await self._write_outcome(attempt, slot, outcome)
        except DatabaseUnavailableError:
            raise
        except Exception:
            await self._discard(attempt, outcome)
            raise
        if end.task is None:
            await self._discard(attempt, outcome)
            return await self._end_lost(attempt)
        await run_hook(outcome.after)
        return end

    async def _discard(self, attempt: RunningAttempt, outcome: Outcome) -> None:
        """Delete what the attempt has stored, unless another attempt has the task and may store the same files."""
        if await attempt.read_status() in {AttemptStatus.CONTINUE, AttemptStatus.CANCELLED}:
            await run_hook(outcome.discard)

    async def _write_outcome(self, attempt: RunningAttempt, slot: WorkerSlot, outcome: Outcome) -> End:
        """Write the outcome in one transaction. No task in it when the attempt was cancelled or superseded."""
        token, reports = attempt.task.attempt_token, await attempt.take_reports()
        written: dict[str, Any] = {"status": outcome.status, "chunk_count": outcome.chunk_count, "reports": reports}
        if outcome.is_plain:
            return End(*await self._claims.finish(attempt, slot, outcome.result, **written))
        async with self._database.transaction() as connection:
            if outcome.expands:
                if reports:
                    await report(connection, token, reports[-1], reports[:-1])
                task = await expand(
                    connection,
                    token,
                    status=outcome.status,
                    own_result=outcome.result,
                    last_step=outcome.last_step,
                )
            elif outcome.continues is not None:
                task = await requeue(connection, token, outcome.continues, status=outcome.status)
            else:
                task = await finish(connection, token, outcome.result, **written)
            if task is not None:
                await outcome.apply(connection)
        return End(task)

    async def _end_lost(self, attempt: RunningAttempt) -> End:
        """Write REVOKED for a cancelled attempt. When another worker has the task, nothing is written."""
        return await self._write_state(
            hand_back if attempt.attempt_status is AttemptStatus.HAND_BACK else abort, attempt
        )

    def _choose_failure_end(self, attempt: RunningAttempt, error: Exception) -> WriteEnd:
        failure, retry_after = describe_failure(error)
        if isinstance(error, DocumentSupersededError):
            return lambda: self._write_state(supersede, attempt, failure)
        policy, task = self._policy, attempt.task
        if not failure.retryable or task.retries >= policy.max_retries:
            return lambda: self._write_state(fail, attempt, failure)
        delay = choose_delay(task.retries, base=policy.backoff, cap=policy.backoff_max, retry_after=retry_after)
        return lambda: self._write_state(retry, attempt, failure, delay)

    async def _write_state(
        self, end: Callable[..., Awaitable[Task | None]], attempt: RunningAttempt, *arguments: Any
    ) -> End:
        async with self._database.statement() as connection:
            await attempt.write_reports(connection)
            ended = await end(connection, attempt.task.attempt_token, *arguments)
            if ended is None and end is not abort:
                # The task was cancelled in the meantime, so only ``abort`` can end the attempt.
                ended = await abort(connection, attempt.task.attempt_token)
            return End(ended)


async def run_hook(hook: Callable[[], Awaitable[None]]) -> None:
    """Run what follows the end of an attempt. Its failure changes nothing about the end, which is written."""
    try:
        await hook()
    except Exception:
        log.exception("after_attempt_failed")
