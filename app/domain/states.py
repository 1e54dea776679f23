"""The state machine of a task: one pure table.

Every statement in ``app.ledger`` takes its guard (the states it may start from) and
its target from here, so no state can change in a way this table does not show.
"""

from enum import StrEnum


class State(StrEnum):
    """What a task row says.

    ``QUEUED`` is shown to clients as ``PENDING``: its bell has rung, nobody has come yet. ``EXPANDED`` is shown as
    ``PROGRESS``: what was one task has become many, and nobody runs it while they do.
    """

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    STARTED = "STARTED"
    PROGRESS = "PROGRESS"
    EXPANDED = "EXPANDED"
    RETRY = "RETRY"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    REVOKED = "REVOKED"

    @property
    def public(self) -> str:
        """The Celery state name that clients see."""
        return _SHOWN_AS.get(self, self).value


class Event(StrEnum):
    """What can happen to a task."""

    ADMIT = "admit"
    CLAIM = "claim"
    REPORT = "report"
    EXPAND = "expand"
    GATHER = "gather"
    GATHER_FAILURE = "gather_failure"
    GATHER_REVOKED = "gather_revoked"
    REOPEN = "reopen"
    FINISH = "finish"
    RETRY = "retry"
    FAIL = "fail"
    CRASH = "crash"
    CRASH_OUT = "crash_out"
    HAND_BACK = "hand_back"
    WITHDRAW = "withdraw"
    CANCEL = "cancel"
    ABORT = "abort"
    REVIVE = "revive"


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
