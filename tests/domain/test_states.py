from itertools import product

import pytest

from app.domain.states import ACTIVE, FINAL, RUNNING, TRANSITIONS, WAITING, Event, State, sources, target

# The transitions, written independently of the code: from each state, its events and their target states.
DRAWING = {
    State.PENDING: {Event.ADMIT: State.QUEUED, Event.CANCEL: State.REVOKED},
    State.RETRY: {Event.ADMIT: State.QUEUED, Event.CANCEL: State.REVOKED},
    State.QUEUED: {Event.WITHDRAW: State.PENDING, Event.CLAIM: State.STARTED, Event.CANCEL: State.REVOKED},
    **{
        running: {
            Event.REPORT: State.PROGRESS,
            Event.EXPAND: State.EXPANDED,
            Event.FINISH: State.SUCCESS,
            Event.RETRY: State.RETRY,
            Event.FAIL: State.FAILURE,
            Event.CRASH: State.PENDING,
            Event.CRASH_OUT: State.FAILURE,
            Event.HAND_BACK: State.PENDING,
            Event.ABORT: State.REVOKED,
        }
        for running in (State.STARTED, State.PROGRESS)
    },
    State.EXPANDED: {
        Event.GATHER: State.SUCCESS,
        Event.GATHER_FAILURE: State.FAILURE,
        Event.GATHER_REVOKED: State.REVOKED,
    },
    **{
        final: {Event.REVIVE: State.PENDING, Event.REOPEN: State.EXPANDED}
        for final in (State.SUCCESS, State.FAILURE, State.REVOKED)
    },
}


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_an_event_happens_exactly_where_the_drawing_has_it(state: State, event: Event) -> None:
    expected = DRAWING[state].get(event)
    assert (state in sources(event)) == (expected is not None)
    assert expected is None or target(event) is expected


def test_every_event_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Event)


def test_every_state_is_waiting_queued_running_expanded_or_final_and_only_one_of_them() -> None:
    kinds = [*WAITING, State.QUEUED, *RUNNING, State.EXPANDED, *FINAL]
    assert sorted(kinds) == sorted(State)
    assert set(ACTIVE) == set(State) - set(FINAL)


@pytest.mark.parametrize("state", FINAL)
def test_only_a_revival_leaves_a_final_state(state: State) -> None:
    assert [event for event in Event if state in sources(event)] == [Event.REOPEN, Event.REVIVE]


@pytest.mark.parametrize("state", State)
def test_from_every_state_the_end_can_be_reached(state: State) -> None:
    reached = {state}
    while more := {target(event) for event in Event if reached & set(sources(event))} - reached:
        reached |= more
    assert reached >= set(FINAL)


def test_clients_see_a_task_whose_bell_has_rung_as_pending_and_one_that_became_many_as_progress() -> None:
    shown = {state: state.public for state in State if state.public != state}
    assert shown == {State.QUEUED: "PENDING", State.EXPANDED: "PROGRESS"}
