"""Recover: return the tasks of dead processes to their queues, and publish lost messages again."""

from collections.abc import Sequence

from sqlalchemy import TextualSelect, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.errors import TaskCrashedError
from app.domain.ids import WorkerId
from app.domain.states import RUNNING, Event, State, target
from app.domain.tasks import Bell, Failure, Task
from app.ledger.statement import (
    CANCEL_REQUESTED,
    LABEL,
    LEASE_LIVE,
    NEW_EPOCH,
    OCCUPIES_SLOT,
    SLOTS_OF_TASKS,
    WITHOUT_PROGRESS,
    WITHOUT_WORKER,
    append_history,
    build_bell,
    ending_tasks,
    fetch_tasks,
    guard,
    quoted,
)

_QUEUE_LOCK_SECONDS = 4

# Of tasks that were claimed together, and so have the same time of their start, none counts a crash: it is not known
# which of them has killed the process. Each runs alone from its second attempt on.
_COUNTED = "CASE WHEN victim.is_one_of_several THEN 0 ELSE 1 END"
_CRASHED_OUT = "NOT victim.is_one_of_several AND t.crashes + 1 >= :max_crashes"

_CRASH_FAILURE = Failure(TaskCrashedError.code, TaskCrashedError.title(), TaskCrashedError.retryable).as_json()


def _reclaim(victims: str, changes: str) -> TextualSelect:
    """A statement that takes running tasks from their worker, whose epoch becomes invalid.

    Args:
        victims: The FROM and WHERE clauses that choose the tasks, which are named ``v``.
        changes: The assignments that differ from case to case, among them ``state`` and ``status``.
    """
    return ending_tasks(
        f"""
        UPDATE tasks AS t
        SET {NEW_EPOCH}, version = t.version + 1, {WITHOUT_WORKER},
            {WITHOUT_PROGRESS}, {changes}
        -- A locked row is skipped: its attempt is ending at this moment. If the process that ends it has frozen, its
        -- session is terminated by END_HOLDERS, and the next sweep finds the row.
        FROM (
            SELECT v.id, v.epoch, EXISTS (
                SELECT FROM tasks AS o
                WHERE o.worker_id = v.worker_id AND o.pid = v.pid AND o.started_at = v.started_at AND o.id <> v.id
                  AND o.state IN ({quoted(RUNNING)})
            ) AS is_one_of_several
            FROM tasks AS v {victims} AND v.state IN ({quoted(RUNNING)})
            FOR UPDATE OF v SKIP LOCKED
        ) AS victim
        WHERE t.id = victim.id AND t.epoch = victim.epoch AND {guard(Event.CRASH)}
        """
    )


def _crash(victims: str) -> TextualSelect:
    """Count a crash for each victim, unless it is one of several.

    It becomes PENDING, FAILURE at the limit, or REVOKED if a cancel was requested.
    """
    changes = f"""
        crashes = t.crashes + {_COUNTED}, available_at = now(),
        state = CASE WHEN {CANCEL_REQUESTED} THEN '{target(Event.ABORT)}'
                     WHEN {_CRASHED_OUT} THEN '{target(Event.CRASH_OUT)}' ELSE '{target(Event.CRASH)}' END,
        status = CASE WHEN {CANCEL_REQUESTED} THEN 'Cancelled'
                      WHEN {_CRASHED_OUT} THEN 'The process died each time'
                      ELSE 'The process died; waiting to run again' END,
        error = CASE WHEN NOT ({CANCEL_REQUESTED}) THEN CAST(:failure AS jsonb) END,
        completed_at = CASE WHEN {CANCEL_REQUESTED} OR {_CRASHED_OUT} THEN now() END,
        dead_lettered_at = CASE WHEN NOT ({CANCEL_REQUESTED}) AND {_CRASHED_OUT} THEN now() END,
        {append_history("'crash'", "CAST(:failure AS jsonb)")}"""
    return _reclaim(victims, changes).bindparams(bindparam("failure", type_=JSONB))


# A worker's row may be gone: it is deleted an hour after its lease has run out.
_REAP_WORKERS = _crash(
    "LEFT JOIN workers AS w ON w.id = v.worker_id WHERE (w.id IS NULL OR w.lease_expires_at <= now())"
)


async def reap_workers(connection: AsyncConnection, max_crashes: int) -> list[Task]:
    """Reclaim the tasks of workers whose lease has run out. Each counts a crash, except tasks claimed together."""
    return await fetch_tasks(connection, _REAP_WORKERS, max_crashes=max_crashes, failure=_CRASH_FAILURE)


# Terminates the sessions that hold two kinds of row locks for too long. A task of a dead worker that the sweep skipped
# is locked by a process that froze while it ended the task. A queue's row is locked by an admission, for milliseconds.
# The server's own limits do not cover this: none ends a COPY whose client stops sending, and the one that ends an
# admission is long. A row's xmax is the transaction that has locked it.
END_HOLDERS = text(
    f"""
    -- The transactions that lock such rows, each with the age at which its session is terminated.
    WITH held (transaction, max_age) AS (
        SELECT t.xmax, interval '1 second' FROM tasks AS t LEFT JOIN workers AS w ON w.id = t.worker_id
        WHERE t.state IN ({quoted(RUNNING)}) AND (w.id IS NULL OR w.lease_expires_at <= now())
        UNION ALL
        SELECT q.xmax, make_interval(secs => {_QUEUE_LOCK_SECONDS}) FROM queues AS q
    )
    SELECT count(pg_terminate_backend(l.pid))
    FROM held
    JOIN pg_locks AS l ON l.locktype = 'transactionid' AND l.transactionid = held.transaction AND l.granted
    JOIN pg_stat_activity AS a ON a.pid = l.pid AND a.xact_start < now() - held.max_age
    WHERE l.pid <> pg_backend_pid()
    """
)


async def end_holders(connection: AsyncConnection) -> int:
    """Terminate the sessions of frozen processes whose locks block others; returns how many.

    Their transactions roll back, as they would have later when they found their epoch invalid.
    """
    return int((await connection.execute(END_HOLDERS)).scalar_one())


RUNNING_PROCESSES = text(
    f"""
    SELECT DISTINCT t.pid FROM tasks AS t
    WHERE t.worker_id = :worker_id AND t.state IN ({quoted(RUNNING)}) AND t.pid IS NOT NULL
    """
)


async def list_processes(connection: AsyncConnection, worker_id: WorkerId) -> list[int]:
    """List the ids of the processes that run tasks of one worker."""
    return list((await connection.execute(RUNNING_PROCESSES, {"worker_id": worker_id})).scalars())


_REAP_PROCESSES = _crash("WHERE v.worker_id = :worker_id AND v.pid = ANY (:pids)")


async def reap_processes(
    connection: AsyncConnection, worker_id: WorkerId, pids: Sequence[int], max_crashes: int
) -> list[Task]:
    """Reclaim the tasks that dead processes of a live worker were running.

    Each counts a crash, except tasks that were claimed together.
    """
    return await fetch_tasks(
        connection,
        _REAP_PROCESSES,
        worker_id=worker_id,
        pids=list(pids),
        max_crashes=max_crashes,
        failure=_CRASH_FAILURE,
    )


RELEASE = _reclaim(
    "WHERE v.worker_id = :worker_id",
    f"""
        state = CASE WHEN {CANCEL_REQUESTED} THEN '{target(Event.ABORT)}' ELSE '{target(Event.HAND_BACK)}' END,
        status = CASE WHEN {CANCEL_REQUESTED} THEN 'Cancelled' ELSE 'Handed back by its worker' END,
        completed_at = CASE WHEN {CANCEL_REQUESTED} THEN now() END,
        {append_history("'handed_back'")}""",
)


async def release(connection: AsyncConnection, worker_id: WorkerId) -> list[Task]:
    """Return all tasks of a worker to their queues, without a crash: it stops, or has lost its lease.

    They keep their places among the waiting tasks of their agents.
    """
    return await fetch_tasks(connection, RELEASE, worker_id=worker_id)


# A message counts as lost when its task has waited while slots of its queue were idle. It is published again after 2 s,
# then after 4, then every 8, for at most as many tasks as there are idle slots.
RECONCILE = text(
    f"""
    WITH
    -- The idle slots of each queue: those of its live workers without their running tasks.
    served AS (
        SELECT q.name,
               (SELECT coalesce(sum(w.concurrency - (
                    SELECT {SLOTS_OF_TASKS} FROM tasks AS t
                    WHERE t.worker_id = w.id AND t.state IN ({quoted(RUNNING)}) AND {OCCUPIES_SLOT}
                )), 0) FROM workers AS w WHERE q.name = ANY (w.queues) AND {LEASE_LIVE}) AS free
        FROM queues AS q
    ),
    -- The admitted tasks that have waited too long. Materialized: joined to the update directly, a plan may run this
    -- part more than once, and lock other rows each time. Locked rows are skipped: they are being claimed or cancelled.
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
    RETURNING t.id, t.name, t.queue, {LABEL}
    """
)


async def reconcile(connection: AsyncConnection) -> list[Bell]:
    """Find the tasks whose message was lost; the caller publishes the returned messages."""
    rows = await connection.execute(RECONCILE)
    return [build_bell(row) for row in rows.mappings()]
