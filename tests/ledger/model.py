"""The machine's predictions of the ledger's effects, from the rows before."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.events import EventType
from app.domain.states import FINAL, RUNNING, WAITING, Event, State
from app.domain.tasks import Attempt, Queue, Task
from app.ledger.admit import WINDOW_MINIMUM
from app.ledger.finish import abort, fail, finish, hand_back, retry
from tests.ledger.bench import AWAY, BROKEN

Item = TypeVar("Item")

CAP = 2
SLOTS = 2
LONG_AGO = 1000.0
# The weight of each use. One rule draws among all of them: with many rules, Hypothesis leaves out some in each run, and
# a task gets far only if none is left out.
USES = {
    "submit": 2,
    "cancel": 2,
    "revive": 2,
    "force": 1,
    "bury_or_replay": 2,
    "pause_or_resume": 1,
    "admit": 4,
    "answer": 3,
    "answer_promptly": 8,
    "report": 3,
    "end": 5,
    "end_promptly": 3,
    "answer_for_queue": 2,
    "continue_slot": 2,
    "continue_promptly": 5,
    "end_together": 4,
    "add_worker": 2,
    "expire_worker": 1,
    "reap": 3,
    "kill_process": 2,
    "release": 1,
    "reconcile": 1,
    "help": 2,
    "pass_time": 2,
    "count": 1,
}
END_STATEMENTS: dict[Event, Callable[[AsyncConnection, Attempt], Awaitable[Task | None]]] = {
    Event.FINISH: lambda connection, attempt: finish(connection, attempt, {"done": True}, status="Done"),
    Event.RETRY: lambda connection, attempt: retry(connection, attempt, AWAY, LONG_AGO),
    Event.FAIL: lambda connection, attempt: fail(connection, attempt, BROKEN),
    Event.ABORT: abort,
    Event.HAND_BACK: hand_back,
}


def count_admissible(rows: Sequence[Task], queue: Queue, workers: int, capped: int) -> int:
    """The number of tasks that an admission to ``queue`` takes: it fills every place that a task may have."""
    queued = sum(row.queue == queue and row.state is State.QUEUED for row in rows)
    room = max(0, max(WINDOW_MINIMUM, SLOTS * workers) - queued)
    due = [row for row in rows if row.queue == queue and row.state in WAITING and not is_delayed(row)]
    of_capped = sum(row.agent_id == capped for row in due)
    return min(room, len(due) - of_capped + min(of_capped, CAP - count_in_flight(rows, capped)))


def count_in_flight(rows: Sequence[Task], agent: int) -> int:
    """The tasks of an agent that count towards its cap."""
    return sum(row.agent_id == agent and row.state in (State.QUEUED, *RUNNING) for row in rows)


def pick(items: Sequence[Item], index: int) -> Item:
    """Choose one of the items."""
    return items[index % len(items)]


def pick_some(items: Sequence[Item], index: int) -> Sequence[Item]:
    """Choose one of the items; None if there are none."""
    return [pick(items, index)] if items else []


def is_delayed(row: Task) -> bool:
    """Return whether the row waits for a later time."""
    return row.available_at > datetime.now(UTC)


def is_live(attempt: Attempt, row: Task) -> bool:
    """Return whether the attempt may still change the row."""
    return attempt.epoch == row.epoch and row.state in RUNNING


_ENDS = {
    State.SUCCESS: EventType.TASK_SUCCEEDED,
    State.FAILURE: EventType.TASK_FAILED,
    State.REVOKED: EventType.TASK_CANCELLED,
}


def name_event(old: Task | None, new: Task) -> EventType | None:
    """The event that a change of a row must give, if any."""
    if old is None:
        return None
    if new.state in FINAL and old.state not in FINAL:
        return _ENDS[new.state]
    if old.dead_lettered_at is None or new.dead_lettered_at is not None:
        return None
    return EventType.TASK_DISCARDED if new.state is State.FAILURE else EventType.TASK_REPLAYED


def visible(row: Task) -> Task:
    """The visible part of a row, without messages and the time at which it may run."""
    return replace(row, queued_at=None, rings=0, helper=None, available_at=row.created_at)
