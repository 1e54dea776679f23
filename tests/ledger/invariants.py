"""Invariants of a task's row. CHECK constraints (``app.db.tables.task_invariants``) enforce those of one row."""

from collections.abc import Sequence

from app.domain.states import FINAL, RUNNING, Event, State, sources, target
from app.domain.tasks import HISTORY_LENGTH, Task
from tests.ledger.model import visible

MAX_CRASHES = 2


def check_change(old: Task, new: Task, happened: Sequence[Event]) -> None:
    """A state changes only by an event that happened, and each visible change raises the version."""
    allowed = {(source, target(event)) for event in happened for source in sources(event)}
    assert old.state == new.state or (old.state, new.state) in allowed
    assert new.epoch >= old.epoch
    assert new.version >= old.version
    assert new.version > old.version or visible(old) == visible(new)


def check_row(row: Task, *, discarded: bool) -> None:
    """A row is consistent; ``discarded`` is whether it is a failure that is no longer a dead letter."""
    running, final = row.state in RUNNING, row.state in FINAL
    dead = row.state is State.FAILURE and not discarded
    assert (row.worker_id is not None, row.pid is not None) == (running, running)
    assert (row.completed_at is not None, row.dead_lettered_at is not None) == (final, dead)
    assert row.attempt >= row.retries + row.crashes
    assert row.crashes < MAX_CRASHES or (row.crashes == MAX_CRASHES and row.state in (State.FAILURE, State.REVOKED))
    assert len(row.history) <= HISTORY_LENGTH
    versions = [stage["version"] for stage in row.stages]
    assert versions == sorted(set(versions))
