"""A slot that ends a task claims the next admitted one, and messages are published for idle slots only."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import asyncpg
import pytest

from app.domain.ids import WorkerId
from app.domain.states import State
from app.domain.tasks import Queue, Task
from app.ledger.admit import Admitted, admit, admit_alone
from app.ledger.cancel import cancel
from app.ledger.claim import Claim, Slot, claim, claim_next
from app.ledger.finish import finish, finish_and_claim
from app.ledger.queues import pause
from app.ledger.recover import reconcile
from app.ledger.workers import drain
from tests.ledger.bench import ORGANIZATION, PID, Bench

Result = TypeVar("Result")


@pytest.fixture
def worker(bench: Bench) -> WorkerId:
    """The only worker, with two slots that continue."""
    bench.sql("DELETE FROM workers")
    return bench.add_worker(continues=True)


def slot(worker: WorkerId, queue: Queue = Queue.HIGH, enough: int = 3) -> Slot:
    return Slot(worker, PID, queue, enough)


def end(bench: Bench, task: Task, worker: WorkerId, queue: Queue = Queue.HIGH) -> tuple[Task | None, Claim]:
    """Finish a task and claim the next one."""
    return bench.do(finish_and_claim, task.attempt_token, slot(worker, queue), {"n": 1}, status="Done")


def start(bench: Bench, worker: WorkerId, queue: Queue = Queue.HIGH) -> Task:
    """Submit, admit and claim a task."""
    task = bench.submit(queue=queue)
    bench.admit(queue)
    started = bench.claim(task, worker)
    assert started
    return started


def silent(bench: Bench) -> int:
    """The number of admitted tasks without a message."""
    return int(bench.one("SELECT count(*) FROM tasks WHERE state = 'QUEUED' AND rings = 0"))


def while_locked(bench: Bench, statement: str, waiting: Coroutine[Any, Any, Result]) -> Result:
    """What ``waiting`` returns if it must wait for a transaction that has run ``statement``."""

    async def run() -> Result:
        holder, prober = [await asyncpg.connect(bench._database_url) for _ in range(2)]
        async with holder.transaction():
            await holder.execute(statement)
            waiter = asyncio.create_task(waiting)
            while not await prober.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not waiter.done()
                await asyncio.sleep(0.01)
        for connection in (holder, prober):
            await connection.close()
        return await waiter

    return bench._runner.run(run())


def test_the_slot_that_ends_a_task_gets_the_next_ones_in_the_order_of_admission(bench: Bench, worker: WorkerId) -> None:
    running = start(bench, worker)
    tasks = [bench.submit_document() for _ in range(3)]
    bench.admit()
    for task in tasks:
        ended, claimed = end(bench, running, worker)
        assert ended == bench.read(running)
        assert (ended.state, ended.result) == (State.SUCCESS, {"n": 1})
        assert claimed.task == bench.read(task)
        running = claimed.task
        assert (running.state, running.attempt, running.epoch) == (State.STARTED, 1, 1)
        assert (running.worker_id, running.pid) == (worker, PID)
        assert bench.document_status(running) == "processing"
    ended, claimed = end(bench, running, worker)
    assert ended
    assert not claimed
    assert bench.document_status(ended) == "completed"


@pytest.mark.parametrize("how", ["cancelled", "superseded"])
def test_an_attempt_that_may_not_finish_claims_nothing(bench: Bench, worker: WorkerId, how: str) -> None:
    running = start(bench, worker)
    waiting = bench.submit()
    bench.admit()
    if how == "cancelled":
        bench.do(cancel, running.id, ORGANIZATION)
    else:
        bench.sql("UPDATE tasks SET epoch = epoch + 1 WHERE id = :id", id=running.id)
    assert end(bench, running, worker) == (None, Claim())
    assert bench.read(waiting).state is State.QUEUED


@pytest.mark.parametrize("why", ["it drains", "its lease has run out", "the queue is paused", "it is another queue's"])
def test_a_slot_continues_with_nothing(bench: Bench, worker: WorkerId, why: str) -> None:
    running = start(bench, worker)
    waiting = bench.submit(queue=Queue.LOW if why == "it is another queue's" else Queue.HIGH)
    bench.admit(Queue(waiting.queue))
    if why == "it drains":
        bench.do(drain, worker)
    elif why == "its lease has run out":
        bench.expire(worker)
    elif why == "the queue is paused":
        bench.do(pause, Queue.HIGH)
    ended, claimed = end(bench, running, worker, Queue(waiting.queue))
    assert ended
    assert not claimed
    assert bench.read(waiting).state is (State.PENDING if why == "the queue is paused" else State.QUEUED)


def test_a_slot_does_not_continue_with_a_task_that_reads_a_page_or_that_is_locked(
    bench: Bench, worker: WorkerId
) -> None:
    page, held, free = [bench.submit() for _ in range(3)]
    bench.admit()
    bench.sql("""UPDATE tasks SET arguments = '{"fetch_host": "public.example"}' WHERE id = :id""", id=page.id)
    with bench.hold("SELECT FROM tasks WHERE id = $1 FOR UPDATE", held.id):
        claimed = bench.do(claim_next, slot(worker))
    assert claimed.task == bench.read(free)


def test_slots_that_end_at_once_get_different_tasks(bench: Bench, worker: WorkerId) -> None:
    running = [start(bench, worker) for _ in range(2)]
    bench.submit_many(2)
    bench.admit()
    ends = bench.race(
        *(lambda c, task=task: finish_and_claim(c, task.attempt_token, slot(worker), 1, status="") for task in running)
    )
    claimed = {claimed.task.id for _, claimed in ends if claimed.task}
    assert len(claimed) == 2


def test_a_message_whose_task_is_taken_gets_the_next_of_its_queue(bench: Bench, worker: WorkerId) -> None:
    taken, other = bench.submit(), bench.submit()
    bench.admit()
    assert bench.do(claim, taken.id, taken.name, slot(worker)).task == bench.read(taken)
    assert bench.do(claim, taken.id, taken.name, Slot(worker, PID)).task is None
    assert bench.do(claim, taken.id, taken.name, slot(worker)).task == bench.read(other)
    assert bench.do(claim, taken.id, taken.name, slot(worker)).task is None


def test_a_message_that_names_another_task_than_its_row_gets_no_task_at_all(bench: Bench, worker: WorkerId) -> None:
    task = bench.submit()
    bench.admit()
    refused = bench.do(claim, task.id, "another", slot(worker))
    assert (refused.task, refused.name) == (None, task.name)
    assert bench.read(task).state is State.QUEUED


def test_messages_are_published_for_idle_slots_and_later_for_those_that_become_idle(
    bench: Bench, worker: WorkerId
) -> None:
    bench.submit_many(10)
    assert (len(bench.admit()), silent(bench)) == (2, 2)  # two slots, a window of four
    first, second, *_ = bench.sql("SELECT id FROM tasks WHERE state = 'QUEUED' ORDER BY queued_at")
    one, two = bench.claim(first["id"], worker), bench.claim(second["id"], worker)
    assert one
    assert two
    assert (bench.admit(), silent(bench)) == ([], 4)
    bench.do(finish, one.attempt_token, None, status="Done")
    assert (len(bench.admit()), silent(bench)) == (1, 3)
    assert bench.admit() == []


def test_a_queue_without_workers_gets_messages_for_its_first_worker(bench: Bench) -> None:
    bench.sql("DELETE FROM workers")
    bench.submit_many(10)
    assert (len(bench.admit()), silent(bench)) == (4, 0)


def test_each_task_has_a_message_where_a_worker_of_an_earlier_version_serves_the_queue(bench: Bench) -> None:
    bench.add_worker(slots=3)  # does not continue, as that of the bench
    bench.submit_many(20)
    assert (len(bench.admit()), silent(bench)) == (5, 0)
    for row in bench.sql("SELECT id FROM tasks WHERE state = 'QUEUED'"):
        bench.claim(row["id"])
    assert (len(bench.admit()), silent(bench)) == (5, 0)


@pytest.mark.parametrize("why", ["they read pages, which releases their slots", "other queues have stolen them"])
def test_messages_of_tasks_that_will_not_fill_a_slot_of_the_queue_do_not_count(
    bench: Bench, worker: WorkerId, why: str
) -> None:
    running = start(bench, worker)  # one slot is idle
    bench.submit()
    assert len(bench.admit()) == 1
    if why == "other queues have stolen them":
        bench.sql("UPDATE tasks SET helper = 'low_priority' WHERE state = 'QUEUED'")
    else:
        bench.sql("""UPDATE tasks SET arguments = '{"fetch_host": "public.example"}' WHERE state = 'QUEUED'""")
    other = bench.submit()
    assert [bell.task_id for bell in bench.admit()] == [other.id]
    assert bench.read(running).state is State.STARTED


def test_a_message_waits_for_a_transaction_that_has_locked_its_task_and_leaves_it(
    bench: Bench, worker: WorkerId
) -> None:
    task = bench.submit()
    bench.admit()

    lock = f"SELECT FROM tasks WHERE id = '{task.id}' FOR UPDATE"
    claimed = while_locked(bench, lock, claim(bench._database, task.id, task.name, slot(worker)))
    assert claimed.task == bench.read(task)


def test_a_task_without_a_message_gets_one_by_the_sweep(bench: Bench, worker: WorkerId) -> None:
    running = [start(bench, worker) for _ in range(2)]
    waiting = bench.submit()
    assert (bench.admit(), silent(bench)) == ([], 1)
    bench.do(finish, running[0].attempt_token, None, status="Done")  # and its process dies before it nudges
    bench.pass_silence(1.5)
    assert [bell.task_id for bell in bench.do(reconcile)] == [waiting.id]


def test_a_slot_that_misses_an_admission_is_seen_by_the_next_one(bench: Bench, worker: WorkerId) -> None:
    """Each of the two statements reads the state before the other: the slot finds no task, the admission no slot."""
    running = [start(bench, worker) for _ in range(2)]
    bench.do(finish, running[0].attempt_token, None, status="Done")
    running[0] = start(bench, worker)
    late = bench.submit()

    async def miss_each_other() -> tuple[Admitted, Claim, Admitted]:
        async with bench._database.transaction() as ending:
            ended, claimed = await finish_and_claim(ending, running[1].attempt_token, slot(worker), 1, status="")
            assert ended
            admitted = await admit_alone(bench._database, Queue.HIGH)
        assert admitted
        nudged = await admit_alone(bench._database, Queue.HIGH)
        assert nudged
        return admitted, claimed, nudged

    admitted, claimed, nudged = bench._runner.run(miss_each_other())
    assert (admitted.tasks, admitted.bells, claimed.task) == (1, [], None)
    assert [bell.task_id for bell in nudged.bells] == [late.id]


@pytest.mark.usefixtures("worker")
def test_the_window_grows_as_far_as_it_is_told(bench: Bench) -> None:
    bench.submit_many(50)
    admitted = bench.do(admit, Queue.HIGH, 20)
    assert (admitted.tasks, len(admitted.bells), admitted.slots) == (20, 2, 2)
    order = bench.sql("SELECT id FROM tasks WHERE state = 'QUEUED' ORDER BY queued_at")
    assert len({row["id"] for row in order}) == 20
    assert bench.one("SELECT count(DISTINCT queued_at) FROM tasks WHERE state = 'QUEUED'") == 20
    assert bench.do(admit, Queue.HIGH).tasks == 0


def test_few_admitted_tasks_are_reported_only_while_others_wait(bench: Bench, worker: WorkerId) -> None:
    bench.submit_many(8)
    bench.admit()  # four of them
    claims = [bench.do(claim_next, slot(worker)) for _ in range(4)]
    assert [claimed.is_low for claimed in claims] == [False, False, True, True]
    bench.sql("DELETE FROM tasks WHERE state = 'PENDING'")
    assert not bench.do(claim_next, slot(worker)).is_low


@pytest.mark.parametrize("why", ["an agent has a cap", "a page is to be read"])
def test_an_admission_in_one_statement_leaves_it_to_a_transaction(bench: Bench, why: str) -> None:
    capped = bench.add_agent(max_in_flight=1)
    task = bench.submit(capped if why == "an agent has a cap" else None)
    if why == "a page is to be read":
        bench.sql("""UPDATE tasks SET arguments = '{"fetch_host": "public.example"}'""")
    assert bench.do(admit_alone, Queue.HIGH) is None
    assert bench.read(task).state is State.PENDING
    assert bench.do(admit, Queue.HIGH).tasks == 1


def test_an_admission_in_one_statement_never_overfills_the_window(bench: Bench) -> None:
    bench.submit_many(40)
    done = bench.race(*(lambda c: admit_alone(c, Queue.HIGH) for _ in range(8)))
    assert sum(admitted.tasks for admitted in done if admitted) == 4
    assert bench.one("SELECT count(*) FROM tasks WHERE state = 'QUEUED'") == 4


def test_an_admission_whose_queue_another_one_has_just_filled_admits_nothing(bench: Bench) -> None:
    bench.submit_many(10)
    update = "UPDATE queues SET virtual_time = virtual_time WHERE name = 'high_priority'"
    assert while_locked(bench, update, admit_alone(bench._database, Queue.HIGH)) is None
    assert bench.one("SELECT count(*) FROM tasks WHERE state = 'QUEUED'") == 0


def test_an_admission_in_one_statement_leaves_a_paused_or_unknown_queue_alone(bench: Bench) -> None:
    bench.submit()
    bench.do(pause, Queue.HIGH)
    for queue in (Queue.HIGH.value, "no_such_queue"):
        assert bench.do(admit_alone, queue) == Admitted([], 0)
