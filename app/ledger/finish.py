"""The ends of an attempt. Each holds only while the attempt's epoch is the row's: a late worker can change nothing."""

from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.states import Event
from app.domain.tasks import Attempt, Failure, Task
from app.ledger.statement import append_history, fetch_task, guard, returning_tasks, to

_MINE = "t.id = :task_id AND t.epoch = :epoch"

_FINISH = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.FINISH)}, current = 100, status = :status, result = :result, completed_at = clock_timestamp(),
        chunk_count = coalesce(:chunk_count, t.chunk_count), worker_id = NULL, pid = NULL
    WHERE {_MINE} AND {guard(Event.FINISH)} AND t.cancel_requested_at IS NULL
    """
).bindparams(bindparam("result", type_=JSONB))


async def finish(
    connection: AsyncConnection, attempt: Attempt, result: Any, *, status: str, chunk_count: int | None = None
) -> Task | None:
    """SUCCESS. None when the attempt was cancelled or superseded: the caller rolls back what it wrote."""
    return await fetch_task(
        connection,
        _FINISH,
        task_id=attempt.task_id,
        epoch=attempt.epoch,
        result=result,
        status=status,
        chunk_count=chunk_count,
    )


_RETRY = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.RETRY)}, retries = t.retries + 1, available_at = now() + make_interval(secs => :delay),
        error = :error, status = :status, worker_id = NULL, pid = NULL,
        {append_history("'retry'", "CAST(:error AS jsonb)")}
    WHERE {_MINE} AND {guard(Event.RETRY)} AND t.cancel_requested_at IS NULL
    """
).bindparams(bindparam("error", type_=JSONB))


async def retry(connection: AsyncConnection, attempt: Attempt, failure: Failure, delay: float) -> Task | None:
    """RETRY after ``delay`` seconds. None when the attempt was cancelled or superseded."""
    status = f"Waiting to try again: {failure.message}"
    return await fetch_task(
        connection,
        _RETRY,
        task_id=attempt.task_id,
        epoch=attempt.epoch,
        error=failure.as_json(),
        delay=delay,
        status=status,
    )


_FAIL = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.FAIL)}, error = :error, status = :status, completed_at = clock_timestamp(),
        dead_lettered_at = clock_timestamp(), worker_id = NULL, pid = NULL,
        {append_history("'failure'", "CAST(:error AS jsonb)")}
    WHERE {_MINE} AND {guard(Event.FAIL)} AND t.cancel_requested_at IS NULL
    """
).bindparams(bindparam("error", type_=JSONB))


async def fail(connection: AsyncConnection, attempt: Attempt, failure: Failure) -> Task | None:
    """FAILURE for good: the row is a dead letter from the same moment. None when cancelled or superseded."""
    return await fetch_task(
        connection,
        _FAIL,
        task_id=attempt.task_id,
        epoch=attempt.epoch,
        error=failure.as_json(),
        status=failure.message,
    )


_ABORT = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.ABORT)}, status = 'Cancelled', completed_at = clock_timestamp(), worker_id = NULL, pid = NULL,
        {append_history("'cancelled'")}
    WHERE {_MINE} AND {guard(Event.ABORT)} AND t.cancel_requested_at IS NOT NULL
    """
)


async def abort(connection: AsyncConnection, attempt: Attempt) -> Task | None:
    """REVOKED, by the worker that saw the request to cancel."""
    return await fetch_task(connection, _ABORT, task_id=attempt.task_id, epoch=attempt.epoch)


HAND_BACK = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.HAND_BACK)}, epoch = t.epoch + 1, available_at = now(), current = 0, stage = NULL,
        status = 'Handed back by its worker', worker_id = NULL, pid = NULL, {append_history("'handed_back'")}
    WHERE {_MINE} AND {guard(Event.HAND_BACK)} AND t.cancel_requested_at IS NULL
    """
)


async def hand_back(connection: AsyncConnection, attempt: Attempt) -> Task | None:
    """PENDING again, without a crash counted: the worker stops, or has lost its lease, and has not finished."""
    return await fetch_task(connection, HAND_BACK, task_id=attempt.task_id, epoch=attempt.epoch)


_DEFER = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.HAND_BACK)}, epoch = t.epoch + 1, attempt = t.attempt - 1, current = 0, stage = NULL,
        available_at = now() + make_interval(secs => :delay), status = :status, worker_id = NULL, pid = NULL
    WHERE {_MINE} AND {guard(Event.HAND_BACK)} AND t.cancel_requested_at IS NULL
    """
)


async def defer(connection: AsyncConnection, attempt: Attempt, delay: float, status: str) -> Task | None:
    """PENDING again for ``delay`` seconds at least, as if this attempt had not been: what it needs is not to be had."""
    return await fetch_task(
        connection, _DEFER, task_id=attempt.task_id, epoch=attempt.epoch, delay=delay, status=status
    )
