"""Tasks that a slot has claimed together occupy one slot, and keep their place in the order if they are handed back."""

import pytest

from app.domain.states import State
from app.domain.tasks import Queue
from app.ledger.claim import Slot
from app.ledger.finish import finish_and_claim, hand_back
from app.ledger.recover import reconcile, release
from app.ledger.work_stealing import STEAL_AFTER_SECONDS, steal_work
from tests.ledger.bench import PID, Bench


def _claim_together(bench: Bench, queue: Queue, slots: int) -> int:
    """Have one of a worker's slots claim three tasks of four; returns the number of idle slots."""
    worker = bench.add_worker(queue, slots=slots)
    tasks = [bench.submit(queue=queue) for _ in range(4)]
    bench.admit(queue)
    first = bench.claim(tasks[0], worker)
    assert first
    slot = Slot(worker, PID, queue, most=3, name=first.name)
    _, claimed = bench.do(finish_and_claim, first.attempt_token, slot, None, status="Done")
    assert len(claimed.tasks) == 3
    return slots - 1


def test_a_lost_message_is_published_again_for_each_idle_slot_beside_one_with_several_tasks(bench: Bench) -> None:
    idle = _claim_together(bench, Queue.LOW, slots=3)
    for _ in range(3):
        bench.submit(queue=Queue.LOW)
    bench.admit(Queue.LOW)
    bench.pass_silence(10)
    assert len(bench.do(reconcile)) == idle


def test_a_worker_whose_slot_runs_several_tasks_steals_for_each_of_its_idle_slots(bench: Bench) -> None:
    idle = _claim_together(bench, Queue.LOW, slots=3)
    worker = bench.one("SELECT id FROM workers WHERE queues = ARRAY['low_priority']")
    for _ in range(3):
        bench.submit()
    bench.admit()
    bench.pass_silence(STEAL_AFTER_SECONDS + 0.1)
    assert len(bench.do(steal_work, worker)) == idle


@pytest.mark.parametrize("stops", [False, True])
def test_a_task_that_is_handed_back_is_the_next_of_its_agent(bench: Bench, *, stops: bool) -> None:
    bench.submit_many(9)
    claimed = bench.claim(bench.admit()[0].task_id)
    assert claimed
    if stops:
        bench.do(release, bench.worker)
    else:
        bench.do(hand_back, claimed.attempt_token)
    assert bench.read(claimed).state is State.PENDING
    bench.admit()
    assert bench.read(claimed).state is State.QUEUED
