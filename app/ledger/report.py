"""Report: an attempt writes its progress and receives, in the same round trip, whether to continue."""

import json
from collections.abc import Sequence
from enum import Enum, auto

from app.db.engine import Row, Source, fetch
from app.db.statements import Statement
from app.domain.states import RUNNING, Event
from app.domain.tasks import Attempt, Progress
from app.ledger.stages import ADD_STAGES, REPORT_COUNT, describe_reports
from app.ledger.statement import CANCEL_REQUESTED, OF_ATTEMPT, guard, quoted, to


class AttemptStatus(Enum):
    """What the attempt has to do next."""

    CONTINUE = auto()
    """Go on: the attempt still holds the task."""

    CANCELLED = auto()
    """Stop and abort: a cancel was requested."""

    SUPERSEDED = auto()
    """Stop and write nothing: the epoch has moved on, so another attempt may run the task, or it has ended."""

    HAND_BACK = auto()
    """Stop and return the task to its queue: the worker shuts down or has lost its lease. The worker decides this; no
    statement returns it."""


def read_status(cancelled: bool | None) -> AttemptStatus:
    """What a statement on the rows of an attempt returned: None if the attempt has none any more."""
    if cancelled is None:
        return AttemptStatus.SUPERSEDED
    return AttemptStatus.CANCELLED if cancelled else AttemptStatus.CONTINUE


# The commit does not wait for the disk: progress that a crash of the database loses is reported again.
# ``current`` never decreases within an attempt.
REPORT = Statement(
    f"""
    UPDATE tasks AS t
    SET {to(Event.REPORT, REPORT_COUNT)}, current = greatest(t.current, :current), stage = :stage,
        status = :status, chunk_count = coalesce(:chunk_count, t.chunk_count), {ADD_STAGES}
    FROM (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed
    WHERE {OF_ATTEMPT} AND {guard(Event.REPORT)}
    RETURNING {CANCEL_REQUESTED} AS cancelled
    """
)


async def report(
    source: Source, attempt: Attempt, progress: Progress, earlier: Sequence[Progress] = ()
) -> AttemptStatus:
    """Write the progress of a running attempt and return whether to continue.

    Args:
        source: Where it runs.
        attempt: The attempt.
        progress: The latest report.
        earlier: The reports before it that were not written. Their stages are added too.
    """
    parameters = {
        "reports": json.dumps(describe_reports([*earlier, progress])),
        "task_id": attempt.task_id,
        "epoch": attempt.epoch,
        "stage": progress.stage,
        "current": progress.current,
        "status": progress.status,
        "chunk_count": progress.chunk_count,
    }
    return _read_cancelled(await fetch(source, REPORT, parameters))


WATCH = Statement(
    f"""
    SELECT {CANCEL_REQUESTED} AS cancelled FROM tasks AS t
    WHERE {OF_ATTEMPT} AND t.state IN ({quoted(RUNNING)})
    """
)


async def watch(source: Source, attempt: Attempt) -> AttemptStatus:
    """Return whether to continue, without writing progress."""
    parameters = {"task_id": attempt.task_id, "epoch": attempt.epoch}
    return _read_cancelled(await fetch(source, WATCH, parameters))


def _read_cancelled(rows: Sequence[Row]) -> AttemptStatus:
    return read_status(rows[0]["cancelled"] if rows else None)
