"""Recover: what processes that died left behind goes back to the queue, and bells that nobody heard ring again."""

from collections.abc import Sequence

from sqlalchemy import TextualSelect, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.errors import TaskCrashedError
from app.domain.ids import TaskId, WorkerId
from app.domain.states import RUNNING, Event, State, target
from app.domain.tasks import Bell, Failure, Task
from app.ledger.statement import append_history, fetch_tasks, guard, quoted, returning_tasks

_QUEUE_PATIENCE_SECONDS = 4

_CRASHED_OUT = "t.crashes + 1 >= :max_crashes"

_CRASH_FAILURE = Failure(TaskCrashedError.code, TaskCrashedError.title(), TaskCrashedError.retryable).as_json()


def _take_back(victims: str, changes: str) -> TextualSelect:
    """Running rows become free: nobody holds them, and whoever did holds an epoch that is void."""
    return returning_tasks(
        f"""
        UPDATE tasks AS t
        SET epoch = t.epoch + 1, version = t.version + 1, worker_id = NULL, pid = NULL,
            available_at = now(), current = 0, stage = NULL, {changes}
        FROM (
            SELECT v.id, v.epoch FROM tasks AS v {victims} AND v.state IN ({quoted(RUNNING)})
            FOR UPDATE OF v SKIP LOCKED
        ) AS victim
        WHERE t.id = victim.id AND t.epoch = victim.epoch AND {guard(Event.CRASH)}
        """
    )


_CANCELLED = "t.cancel_requested_at IS NOT NULL"


def _crash(victims: str) -> TextualSelect:
    """One more crash for each victim: back to PENDING, dead at the cap, REVOKED where that was asked for."""
    changes = f"""
        crashes = t.crashes + 1,
        state = CASE WHEN {_CANCELLED} THEN '{target(Event.ABORT)}'
                     WHEN {_CRASHED_OUT} THEN '{target(Event.CRASH_OUT)}' ELSE '{target(Event.CRASH)}' END,
        status = CASE WHEN {_CANCELLED} THEN 'Cancelled'
                      WHEN {_CRASHED_OUT} THEN 'The process died each time'
                      ELSE 'The process died; waiting to run again' END,
        error = CASE WHEN NOT ({_CANCELLED}) THEN CAST(:failure AS jsonb) END,
        completed_at = CASE WHEN {_CANCELLED} OR {_CRASHED_OUT} THEN now() END,
        dead_lettered_at = CASE WHEN NOT ({_CANCELLED}) AND {_CRASHED_OUT} THEN now() END,
        {append_history("'crash'", "CAST(:failure AS jsonb)")}"""
    return _take_back(victims, changes).bindparams(bindparam("failure", type_=JSONB))


_REAP_WORKERS = _crash(
    "LEFT JOIN workers AS w ON w.id = v.worker_id WHERE (w.id IS NULL OR w.lease_expires_at <= now())"
)


async def reap_workers(connection: AsyncConnection, max_crashes: int) -> list[Task]:
    """Take back the tasks of workers whose lease has run out."""
    return await fetch_tasks(connection, _REAP_WORKERS, max_crashes=max_crashes, failure=_CRASH_FAILURE)


# A row's xmax is the transaction that has it locked. Tasks of dead workers that the sweep has passed over are held by a
# process that froze in the midst of ending them; a queue's row is held for milliseconds, by an admission. No timeout of
# the server's ends a COPY whose client sends nothing more, and the one that would end an admission is long.
END_HOLDERS = text(
    f"""
    WITH held (transaction, patience) AS (
        SELECT t.xmax, interval '1 second' FROM tasks AS t LEFT JOIN workers AS w ON w.id = t.worker_id
        WHERE t.state IN ({quoted(RUNNING)}) AND (w.id IS NULL OR w.lease_expires_at <= now())
        UNION ALL
        SELECT q.xmax, make_interval(secs => {_QUEUE_PATIENCE_SECONDS}) FROM queues AS q
    )
    SELECT count(pg_terminate_backend(l.pid))
    FROM held
    JOIN pg_locks AS l ON l.locktype = 'transactionid' AND l.transactionid = held.transaction AND l.granted
    JOIN pg_stat_activity AS a ON a.pid = l.pid AND a.xact_start < now() - held.patience
    WHERE l.pid <> pg_backend_pid()
    """
)


async def end_holders(connection: AsyncConnection) -> int:
    """End the sessions of frozen processes that hold up the others; returns how many.

    Their transactions roll back, as late ones would have at the last guard.
    """
    return int((await connection.execute(END_HOLDERS)).scalar_one())


RUNNING_PROCESSES = text(
    f"""
    SELECT DISTINCT t.pid FROM tasks AS t
    WHERE t.worker_id = :worker_id AND t.state IN ({quoted(RUNNING)}) AND t.pid IS NOT NULL
    """
)


async def list_processes(connection: AsyncConnection, worker_id: WorkerId) -> list[int]:
    """The processes that run tasks of one worker."""
    return list((await connection.execute(RUNNING_PROCESSES, {"worker_id": worker_id})).scalars())


_REAP_PROCESSES = _crash("WHERE v.worker_id = :worker_id AND v.pid = ANY (:pids)")


async def reap_processes(
    connection: AsyncConnection, worker_id: WorkerId, pids: Sequence[int], max_crashes: int
) -> list[Task]:
    """Take back the tasks that dead processes of a living worker were running."""
    return await fetch_tasks(
        connection,
        _REAP_PROCESSES,
        worker_id=worker_id,
        pids=list(pids),
        max_crashes=max_crashes,
        failure=_CRASH_FAILURE,
    )


RELEASE = _take_back(
    "WHERE v.worker_id = :worker_id",
    f"""
        state = CASE WHEN {_CANCELLED} THEN '{target(Event.ABORT)}' ELSE '{target(Event.HAND_BACK)}' END,
        status = CASE WHEN {_CANCELLED} THEN 'Cancelled' ELSE 'Handed back by its worker' END,
        completed_at = CASE WHEN {_CANCELLED} THEN now() END,
        {append_history("'handed_back'")}""",
)


async def release(connection: AsyncConnection, worker_id: WorkerId) -> list[Task]:
    """Hand back all that a worker runs, no crash counted: it stops, or lost its lease while it lived."""
    return await fetch_tasks(connection, RELEASE, worker_id=worker_id)


# A bell is lost when a task has waited while slots of its queue stood free. It rings again
# after 2 s, then 4, then every 8, for as many tasks as there are free slots.
RECONCILE = text(
    f"""
    WITH served AS (
        SELECT q.name,
               (SELECT coalesce(sum(w.concurrency), 0) FROM workers AS w
                WHERE q.name = ANY (w.queues) AND w.lease_expires_at > now())
             - (SELECT count(*) FROM tasks AS t JOIN workers AS w ON w.id = t.worker_id
                WHERE t.state IN ({quoted(RUNNING)}) AND q.name = ANY (w.queues)) AS free
        FROM queues AS q
    ),
    -- Materialized: joined to the update directly, a plan may look for them, and lock others, more than once.
    silent AS MATERIALIZED (
        SELECT s.id
        FROM served
        CROSS JOIN LATERAL (
            SELECT s.id FROM tasks AS s
            WHERE s.queue = served.name AND s.state = '{State.QUEUED}'
              AND s.queued_at < now() - interval '1 second' * power(2, least(s.rings, 3))
            ORDER BY s.queued_at
            LIMIT greatest(0, served.free)
            FOR UPDATE SKIP LOCKED
        ) AS s
    )
    UPDATE tasks AS t
    SET queued_at = now(), rings = t.rings + 1
    FROM silent
    WHERE t.id = silent.id AND t.state = '{State.QUEUED}'
    RETURNING t.id, t.name, t.queue
    """
)


async def reconcile(connection: AsyncConnection) -> list[Bell]:
    """Find the bells that nobody heard; the caller rings them again."""
    rows = await connection.execute(RECONCILE)
    return [Bell(TaskId(row.id), row.name, row.queue) for row in rows]
