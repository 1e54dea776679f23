"""Report: an attempt tells where it stands and learns in the same round trip whether to go on."""

from enum import Enum, auto

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.states import RUNNING, Event
from app.domain.tasks import Attempt, Progress
from app.ledger.statement import guard, quoted, to


class AttemptStatus(Enum):
    """What an attempt is told."""

    CONTINUE = auto()
    CANCELLED = auto()
    SUPERSEDED = auto()
    HAND_BACK = auto()


def _read_status(cancelled: bool | None) -> AttemptStatus:
    if cancelled is None:
        return AttemptStatus.SUPERSEDED
    return AttemptStatus.CANCELLED if cancelled else AttemptStatus.CONTINUE


# Progress that a crash of the database forgets is told again, so its commit need not wait for the disk.
REPORT = text(
    f"""
    UPDATE tasks AS t
    SET {to(Event.REPORT)}, current = greatest(t.current, :current), stage = :stage, status = :status,
        chunk_count = coalesce(:chunk_count, t.chunk_count),
        stages = CASE WHEN t.stage IS NOT DISTINCT FROM :stage THEN t.stages ELSE t.stages || jsonb_build_object(
            'name', CAST(:stage AS text), 'at', floor(extract(epoch FROM clock_timestamp()) * 1000),
            'version', t.version + 1, 'current', CAST(:current AS integer), 'status', CAST(:status AS text)) END
    FROM (SELECT set_config('synchronous_commit', 'off', true)) AS relaxed
    WHERE t.id = :task_id AND t.epoch = :epoch AND {guard(Event.REPORT)}
    RETURNING t.cancel_requested_at IS NOT NULL AS cancelled
    """
)


async def report(connection: AsyncConnection, attempt: Attempt, progress: Progress) -> AttemptStatus:
    """Write the progress of a running attempt. ``current`` never goes back."""
    parameters = {
        "task_id": attempt.task_id,
        "epoch": attempt.epoch,
        "stage": progress.stage,
        "current": progress.current,
        "status": progress.status,
        "chunk_count": progress.chunk_count,
    }
    return _read_status((await connection.execute(REPORT, parameters)).scalar_one_or_none())


WATCH = text(
    f"""
    SELECT t.cancel_requested_at IS NOT NULL AS cancelled FROM tasks AS t
    WHERE t.id = :task_id AND t.epoch = :epoch AND t.state IN ({quoted(RUNNING)})
    """
)


async def watch(connection: AsyncConnection, attempt: Attempt) -> AttemptStatus:
    """Learn whether to go on, without a change to tell."""
    parameters = {"task_id": attempt.task_id, "epoch": attempt.epoch}
    return _read_status((await connection.execute(WATCH, parameters)).scalar_one_or_none())
