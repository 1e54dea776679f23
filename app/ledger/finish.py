"""The ways an attempt ends. Each applies only while the epoch is the row's: a late worker can change nothing."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.states import Event
from app.domain.tasks import Attempt, Failure, Progress, Task
from app.ledger.stages import ADD_STAGES, LATEST_STAGE, REPORT_COUNT, describe_reports
from app.ledger.statement import (
    CANCEL_REQUESTED,
    NEW_EPOCH,
    NOT_CANCELLED,
    OF_ATTEMPT,
    WITHOUT_PROGRESS,
    WITHOUT_WORKER,
    append_history,
    ending_tasks,
    fetch_task,
    guard,
    returning_tasks,
    to,
)

_FINISH = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.FINISH, f"1 + {REPORT_COUNT}")}, current = 100, status = :status, result = :result,
        completed_at = clock_timestamp(), chunk_count = coalesce(:chunk_count, t.chunk_count), {ADD_STAGES},
        stage = {LATEST_STAGE}, {WITHOUT_WORKER}
    WHERE {OF_ATTEMPT} AND {guard(Event.FINISH)} AND {NOT_CANCELLED}
    """
).bindparams(bindparam("result", type_=JSONB), bindparam("reports", type_=JSONB))


async def finish(
    connection: AsyncConnection,
    attempt: Attempt,
    result: Any,
    *,
    status: str,
    chunk_count: int | None = None,
    reports: Sequence[Progress] = (),
) -> Task | None:
    """SUCCESS. None when the attempt was cancelled or superseded: the caller must roll back what it wrote.

    Args:
        connection: Within the transaction that writes the result's rows, if there are any.
        attempt: The attempt.
        result: The task's result, as JSON.
        status: A sentence for the client.
        chunk_count: The number of chunks that the task stored.
        reports: The reports of the attempt that were not written. Their stages are added.
    """
    return await fetch_task(
        connection,
        _FINISH,
        task_id=attempt.task_id,
        epoch=attempt.epoch,
        result=result,
        status=status,
        chunk_count=reports[-1].chunk_count if chunk_count is None and reports else chunk_count,
        reports=describe_reports(reports),
    )


_RETRY = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.RETRY)}, retries = t.retries + 1, available_at = now() + make_interval(secs => :delay),
        error = :error, status = :status, {WITHOUT_WORKER},
        {append_history("'retry'", "CAST(:error AS jsonb)")}
    WHERE {OF_ATTEMPT} AND {guard(Event.RETRY)} AND {NOT_CANCELLED}
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


_FAIL = ending_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.FAIL)}, error = :error, status = :status, completed_at = clock_timestamp(),
        dead_lettered_at = clock_timestamp(), {WITHOUT_WORKER},
        {append_history("'failure'", "CAST(:error AS jsonb)")}
    WHERE {OF_ATTEMPT} AND {guard(Event.FAIL)} AND {NOT_CANCELLED}
    """
).bindparams(bindparam("error", type_=JSONB))


async def fail(connection: AsyncConnection, attempt: Attempt, failure: Failure) -> Task | None:
    """FAILURE: the row becomes a dead letter at the same time. None when cancelled or superseded."""
    return await fetch_task(
        connection,
        _FAIL,
        task_id=attempt.task_id,
        epoch=attempt.epoch,
        error=failure.as_json(),
        status=failure.message,
    )


_SUPERSEDE = ending_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.ABORT)}, error = :error, status = :status, completed_at = clock_timestamp(), {WITHOUT_WORKER},
        {append_history("'superseded'", "CAST(:error AS jsonb)")}
    WHERE {OF_ATTEMPT} AND {guard(Event.ABORT)}
    """
).bindparams(bindparam("error", type_=JSONB))


async def supersede(connection: AsyncConnection, attempt: Attempt, failure: Failure) -> Task | None:
    """REVOKED, with the reason as its error: a newer task decides the document. None when the attempt is superseded."""
    return await fetch_task(
        connection,
        _SUPERSEDE,
        task_id=attempt.task_id,
        epoch=attempt.epoch,
        error=failure.as_json(),
        status=failure.message,
    )


_ABORT = ending_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.ABORT)}, status = 'Cancelled', completed_at = clock_timestamp(), {WITHOUT_WORKER},
        {append_history("'cancelled'")}
    WHERE {OF_ATTEMPT} AND {guard(Event.ABORT)} AND {CANCEL_REQUESTED}
    """
)


async def abort(connection: AsyncConnection, attempt: Attempt) -> Task | None:
    """REVOKED, by the attempt that received the cancel request. None when there is no request, or when superseded."""
    return await fetch_task(connection, _ABORT, task_id=attempt.task_id, epoch=attempt.epoch)


HAND_BACK = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.HAND_BACK)}, {NEW_EPOCH}, available_at = now(), {WITHOUT_PROGRESS},
        status = 'Handed back by its worker', {WITHOUT_WORKER}, {append_history("'handed_back'")}
    WHERE {OF_ATTEMPT} AND {guard(Event.HAND_BACK)} AND {NOT_CANCELLED}
    """
)


async def hand_back(connection: AsyncConnection, attempt: Attempt) -> Task | None:
    """PENDING again, without counting a crash: the worker stops, or has lost its lease, before it has finished."""
    return await fetch_task(connection, HAND_BACK, task_id=attempt.task_id, epoch=attempt.epoch)


_REQUEUE = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.HAND_BACK)}, {NEW_EPOCH}, attempt = t.attempt - 1, {WITHOUT_PROGRESS}, available_at = now(),
        status = :status, arguments = (t.arguments - 'fetch_host') || :arguments, {WITHOUT_WORKER}
    WHERE {OF_ATTEMPT} AND {guard(Event.HAND_BACK)} AND {NOT_CANCELLED}
    """
).bindparams(bindparam("arguments", type_=JSONB))


async def requeue(
    connection: AsyncConnection, attempt: Attempt, arguments: Mapping[str, Any], *, status: str
) -> Task | None:
    """PENDING again with further arguments: what the task waited for on the network has arrived.

    The next claim continues the same attempt. None when the attempt was cancelled or superseded.
    """
    return await fetch_task(
        connection,
        _REQUEUE,
        task_id=attempt.task_id,
        epoch=attempt.epoch,
        arguments=dict(arguments),
        status=status,
    )


_DEFER = returning_tasks(
    f"""
    UPDATE tasks AS t
    SET {to(Event.HAND_BACK)}, {NEW_EPOCH}, attempt = t.attempt - 1, {WITHOUT_PROGRESS},
        available_at = now() + make_interval(secs => :delay), status = :status, {WITHOUT_WORKER}
    WHERE {OF_ATTEMPT} AND {guard(Event.HAND_BACK)} AND {NOT_CANCELLED}
    """
)


async def defer(connection: AsyncConnection, attempt: Attempt, delay: float, status: str) -> Task | None:
    """PENDING for at least ``delay`` seconds, not counted as an attempt: something the task needs is unavailable."""
    return await fetch_task(
        connection, _DEFER, task_id=attempt.task_id, epoch=attempt.epoch, delay=delay, status=status
    )
