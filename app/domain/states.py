"""The state machine of a task: one pure table.

Every statement in ``app.ledger`` takes its guard (the states from which the event may happen) and its target state from
``TRANSITIONS``, so no state changes in a way that this table does not show.
"""

from enum import StrEnum


class State(StrEnum):
    """The state of a task's row. ``public`` is the name that clients see."""

    PENDING = "PENDING"
    """Submitted, or returned to its queue: waits until it is admitted."""

    QUEUED = "QUEUED"
    """Admitted: its message is published and no worker has claimed it yet. Clients see ``PENDING``."""

    STARTED = "STARTED"
    """Claimed by a worker, without progress yet."""

    PROGRESS = "PROGRESS"
    """A worker runs it and has reported progress."""

    EXPANDED = "EXPANDED"
    """A parent: no worker runs it, and its children decide how it ends. Clients see ``PROGRESS``."""

    RETRY = "RETRY"
    """The last attempt ended in a retryable error: waits until its next attempt may be admitted."""

    SUCCESS = "SUCCESS"
    """Finished, with a result. Final, unless it is revived on request."""

    FAILURE = "FAILURE"
    """Failed for good, with an error. Final, unless it is revived on request."""

    REVOKED = "REVOKED"
    """Cancelled. Final, unless it is revived on request."""

    @property
    def public(self) -> str:
        """The Celery state name that clients see."""
        return _SHOWN_AS.get(self, self).value


class Event(StrEnum):
    """What can happen to a task."""

    ADMIT = "admit"
    """The queue's window has capacity for it."""

    CLAIM = "claim"
    """A worker begins an attempt."""

    REPORT = "report"
    """The attempt writes its progress."""

    EXPAND = "expand"
    """The attempt ends by submitting children: the task becomes a parent."""

    GATHER = "gather"
    """The last child has ended, and the parent succeeds."""

    GATHER_FAILURE = "gather_failure"
    """The last child has ended, and the parent fails."""

    GATHER_REVOKED = "gather_revoked"
    """The last child has ended, and the parent was cancelled."""

    REOPEN = "reopen"
    """Children of a finished parent were revived."""

    FINISH = "finish"
    """The attempt has succeeded."""

    RETRY = "retry"
    """The attempt ended in a retryable error, and retries are left."""

    FAIL = "fail"
    """The attempt ended in an error that is not retried."""

    CRASH = "crash"
    """The process that ran the attempt died."""

    CRASH_OUT = "crash_out"
    """The process died, and the task has now crashed as often as is allowed."""

    HAND_BACK = "hand_back"
    """The task returns unfinished: its worker stops or has lost its lease, or something it needs is unavailable."""

    WITHDRAW = "withdraw"
    """An admission is revoked: the queue was paused, or the task moves to another queue."""

    CANCEL = "cancel"
    """A cancel is requested while no worker runs the task."""

    ABORT = "abort"
    """A running attempt ends because a cancel was requested."""

    REVIVE = "revive"
    """A finished task is started again on request."""


_SHOWN_AS = {State.QUEUED: State.PENDING, State.EXPANDED: State.PROGRESS}

WAITING = (State.PENDING, State.RETRY)
RUNNING = (State.STARTED, State.PROGRESS)
FINAL = (State.SUCCESS, State.FAILURE, State.REVOKED)
ACTIVE = (*WAITING, State.QUEUED, *RUNNING, State.EXPANDED)

TRANSITIONS: dict[Event, tuple[tuple[State, ...], State]] = {
    Event.ADMIT: (WAITING, State.QUEUED),
    Event.CLAIM: ((State.QUEUED,), State.STARTED),
    Event.REPORT: (RUNNING, State.PROGRESS),
    Event.EXPAND: (RUNNING, State.EXPANDED),
    Event.GATHER: ((State.EXPANDED,), State.SUCCESS),
    Event.GATHER_FAILURE: ((State.EXPANDED,), State.FAILURE),
    Event.GATHER_REVOKED: ((State.EXPANDED,), State.REVOKED),
    Event.REOPEN: (FINAL, State.EXPANDED),
    Event.FINISH: (RUNNING, State.SUCCESS),
    Event.RETRY: (RUNNING, State.RETRY),
    Event.FAIL: (RUNNING, State.FAILURE),
    Event.CRASH: (RUNNING, State.PENDING),
    Event.CRASH_OUT: (RUNNING, State.FAILURE),
    Event.HAND_BACK: (RUNNING, State.PENDING),
    Event.WITHDRAW: ((State.QUEUED,), State.PENDING),
    Event.CANCEL: ((*WAITING, State.QUEUED), State.REVOKED),
    Event.ABORT: (RUNNING, State.REVOKED),
    Event.REVIVE: (FINAL, State.PENDING),
}


def sources(event: Event) -> tuple[State, ...]:
    """The states from which ``event`` may happen."""
    return TRANSITIONS[event][0]


def target(event: Event) -> State:
    """The state that ``event`` leads to."""
    return TRANSITIONS[event][1]
