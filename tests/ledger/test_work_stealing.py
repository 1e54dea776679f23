"""Idle workers steal tasks of more urgent queues whose own workers are busy."""

import pytest

from app.domain.ids import WorkerId
from app.domain.states import State
from app.domain.tasks import WORK_QUEUES, Bell, Queue
from app.ledger.work_stealing import STEAL_AFTER_SECONDS, steal_work
from tests.ledger.bench import Bench

SILENCE = STEAL_AFTER_SECONDS + 0.1


def call(bench: Bench, helper: WorkerId) -> list[Bell]:
    """The messages with which a worker steals tasks."""
    return bench.do(steal_work, helper)


def test_a_task_whose_own_workers_do_not_come_is_rung_on_the_helpers_queue(bench: Bench) -> None:
    task = bench.submit()
    bench.admit()
    helper = bench.add_worker(Queue.LOW)
    assert call(bench, helper) == []
    bench.pass_silence(SILENCE)
    assert call(bench, helper) == [Bell(task.id, task.name, Queue.LOW)]
    claimed = bench.claim(task, helper)
    assert claimed
    assert (claimed.worker_id, claimed.queue) == (helper, Queue.HIGH)
    assert bench.claim(task, bench.worker) is None


def test_one_call_is_enough_until_it_too_has_been_silent_for_long(bench: Bench) -> None:
    task = bench.submit()
    bench.admit()
    helper = bench.add_worker(Queue.LOW)
    bench.pass_silence(SILENCE)
    assert len(call(bench, helper)) == 1
    bench.pass_silence(SILENCE)
    assert call(bench, helper) == []
    bench.pass_silence(5)
    assert [bell.task_id for bell in call(bench, helper)] == [task.id]


def test_the_most_urgent_goes_first_and_no_more_are_called_than_slots_are_idle(bench: Bench) -> None:
    low, medium = bench.submit(queue=Queue.LOW), bench.submit(queue=Queue.MEDIUM)
    high = [bench.submit() for _ in range(2)]
    for queue in (Queue.LOW, Queue.MEDIUM, Queue.HIGH):
        bench.admit(queue)
    bench.pass_silence(SILENCE)
    helper = bench.add_worker(Queue.DEFAULT, slots=3)
    assert {bell.task_id for bell in call(bench, helper)} == {*(task.id for task in high), medium.id}
    assert bench.claim(low, helper), "any worker may claim an admitted task"


@pytest.mark.parametrize("queue", [Queue.HIGH, Queue.MEDIUM])
def test_no_worker_steals_from_a_less_or_equally_urgent_queue(bench: Bench, queue: Queue) -> None:
    bench.submit(queue=Queue.MEDIUM)
    bench.submit(queue=Queue.LOW)
    bench.admit(Queue.MEDIUM)
    bench.admit(Queue.LOW)
    bench.pass_silence(100)
    assert call(bench, bench.add_worker(queue)) == []


def test_who_serves_all_queues_is_called_to_none(bench: Bench) -> None:
    bench.submit()
    bench.admit()
    bench.pass_silence(100)
    assert call(bench, bench.add_worker(*WORK_QUEUES)) == []


def test_own_work_counts_first(bench: Bench) -> None:
    helper = bench.add_worker(Queue.LOW, slots=2)
    bench.start(bench.submit(queue=Queue.LOW), helper)
    bench.submit()
    bench.admit()
    own = bench.submit(queue=Queue.LOW)
    bench.admit(Queue.LOW)
    bench.pass_silence(SILENCE)
    assert call(bench, helper) == [], "one slot is taken and one is spoken for"
    assert bench.claim(own, bench.add_worker(Queue.LOW))
    assert len(call(bench, helper)) == 1


def test_a_dead_or_draining_worker_is_not_called(bench: Bench) -> None:
    bench.submit()
    bench.admit()
    bench.pass_silence(SILENCE)
    helper = bench.add_worker(Queue.LOW)
    bench.expire(helper)
    assert call(bench, helper) == []
    draining = bench.add_worker(Queue.LOW)
    bench.sql("UPDATE workers SET queues = '{}' WHERE id = :id", id=draining)
    assert call(bench, draining) == []


def test_two_who_are_called_at_once_get_different_tasks(bench: Bench) -> None:
    bench.submit_many(4)
    assert len(bench.admit()) == 4
    bench.pass_silence(SILENCE)
    helpers = [bench.add_worker(queue) for queue in (Queue.LOW, Queue.DEFAULT)]
    calls = bench.race(*(lambda c, helper=helper: steal_work(c, helper) for helper in helpers))
    rung = [bell.task_id for bells in calls for bell in bells]
    assert len(rung) == len(set(rung)) == 4


def test_a_task_that_was_helped_and_handed_back_waits_like_any_other(bench: Bench) -> None:
    task = bench.submit()
    bench.admit()
    bench.pass_silence(SILENCE)
    helper = bench.add_worker(Queue.LOW)
    call(bench, helper)
    bench.sql("UPDATE tasks SET state = 'PENDING'")
    assert bench.admit() == [task.bell]
    row = bench.read(task)
    assert (row.state, row.helper) == (State.QUEUED, None)
