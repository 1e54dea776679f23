"""What the journal of one task may look like."""

from collections import Counter
from collections.abc import Iterator, Sequence

from app.domain.states import RUNNING, TRANSITIONS, Event, State, sources, target
from tests.chaos.journal import Change

_ALLOWED = {(source, to) for sources_, to in TRANSITIONS.values() for source in sources_}
# The task has a new holder or none: the former holder must not write from here on.
_RISES = {(source, target(event)) for event in (Event.CLAIM, Event.REVIVE, Event.CRASH) for source in sources(event)}
# The same where another process ends the task. Its holder may end it too, and then stays in its epoch.
_MAY_RISE = {(source, target(event)) for event in (Event.ABORT, Event.CRASH_OUT) for source in sources(event)}


def find_faults(changes: Sequence[Change], state: State, epoch: int) -> Iterator[str]:
    """The faults in the changes of a task that has this state and epoch now."""
    yield from _find_gaps(changes, (state, epoch))
    for change in changes:
        yield from _find_forbidden(change)
    yield from _find_late(changes)
    ends = Counter(change.new_epoch for change in changes if change.new_state is State.SUCCESS)
    yield from (f"it succeeded {times} times in epoch {epoch}" for epoch, times in ends.items() if times > 1)


def _find_gaps(changes: Sequence[Change], now: tuple[State, int]) -> Iterator[str]:
    """Each change begins where the one before ended, the first at the upload, and the last ends at the row."""
    ends = [(State.PENDING, 0), *((change.new_state, change.new_epoch) for change in changes)]
    begins = [*((change.old_state, change.old_epoch) for change in changes), now]
    for end, begin in zip(ends, begins, strict=True):
        if end != begin:
            yield f"it went from {end[0]} in epoch {end[1]} to {begin[0]} in epoch {begin[1]} unseen"


def _find_forbidden(change: Change) -> Iterator[str]:
    pair, rise = (change.old_state, change.new_state), change.new_epoch - change.old_epoch
    if pair not in _ALLOWED:
        yield f"it went from {change.old_state} to {change.new_state}, which no event allows"
    allowed = {1} if pair in _RISES else {0, 1} if pair in _MAY_RISE else {0}
    if rise not in allowed:
        yield (
            f"its epoch went from {change.old_epoch} to {change.new_epoch} "
            f"as it went from {change.old_state} to {change.new_state}"
        )


def _find_late(changes: Sequence[Change]) -> Iterator[str]:
    """Within an epoch only the host that claimed it writes; any other host would be superseded."""
    holder = ""
    for change in changes:
        if change.new_state is State.STARTED:
            holder = change.writer
        elif change.old_state in RUNNING and change.new_epoch == change.old_epoch and change.writer != holder:
            yield (f"{change.writer} made it {change.new_state} in epoch {change.old_epoch}, which was {holder}'s")
