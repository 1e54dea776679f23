"""Dead letters: their history, their visibility, replay and discard."""

from uuid import UUID, uuid4

import pytest

from app.domain.dead_letters import DeadLetterFilter
from app.domain.identity import Access
from app.domain.states import State
from app.domain.tasks import HISTORY_LENGTH, Failure, Queue, Task
from app.ledger.cancel import cancel, revive
from app.ledger.dead_letters import (
    count_dead_letters,
    discard,
    find_dead_letters,
    list_dead_letters,
    list_unannounced,
    note_announced,
    replay,
)
from app.ledger.finish import fail, finish, hand_back, retry
from app.ledger.recover import reap_workers
from tests.ledger.bench import AWAY, BROKEN, ORGANIZATION, Bench

STRANGER = 2
ALL = DeadLetterFilter()


def bury(bench: Bench, queue: Queue = Queue.HIGH, agent: int | None = None, failure: Failure = BROKEN) -> Task:
    """Submit a task that fails for good."""
    bench.add_worker(queue)
    dead = bench.do(fail, bench.start(bench.submit(agent, queue)).attempt_token, failure)
    assert dead
    return dead


def find(bench: Bench, wanted: DeadLetterFilter = ALL, organization: int = ORGANIZATION) -> set[UUID]:
    """The ids of the dead letters that match; checks that their count agrees."""
    listing = bench.do(list_dead_letters, Access(organization), wanted, limit=100, after=None)
    assert listing.total == bench.do(count_dead_letters, Access(organization), wanted) == len(listing.items)
    return {task.id for task in listing.items}


def test_only_what_failed_for_good_is_a_dead_letter(bench: Bench) -> None:
    dead = bury(bench)
    bench.do(finish, bench.start().attempt_token, None, status="Done")
    bench.do(retry, bench.start().attempt_token, AWAY, 60)
    bench.do(cancel, bench.submit().id, ORGANIZATION)
    assert find(bench) == {dead.id}
    assert find(bench, organization=STRANGER) == set()


def test_a_filter_means_what_all_its_parts_mean(bench: Bench) -> None:
    other = bench.add_agent()
    high, low = bury(bench), bury(bench, Queue.LOW)
    of_other, away = bury(bench, agent=other), bury(bench, failure=AWAY)
    assert find(bench, DeadLetterFilter(queue="low_priority")) == {low.id}
    assert find(bench, DeadLetterFilter(agent_id=other)) == {of_other.id}
    assert find(bench, DeadLetterFilter(code=AWAY.code)) == {away.id}
    assert find(bench, DeadLetterFilter(name=high.name, code=BROKEN.code)) == {high.id, low.id, of_other.id}
    assert find(bench, DeadLetterFilter(queue="low_priority", code=AWAY.code)) == set()


def test_the_story_tells_of_every_attempt_that_did_not_succeed(bench: Bench) -> None:
    task = bench.submit()
    bench.do(retry, bench.start(task).attempt_token, AWAY, 0)
    bench.do(hand_back, bench.start(task).attempt_token)
    bench.start(task)
    bench.expire(bench.worker)
    bench.do(reap_workers, 3)
    bench.do(fail, bench.start(task, bench.add_worker()).attempt_token, BROKEN)
    story = bench.read(task).history
    assert [(entry["attempt"], entry["outcome"], entry["code"]) for entry in story] == [
        (1, "retry", AWAY.code),
        (2, "handed_back", None),
        (3, "crash", "task_crashed"),
        (4, "failure", BROKEN.code),
    ]
    assert {entry["worker"] for entry in story} == {"worker@bench"}
    assert all(entry["started_at"] <= entry["ended_at"] for entry in story)


def test_a_long_story_keeps_its_end(bench: Bench) -> None:
    task = bench.submit()
    for _ in range(HISTORY_LENGTH + 3):
        bench.do(hand_back, bench.start(task).attempt_token)
    assert [entry["attempt"] for entry in bench.read(task).history] == list(range(4, HISTORY_LENGTH + 4))


def test_a_replayed_task_starts_afresh_and_keeps_its_story(bench: Bench) -> None:
    dead = bury(bench)
    [replayed] = bench.do(replay, ORGANIZATION, [dead.id])
    assert (replayed.state, replayed.retries, replayed.crashes, replayed.error) == (State.PENDING, 0, 0, None)
    assert (replayed.dead_lettered_at, replayed.announced_at) == (None, None)
    assert [entry["outcome"] for entry in replayed.history] == ["failure"]
    assert find(bench) == set()
    assert bench.do(finish, bench.start(dead).attempt_token, None, status="Done")


def test_nothing_but_ones_own_dead_letters_is_replayed(bench: Bench) -> None:
    dead, waiting = bury(bench), bench.submit()
    assert bench.do(replay, STRANGER, [dead.id]) == []
    assert bench.do(replay, ORGANIZATION, [waiting.id, uuid4()]) == []
    assert find(bench) == {dead.id}


def test_many_are_found_in_parts_until_none_is_left(bench: Bench) -> None:
    dead = sorted(bury(bench).id for _ in range(5))
    parts, after = [], UUID(int=0)
    while part := bench.do(find_dead_letters, Access(ORGANIZATION), ALL, limit=2, after=after):
        parts.append(part)
        after = part[-1]
    assert parts == [dead[:2], dead[2:4], dead[4:]]


def test_two_who_replay_at_once_revive_each_task_once(bench: Bench) -> None:
    dead = bury(bench)
    replays = bench.race(*(lambda c: replay(c, ORGANIZATION, [dead.id]) for _ in range(6)))
    assert sum(map(len, replays)) == 1
    assert bench.read(dead).epoch == dead.epoch + 1


def test_a_discarded_task_is_no_dead_letter_and_still_a_failure(bench: Bench) -> None:
    dead = bury(bench)
    assert bench.do(discard, dead.id, STRANGER) is None
    discarded = bench.do(discard, dead.id, ORGANIZATION)
    assert discarded
    assert (discarded.state, discarded.error) == (State.FAILURE, dead.error)
    assert find(bench) == set()
    assert bench.do(discard, dead.id, ORGANIZATION) is None
    assert bench.do(revive, dead.id, ORGANIZATION)


@pytest.mark.parametrize("decided", [discard, None])
def test_a_lost_dead_letter_announcement_is_repeated_while_a_worker_listens(bench: Bench, decided: object) -> None:
    dead = bury(bench)
    assert bench.do(list_unannounced, 10) == []
    bench.sql("UPDATE tasks SET dead_lettered_at = now() - interval '11 seconds' WHERE dead_lettered_at IS NOT NULL")
    assert bench.do(list_unannounced, 10) == []
    bench.add_worker(Queue.DEFAULT, Queue.DEAD_LETTER)
    assert bench.do(list_unannounced, 10) == [dead.id]
    bench.do(note_announced, dead.id) if decided is None else bench.do(discard, dead.id, ORGANIZATION)
    assert bench.do(list_unannounced, 10) == []
