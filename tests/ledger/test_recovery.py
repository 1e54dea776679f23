"""Recovery from dead workers, dead processes, lost messages and expired leases."""

from datetime import timedelta

import pytest

from app.domain.ids import WorkerId
from app.domain.states import State
from app.domain.tasks import Bell, Progress, Queue, Task
from app.ledger.cancel import cancel
from app.ledger.finish import finish, hand_back
from app.ledger.recover import end_holders, list_processes, reap_processes, reap_workers, reconcile
from app.ledger.report import report
from app.ledger.upkeep import forget_workers
from app.ledger.workers import heartbeat, list_workers, retire
from tests.deadlines import wait_for
from tests.ledger.bench import ORGANIZATION, PID, Bench

MAX_CRASHES = 3


def crash(bench: Bench, task: Task, worker: WorkerId) -> Task:
    """Start a task, let its worker die, and reclaim the task."""
    bench.start(task, worker)
    bench.expire(worker)
    [reaped] = bench.do(reap_workers, MAX_CRASHES)
    return reaped


def test_the_tasks_of_a_dead_worker_run_again(bench: Bench) -> None:
    started = bench.start()
    bench.do(report, started.attempt_token, Progress("embed", 70, "Embedding"))
    bench.expire(bench.worker)
    [reaped] = bench.do(reap_workers, MAX_CRASHES)
    assert reaped == bench.read(started)
    assert (reaped.state, reaped.crashes, reaped.epoch) == (State.PENDING, 1, started.epoch + 1)
    assert (reaped.worker_id, reaped.pid, reaped.current, reaped.completed_at) == (None, None, 0, None)
    assert bench.do(reap_workers, MAX_CRASHES) == []
    assert bench.start(started, bench.add_worker()).attempt == 2


def test_the_tasks_of_a_worker_that_was_forgotten_run_again(bench: Bench) -> None:
    started = bench.start()
    bench.sql("DELETE FROM workers")
    assert [task.id for task in bench.do(reap_workers, MAX_CRASHES)] == [started.id]


def test_the_tasks_of_living_workers_are_left_alone(bench: Bench) -> None:
    started = bench.start()
    bench.expire(bench.add_worker())
    assert bench.do(reap_workers, MAX_CRASHES) == []
    assert bench.read(started) == started


def test_a_task_that_kills_its_process_is_dead_after_exactly_the_allowed_crashes(bench: Bench) -> None:
    task = bench.submit()
    states = [crash(bench, task, bench.add_worker()).state for _ in range(MAX_CRASHES)]
    assert states == [State.PENDING, State.PENDING, State.FAILURE]
    dead = bench.read(task)
    assert (dead.crashes, dead.attempt) == (MAX_CRASHES, MAX_CRASHES)
    assert dead.error
    assert dead.error["code"] == "task_crashed"
    assert dead.dead_lettered_at == dead.completed_at != None  # noqa: E711 - a chained comparison
    assert bench.admit() == []


def test_a_task_handed_back_in_between_is_not_dead_earlier(bench: Bench) -> None:
    task = bench.submit()
    for _ in range(MAX_CRASHES - 1):
        crash(bench, task, bench.add_worker())
        bench.do(hand_back, bench.start(task, bench.add_worker()).attempt_token)
    assert (bench.read(task).state, bench.read(task).crashes) == (State.PENDING, MAX_CRASHES - 1)


def test_a_cancelled_task_whose_worker_died_is_revoked(bench: Bench) -> None:
    started = bench.start()
    bench.do(cancel, started.id, ORGANIZATION)
    bench.expire(bench.worker)
    [reaped] = bench.do(reap_workers, 1)
    assert (reaped.state, reaped.status, reaped.error, reaped.dead_lettered_at) == (
        State.REVOKED,
        "Cancelled",
        None,
        None,
    )
    assert reaped.completed_at


def test_two_who_sweep_at_once_count_one_crash(bench: Bench) -> None:
    started = bench.start()
    bench.expire(bench.worker)
    sweeps = bench.race(*(lambda c: reap_workers(c, MAX_CRASHES) for _ in range(6)))
    assert sum(len(reaped) for reaped in sweeps) == 1
    assert bench.read(started).crashes == 1


def test_a_session_that_holds_the_row_of_a_dead_worker_is_ended_and_its_writes_are_gone(bench: Bench) -> None:
    started, other = bench.start(), bench.start(worker=bench.add_worker())
    changing = "UPDATE tasks SET status = 'Held' WHERE id = $1"
    with bench.hold(changing, started.id), bench.hold(changing, other.id):
        assert bench.do(end_holders) == 0
        bench.expire(bench.worker)
        assert bench.do(reap_workers, MAX_CRASHES) == []
        wait_for(lambda: bench.do(end_holders) == 1, "the session to be old enough to be ended")
        reaped = wait_for(lambda: bench.do(reap_workers, MAX_CRASHES), "its row to be free")
    assert [(task.id, task.crashes, task.status) for task in reaped] == [
        (started.id, 1, "The process died; waiting to run again")
    ]
    assert bench.read(other) == other


def test_a_session_that_holds_a_queues_row_for_long_is_ended_and_the_queue_admits_again(bench: Bench) -> None:
    task = bench.submit()
    with bench.hold("SELECT FROM queues WHERE name = $1 FOR UPDATE", task.queue):
        assert bench.do(end_holders) == 0
        wait_for(lambda: bench.do(end_holders) == 1, "the session to be old enough to be ended")
        assert bench.admit() == [task.bell]


def test_only_the_tasks_of_the_dead_processes_are_taken_back(bench: Bench) -> None:
    bench.submit_many(4)
    bells = bench.admit()
    other = bench.add_worker()
    workers = (bench.worker, bench.worker, bench.worker, other)
    tasks = [
        bench.claim(bell.task_id, worker, pid) for bell, worker, pid in zip(bells, workers, (1, 2, 3, 1), strict=True)
    ]
    assert sorted(bench.do(list_processes, bench.worker)) == [1, 2, 3]
    reaped = bench.do(reap_processes, bench.worker, [1, 3], MAX_CRASHES)
    assert {task.id for task in reaped} == {task.id for task in (tasks[0], tasks[2]) if task}
    assert all((task.state, task.crashes, task.epoch) == (State.PENDING, 1, 2) for task in reaped)
    assert bench.do(list_processes, bench.worker) == [2]
    assert bench.do(list_processes, other) == [1]


def test_the_process_of_a_task_that_ended_is_no_longer_watched(bench: Bench) -> None:
    bench.do(finish, bench.start().attempt_token, None, status="Done")
    assert bench.do(list_processes, bench.worker) == []
    assert bench.do(reap_processes, bench.worker, [PID], MAX_CRASHES) == []


def test_a_lost_message_is_published_again(bench: Bench) -> None:
    task = bench.submit()
    bench.admit()
    assert bench.do(reconcile) == []
    bench.pass_silence(3)
    assert bench.do(reconcile) == [task.bell]
    assert bench.read(task).rings == 2
    assert bench.read(task).state is State.QUEUED


@pytest.mark.parametrize(("rings", "seconds"), [(1, 2), (2, 4), (3, 8), (4, 8), (40, 8)])
def test_the_next_ring_waits_twice_as_long_up_to_eight_seconds(bench: Bench, rings: int, seconds: int) -> None:
    task = bench.submit()
    bench.admit()
    bench.sql("UPDATE tasks SET rings = :rings", rings=rings)
    bench.pass_silence(seconds - 0.9)
    assert bench.do(reconcile) == []
    bench.pass_silence(seconds + 0.1)
    assert bench.do(reconcile) == [task.bell]


def test_bells_ring_again_for_free_slots_only(bench: Bench) -> None:
    bench.submit_many(4)
    first, *_ = bench.admit()
    bench.claim(first.task_id)
    bench.pass_silence(10)
    assert len(bench.do(reconcile)) == 1
    bench.expire(bench.worker)
    bench.pass_silence(100)
    assert bench.do(reconcile) == []


def test_the_bells_that_have_been_silent_longest_ring_first(bench: Bench) -> None:
    tasks = [bench.submit() for _ in range(3)]
    bench.admit()
    for age, task in zip((10, 30, 20), tasks, strict=True):
        bench.sql(
            "UPDATE tasks SET queued_at = now() - make_interval(secs => :age) WHERE id = :id", age=age, id=task.id
        )
    assert {bell.task_id for bell in bench.do(reconcile)} == {tasks[1].id, tasks[2].id}


def test_two_who_reconcile_at_once_ring_each_bell_once(bench: Bench) -> None:
    bench.submit_many(2)
    bench.admit()
    bench.pass_silence(10)
    rung: list[Bell] = [bell for bells in bench.race(*(reconcile for _ in range(6))) for bell in bells]
    assert len(rung) == len({bell.task_id for bell in rung}) == 2


def test_a_lease_is_renewed_while_it_lives(bench: Bench) -> None:
    worker = bench.add_worker(lease=5)
    assert bench.do(heartbeat, worker, 100)
    left = bench.one("SELECT lease_expires_at - now() FROM workers WHERE id = :id", id=worker)
    assert timedelta(seconds=90) < left <= timedelta(seconds=100)


def test_a_lease_that_has_run_out_is_never_renewed(bench: Bench) -> None:
    bench.expire(bench.worker)
    expired = bench.one("SELECT lease_expires_at FROM workers")
    assert not bench.do(heartbeat, bench.worker, 100)
    assert bench.one("SELECT lease_expires_at FROM workers") == expired


def test_a_worker_that_retires_is_gone_at_once(bench: Bench) -> None:
    started = bench.start()
    bench.do(retire, bench.worker)
    assert bench.do(list_workers) == []
    assert not bench.do(heartbeat, bench.worker, 100)
    assert [task.id for task in bench.do(reap_workers, MAX_CRASHES)] == [started.id]


def test_living_workers_are_listed_with_what_they_run(bench: Bench) -> None:
    bench.start()
    bench.expire(bench.add_worker())
    idle = bench.add_worker(Queue.LOW, Queue.HIGH, slots=5)
    listed = {WorkerId(worker.id): (worker.running, worker.concurrency) for worker in bench.do(list_workers)}
    assert listed == {bench.worker: (1, 2), idle: (0, 5)}


def test_workers_are_forgotten_an_hour_after_their_lease(bench: Bench) -> None:
    gone, recent = bench.add_worker(lease=-3601), bench.add_worker(lease=-3500)
    bench.do(forget_workers)
    left = {row["id"] for row in bench.sql("SELECT id FROM workers")}
    assert left == {bench.worker, recent}
    assert gone not in left
