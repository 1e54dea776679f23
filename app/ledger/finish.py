"""The ways an attempt ends. Each applies only while the epoch is the row's: a late worker can change nothing."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.db.engine import Source, fetch
from app.db.statements import Statement
from app.domain.ids import TaskId
from app.domain.states import Event, State
from app.domain.tasks import Attempt, Failure, Progress, Task
from app.ledger.claim import IS_LOW, IS_SERVED, SEVERAL_NEXT, Claim, Slot, claim_chosen, read_claim
from app.ledger.stages import ADD_STAGES, LATEST_STAGE, REPORT_COUNT, describe_reports
from app.ledger.statement import (
    CANCEL_REQUESTED,
    DOCUMENTS,
    NEW_EPOCH,
    NOT_CANCELLED,
    OF_ATTEMPT,
    TASK_COLUMNS,
    WITHOUT_PROGRESS,
    WITHOUT_WORKER,
    all_locked,
    append_history,
    attempt_statement,
    ending_statement,
    guard,
    run_on_task,
    to,
)

_FINISH_UPDATE = f"""
    UPDATE tasks AS t
    SET {to(Event.FINISH, f"1 + {REPORT_COUNT}")}, current = 100, status = :status, result = :result,
        completed_at = clock_timestamp(), chunk_count = coalesce(:chunk_count, t.chunk_count), {ADD_STAGES},
        stage = {LATEST_STAGE}, {WITHOUT_WORKER}
    WHERE {OF_ATTEMPT} AND {guard(Event.FINISH)} AND {NOT_CANCELLED}"""

_FINISH = attempt_statement(_FINISH_UPDATE)


async def finish(
    source: Source,
    attempt: Attempt,
    result: Any,
    *,
    status: str,
    chunk_count: int | None = None,
    reports: Sequence[Progress] = (),
) -> Task | None:
    """SUCCESS. None when the attempt was cancelled or superseded: the caller must roll back what it wrote.

    Args:
        source: Within the transaction that writes the result's rows, if there are any.
        attempt: The attempt.
        result: The task's result, as JSON.
        status: A sentence for the client.
        chunk_count: The number of chunks that the task stored.
        reports: The reports of the attempt that were not written. Their stages are added.
    """
    return await run_on_task(source, _FINISH, **_describe_finish(attempt, result, status, chunk_count, reports))


def _describe_finish(
    attempt: Attempt, result: Any, status: str, chunk_count: int | None, reports: Sequence[Progress]
) -> dict[str, Any]:
    return {
        "task_id": attempt.task_id,
        "epoch": attempt.epoch,
        "result": json.dumps(result),
        "status": status,
        "chunk_count": reports[-1].chunk_count if chunk_count is None and reports else chunk_count,
        "reports": json.dumps(describe_reports(reports)),
    }


def _and_claim(finish_update: str) -> Statement:
    """The statement that ends tasks and claims the next ones. For those it does not wait: locked ones are skipped."""
    return Statement(
        f"""
        WITH
        finished AS ({finish_update} RETURNING {TASK_COLUMNS}),{SEVERAL_NEXT},
        claimed AS ({claim_chosen("SELECT id FROM next")} AND {IS_SERVED} RETURNING {TASK_COLUMNS}),
        changed AS (SELECT * FROM finished UNION ALL SELECT * FROM claimed),
        {DOCUMENTS}
        SELECT changed.*, {IS_LOW} FROM changed
        """
    )


FINISH_AND_CLAIM = _and_claim(_FINISH_UPDATE)


async def finish_and_claim(
    source: Source,
    attempt: Attempt,
    slot: Slot,
    result: Any,
    *,
    status: str,
    chunk_count: int | None = None,
    reports: Sequence[Progress] = (),
) -> tuple[Task | None, Claim]:
    """Do what ``finish`` does, and claim the next tasks of the slot's queue in the same statement.

    No task is claimed when the attempt was cancelled or superseded.
    """
    given = _describe_finish(attempt, result, status, chunk_count, reports)
    ended, claimed = await _fetch_ends(source, FINISH_AND_CLAIM, slot, given)
    return ended.get(attempt.task_id), claimed


# The rows are locked in the order of ids before the first is changed, as in ``all_locked``.
FINISH_SEVERAL_AND_CLAIM = _and_claim(f"""
    UPDATE tasks AS t
    SET {to(Event.FINISH)}, current = 100, status = g.status, result = g.result, completed_at = clock_timestamp(),
        {WITHOUT_WORKER}
    FROM unnest(
        CAST(:task_ids AS uuid[]), CAST(:epochs AS integer[]), CAST(:statuses AS text[]), CAST(:results AS jsonb[])
    ) AS g (task_id, epoch, status, result)
    WHERE t.id = g.task_id AND t.epoch = g.epoch AND {guard(Event.FINISH)} AND {NOT_CANCELLED}
      AND {all_locked("t.id = ANY (CAST(:task_ids AS uuid[]))")}""")


async def finish_several_and_claim(
    source: Source, ends: Sequence[tuple[Attempt, Any, str]], slot: Slot
) -> tuple[dict[TaskId, Task], Claim]:
    """End several attempts with success, and claim the next tasks of the slot's queue in the same statement.

    ``ends`` are attempts without unwritten reports, each with its result, as JSON, and a sentence for the client.
    Returns the ended tasks by their ids, without those whose attempt was cancelled or superseded. If there are no
    others, no task is claimed.
    """
    given = {
        "task_ids": [attempt.task_id for attempt, _, _ in ends],
        "epochs": [attempt.epoch for attempt, _, _ in ends],
        "statuses": [status for _, _, status in ends],
        "results": [json.dumps(result) for _, result, _ in ends],
    }
    return await _fetch_ends(source, FINISH_SEVERAL_AND_CLAIM, slot, given)


async def _fetch_ends(
    source: Source, statement: Statement, slot: Slot, given: Mapping[str, Any]
) -> tuple[dict[TaskId, Task], Claim]:
    """Run a statement that ends attempts and claims. Its rows are tasks of both kinds.

    Their states tell the kind, and not their ids: the task of an attempt that was superseded may be claimed here.
    """
    claims_several = {"most": slot.most, "name": slot.name}
    found = await fetch(source, statement, {**given, **slot.as_parameters(), **claims_several})
    rows = [read_claim(row) for row in found]
    changed = [task for row in rows for task in row.tasks]
    ended = {task.id: task for task in changed if task.state is State.SUCCESS}
    claimed = sorted(
        (task for task in changed if task.state is not State.SUCCESS), key=lambda task: (task.queued_at, task.id)
    )
    return ended, Claim(claimed[0], rows[0].is_low, further=tuple(claimed[1:])) if claimed else Claim()


_RETRY = attempt_statement(
    f"""
    UPDATE tasks AS t
    SET {to(Event.RETRY)}, retries = t.retries + 1, available_at = now() + make_interval(secs => :delay),
        error = :error, status = :status, {WITHOUT_WORKER},
        {append_history("'retry'", "CAST(:error AS jsonb)")}
    WHERE {OF_ATTEMPT} AND {guard(Event.RETRY)} AND {NOT_CANCELLED}
    """
)


async def retry(source: Source, attempt: Attempt, failure: Failure, delay: float) -> Task | None:
    """RETRY after ``delay`` seconds. None when the attempt was cancelled or superseded."""
    status = f"Waiting to try again: {failure.message}"
    return await run_on_task(
        source,
        _RETRY,
        task_id=attempt.task_id,
        epoch=attempt.epoch,
        error=json.dumps(failure.as_json()),
        delay=delay,
        status=status,
    )


_FAIL = ending_statement(
    f"""
    UPDATE tasks AS t
    SET {to(Event.FAIL)}, error = :error, status = :status, completed_at = clock_timestamp(),
        dead_lettered_at = clock_timestamp(), {WITHOUT_WORKER},
        {append_history("'failure'", "CAST(:error AS jsonb)")}
    WHERE {OF_ATTEMPT} AND {guard(Event.FAIL)} AND {NOT_CANCELLED}
    """
)


async def fail(source: Source, attempt: Attempt, failure: Failure) -> Task | None:
    """FAILURE: the row becomes a dead letter at the same time. None when cancelled or superseded."""
    return await run_on_task(
        source,
        _FAIL,
        task_id=attempt.task_id,
        epoch=attempt.epoch,
        error=json.dumps(failure.as_json()),
        status=failure.message,
    )


_SUPERSEDE = ending_statement(
    f"""
    UPDATE tasks AS t
    SET {to(Event.ABORT)}, error = :error, status = :status, completed_at = clock_timestamp(), {WITHOUT_WORKER},
        {append_history("'superseded'", "CAST(:error AS jsonb)")}
    WHERE {OF_ATTEMPT} AND {guard(Event.ABORT)}
    """
)


async def supersede(source: Source, attempt: Attempt, failure: Failure) -> Task | None:
    """REVOKED, with the reason as its error: a newer task decides the document. None when the attempt is superseded."""
    return await run_on_task(
        source,
        _SUPERSEDE,
        task_id=attempt.task_id,
        epoch=attempt.epoch,
        error=json.dumps(failure.as_json()),
        status=failure.message,
    )


_ABORT = ending_statement(
    f"""
    UPDATE tasks AS t
    SET {to(Event.ABORT)}, status = 'Cancelled', completed_at = clock_timestamp(), {WITHOUT_WORKER},
        {append_history("'cancelled'")}
    WHERE {OF_ATTEMPT} AND {guard(Event.ABORT)} AND {CANCEL_REQUESTED}
    """
)


async def abort(source: Source, attempt: Attempt) -> Task | None:
    """REVOKED, by the attempt that received the cancel request. None when there is no request, or when superseded."""
    return await run_on_task(source, _ABORT, task_id=attempt.task_id, epoch=attempt.epoch)


HAND_BACK = attempt_statement(
    f"""
    UPDATE tasks AS t
    SET {to(Event.HAND_BACK)}, {NEW_EPOCH}, {WITHOUT_PROGRESS},
        status = 'Handed back by its worker', {WITHOUT_WORKER}, {append_history("'handed_back'")}
    WHERE {OF_ATTEMPT} AND {guard(Event.HAND_BACK)} AND {NOT_CANCELLED}
    """
)


async def hand_back(source: Source, attempt: Attempt) -> Task | None:
    """PENDING again at its former place, without a crash: the worker stops, or has lost its lease, before the end."""
    return await run_on_task(source, HAND_BACK, task_id=attempt.task_id, epoch=attempt.epoch)


_REQUEUE = attempt_statement(
    f"""
    UPDATE tasks AS t
    SET {to(Event.HAND_BACK)}, {NEW_EPOCH}, attempt = t.attempt - 1, {WITHOUT_PROGRESS}, available_at = now(),
        status = :status, arguments = (t.arguments - 'fetch_host') || :arguments, {WITHOUT_WORKER}
    WHERE {OF_ATTEMPT} AND {guard(Event.HAND_BACK)} AND {NOT_CANCELLED}
    """
)


async def requeue(source: Source, attempt: Attempt, arguments: Mapping[str, Any], *, status: str) -> Task | None:
    """PENDING again with further arguments: what the task waited for on the network has arrived.

    The next claim continues the same attempt. None when the attempt was cancelled or superseded.
    """
    return await run_on_task(
        source,
        _REQUEUE,
        task_id=attempt.task_id,
        epoch=attempt.epoch,
        arguments=json.dumps(dict(arguments)),
        status=status,
    )


_DEFER = attempt_statement(
    f"""
    UPDATE tasks AS t
    SET {to(Event.HAND_BACK)}, {NEW_EPOCH}, attempt = t.attempt - 1, {WITHOUT_PROGRESS},
        available_at = now() + make_interval(secs => :delay), status = :status, {WITHOUT_WORKER}
    WHERE {OF_ATTEMPT} AND {guard(Event.HAND_BACK)} AND {NOT_CANCELLED}
    """
)


async def defer(source: Source, attempt: Attempt, delay: float, status: str) -> Task | None:
    """PENDING for at least ``delay`` seconds, not counted as an attempt: something the task needs is unavailable."""
    return await run_on_task(source, _DEFER, task_id=attempt.task_id, epoch=attempt.epoch, delay=delay, status=status)
