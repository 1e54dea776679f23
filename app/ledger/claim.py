"""Claim: exactly one worker gets the right to run a task, however many messages carry its id.

A message names a task, but it means that a slot is idle: if the task is taken already, the slot gets the next admitted
one of the message's queue. A slot that has ended a short task continues in the same way, without a message.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Row, Source, fetch
from app.db.statements import Statement
from app.db.tables.core import tasks
from app.domain.ids import TaskId, WorkerId
from app.domain.states import RUNNING, WAITING, Event, State
from app.domain.tasks import Task
from app.ledger.statement import (
    DOCUMENTS,
    LEASE_LIVE,
    NEW_EPOCH,
    OCCUPIES_SLOT,
    TASK_COLUMNS,
    WITHOUT_PROGRESS,
    build_task,
    fetch_tasks,
    guard,
    quoted,
    to,
)


@dataclass(frozen=True, slots=True)
class Slot:
    """Who claims.

    Attributes:
        worker_id: The worker.
        pid: Its process.
        queue: The queue whose next task it may claim; None if it may not.
        enough: With fewer admitted tasks in the queue, an admission is due if tasks wait.
        most: How many tasks it may claim together with the end of others, while the queue has enough.
        name: The name that all of them must have but the first.
    """

    worker_id: WorkerId
    pid: int
    queue: str | None = None
    enough: int = 0
    most: int = 1
    name: str | None = None

    def as_parameters(self) -> dict[str, Any]:
        """The parameters that the statements have in common."""
        return {"worker_id": self.worker_id, "pid": self.pid, "queue": self.queue, "enough": self.enough}


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim returned.

    Attributes:
        task: The claimed task; None when there was none.
        further: The tasks that were claimed together with it, to be run after it in this order.
        is_low: Whether few admitted tasks were left in the queue, and others wait to be admitted.
        name: The name of the task that the message named; None when there is no such task.
    """

    task: Task | None = None
    is_low: bool = False
    name: str | None = None
    further: tuple[Task, ...] = ()

    def __bool__(self) -> bool:
        """Whether a task was claimed."""
        return self.task is not None

    @property
    def tasks(self) -> tuple[Task, ...]:
        """All claimed tasks, in the order in which they run."""
        return (self.task, *self.further) if self.task else ()


_IS_NEXT = f"t.queue = CAST(:queue AS text) AND {guard(Event.CLAIM)} AND {OCCUPIES_SLOT}"
_UNLOCKED = "FOR NO KEY UPDATE SKIP LOCKED"
NEXT = f"{_IS_NEXT} ORDER BY t.queued_at LIMIT 1 {_UNLOCKED}"
"""The condition of the next task to claim, in the order of admission. A locked one is being claimed or cancelled.

A task that reads a web page is claimed by its own message only: it releases the slot, which then gets other messages.
"""

# Counted up to ``enough``.
_ADMITTED = f"""(SELECT count(*) FROM (
            SELECT FROM tasks AS q WHERE q.queue = CAST(:queue AS text) AND q.state = '{State.QUEUED}' LIMIT :enough
        ) AS q)"""

SEVERAL_NEXT = f"""
    candidates AS MATERIALIZED (
        SELECT t.id, t.queued_at, t.name = CAST(:name AS text) AND t.attempt = 0 AS may_join FROM tasks AS t
        WHERE EXISTS (SELECT FROM finished) AND {_IS_NEXT}
        ORDER BY t.queued_at
        LIMIT CASE WHEN CAST(:most AS integer) > 1 AND {_ADMITTED} >= :enough THEN CAST(:most AS integer) ELSE 1 END
        {_UNLOCKED}
    ),
    next AS MATERIALIZED (
        SELECT id FROM (
            SELECT id, row_number() OVER admission = 1 OR bool_and(may_join) OVER admission AS is_next FROM candidates
            WINDOW admission AS (ORDER BY queued_at, id ROWS UNBOUNDED PRECEDING)
        ) AS c WHERE is_next
    )"""
"""The parts of a WITH clause that choose the next task, and those that follow it up to the first that may not join.

Several only while the queue has enough for the other slots, and only first attempts: if their process dies, it is not
known which of them has killed it. Then none counts a crash, and each runs alone from then on (``app.ledger.recover``).
"""

# Not EXISTS: that reads the table from its beginning, past all ended tasks, where the planner expects a match soon.
IS_LOW = f"""{_ADMITTED} < :enough AND coalesce((
            SELECT true FROM tasks AS q WHERE q.queue = CAST(:queue AS text) AND q.state IN ({quoted(WAITING)})
            ORDER BY q.agent_id, q.available_at LIMIT 1
        ), false) AS is_low"""


def claim_chosen(chosen: str) -> str:
    """The update that claims the tasks whose ids the query ``chosen`` returns. All get the same time of their start.

    Only under a live lease: the tasks of a worker whose lease has run out are about to be given to others.
    """
    return f"""
        UPDATE tasks AS t
        SET {to(Event.CLAIM)}, attempt = t.attempt + 1, {NEW_EPOCH}, worker_id = w.id, pid = :pid,
            started_at = (SELECT clock_timestamp()), completed_at = NULL, {WITHOUT_PROGRESS}, stages = '[]',
            status = 'Started', error = NULL
        FROM workers AS w
        WHERE t.id = ANY (ARRAY({chosen})) AND {guard(Event.CLAIM)} AND w.id = :worker_id AND {LEASE_LIVE}"""


IS_SERVED = "CAST(:queue AS text) = ANY (w.queues)"
"""The worker serves the queue. One that stops serves none."""

# The name is checked: it selects the function that runs where the broker delivers a message that Sluice did not
# publish. The queue of the message's own task is not checked: a stolen task arrives on another queue. A lock on the
# message's own task is waited for, since its holder may leave the task as it is, and the message is delivered once.
CLAIM = Statement(
    f"""
    WITH
    named AS MATERIALIZED (SELECT t.name FROM tasks AS t WHERE t.id = :task_id),
    own AS MATERIALIZED (
        SELECT t.id FROM tasks AS t WHERE t.id = :task_id AND t.name = :name AND {guard(Event.CLAIM)}
        FOR NO KEY UPDATE
    ),
    next AS MATERIALIZED (
        SELECT t.id FROM tasks AS t
        WHERE NOT EXISTS (SELECT FROM own) AND NOT EXISTS (SELECT FROM named WHERE name <> :name) AND {NEXT}
    ),
    changed AS (
        {claim_chosen("SELECT id FROM own UNION ALL SELECT id FROM next")} AND (t.id = :task_id OR {IS_SERVED})
        RETURNING {TASK_COLUMNS}
    ),
    {DOCUMENTS}
    SELECT c.*, {IS_LOW}, (SELECT name FROM named) AS found FROM (VALUES (1)) AS one LEFT JOIN changed AS c ON true
    """
)


async def claim(source: Source, task_id: TaskId, name: str, slot: Slot) -> Claim:
    """Claim the task that a message names, whose name must be ``name``; otherwise the next of the slot's queue.

    No task is claimed when the lease of the slot's worker has run out, and no other task if the message names another
    task than the row.
    """
    rows = await fetch(source, CLAIM, {"task_id": task_id, "name": name, **slot.as_parameters()})
    return read_claim(rows[0], rows[0]["found"])


CLAIM_NEXT = Statement(
    f"""
    WITH next AS MATERIALIZED (SELECT t.id FROM tasks AS t WHERE {NEXT}),
    changed AS ({claim_chosen("SELECT id FROM next")} AND {IS_SERVED} RETURNING {TASK_COLUMNS}),
    {DOCUMENTS}
    SELECT c.*, {IS_LOW} FROM (VALUES (1)) AS one LEFT JOIN changed AS c ON true
    """
)


async def claim_next(source: Source, slot: Slot) -> Claim:
    """Claim the next admitted task of the slot's queue."""
    rows = await fetch(source, CLAIM_NEXT, slot.as_parameters())
    return read_claim(rows[0])


_LIST_CLAIMED = text(
    f"""
    SELECT {TASK_COLUMNS} FROM tasks AS t
    WHERE t.worker_id = :worker_id AND t.pid = :pid AND t.state IN ({quoted(RUNNING)})
    """
).columns(*tasks.c)


async def list_claimed(connection: AsyncConnection, slot: Slot) -> list[Task]:
    """The tasks that the slot's process has claimed and that still run."""
    return await fetch_tasks(connection, _LIST_CLAIMED, worker_id=slot.worker_id, pid=slot.pid)


def read_claim(row: Row, name: str | None = None) -> Claim:
    """The claim of a row with the columns of a task, which are NULL if none was claimed, and ``is_low``."""
    columns = dict(row)
    columns.pop("found", None)
    is_low = columns.pop("is_low")
    return Claim(build_task(columns) if columns["id"] else None, is_low, name)
