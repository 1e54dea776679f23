"""Admission of tasks that read a page: servers that do not answer hold no places of others."""

from collections import Counter

from app.domain.ids import TaskId
from app.domain.states import State
from app.domain.tasks import NewTask, Queue, Task, TaskName
from app.ledger.admit_fetches import FETCHES_PER_HOST, FETCHES_PER_SLOT
from app.ledger.cancel import revive
from app.ledger.finish import finish, requeue
from app.ledger.recover import reconcile
from app.ledger.submit import submit
from app.ledger.work_stealing import steal_work
from tests.ledger.bench import ORGANIZATION, Bench

_PLACES = 4 * FETCHES_PER_SLOT


def add_page(bench: Bench, host: str, agent: int | None = None, queue: Queue = Queue.HIGH) -> Task:
    """Submit a task that reads a page."""
    name = TaskName.PROCESS_WEBPAGE
    arguments = {"fetch_host": host}
    return bench.do(submit, NewTask(ORGANIZATION, agent or bench.agent, name, queue, arguments=arguments))


def begin_all(bench: Bench, queue: Queue = Queue.HIGH) -> list[TaskId]:
    """Admit and claim until nothing more may begin; returns the tasks that began."""
    begun: list[TaskId] = []
    while bells := bench.admit(queue):
        for bell in bells:
            assert bench.claim(bell.task_id) is not None
            begun.append(bell.task_id)
    return begun


def test_a_host_is_read_by_a_few_tasks_at_a_time_whichever_agent_asks(bench: Bench) -> None:
    for agent in (bench.agent, bench.add_agent(), bench.add_agent()):
        for _ in range(2 * FETCHES_PER_HOST):
            add_page(bench, "silent.example", agent)
    other = add_page(bench, "fast.example")
    begun = begin_all(bench)
    assert len(begun) == FETCHES_PER_HOST + 1
    assert other.id in begun
    ended = bench.do(finish, bench.read(begun[0]).attempt_token, None, status="Done")
    assert ended
    assert len(begin_all(bench)) == 1


def test_one_agent_holds_a_share_and_others_find_places(bench: Bench) -> None:
    for number in range(2 * _PLACES):
        add_page(bench, f"silent-{number}.example")
    assert len(begin_all(bench)) == _PLACES // 3 + 1
    late = add_page(bench, "fast.example", bench.add_agent())
    assert begin_all(bench) == [late.id]


def test_however_many_agents_wait_for_silent_hosts_a_place_remains(bench: Bench) -> None:
    agents = [bench.add_agent() for _ in range(25)]
    for number in range(5 * _PLACES):
        add_page(bench, f"silent-{number % 50}.example", agents[number % 25])
    begun = begin_all(bench)
    held = Counter(row["agent_id"] for row in bench.sql("SELECT agent_id FROM tasks WHERE state = 'STARTED'"))
    assert set(held.values()) <= {2, 3}
    assert len(begun) < _PLACES
    late = add_page(bench, "fast.example", bench.add_agent())
    assert begin_all(bench) == [late.id]


def test_pages_that_wait_do_not_delay_uploads_and_leave_most_of_the_window_to_them(bench: Bench) -> None:
    for number in range(20):
        add_page(bench, f"silent-{number}.example")
    uploads = [bench.submit().id for _ in range(3)]
    admitted = [bell.task_id for bell in bench.admit()]
    assert set(uploads) < set(admitted)
    assert len(admitted) == 4


def test_an_agents_cap_counts_pages_and_uploads(bench: Bench) -> None:
    capped = bench.add_agent(max_in_flight=2)
    for number in range(5):
        add_page(bench, f"host-{number}.example", capped)
    bench.submit(capped)
    assert len(begin_all(bench)) == 2


def test_a_page_that_was_read_continues_the_same_attempt_as_an_ordinary_task(bench: Bench) -> None:
    page = add_page(bench, "public.example")
    started = bench.start(page)
    read = bench.do(requeue, started.attempt_token, {"page": {"host": "public.example"}}, status="Read")
    assert read
    assert (read.state, read.attempt, "fetch_host" in read.arguments) == (State.PENDING, 0, False)
    assert bench.do(finish, started.attempt_token, None, status="Done") is None
    continued = bench.start(read)
    assert (continued.attempt, continued.arguments["page"]) == (1, {"host": "public.example"})


def test_a_page_that_is_revived_is_read_again(bench: Bench) -> None:
    started = bench.start(add_page(bench, "public.example"))
    read = bench.do(requeue, started.attempt_token, {"page": {"host": "public.example"}}, status="Read")
    assert read
    bench.do(finish, bench.start(read).attempt_token, None, status="Done")
    revived = bench.do(revive, read.id, ORGANIZATION)
    assert revived
    assert dict(revived.arguments) == {"fetch_host": "public.example"}


def test_slots_whose_tasks_wait_for_servers_are_idle_for_other_tasks(bench: Bench) -> None:
    for number in range(6):
        add_page(bench, f"silent-{number}.example")
    begin_all(bench)
    lost = bench.submit()
    assert [bell.task_id for bell in bench.admit()] == [lost.id]
    bench.pass_silence(3)
    assert [bell.task_id for bell in bench.do(reconcile)] == [lost.id]
    helper = bench.add_worker(Queue.LOW)
    for number in range(6):
        page = add_page(bench, f"silent-{number}.example", queue=Queue.LOW)
        bench.admit(Queue.LOW)
        bench.claim(page, helper)
    bench.pass_silence(3)
    assert [bell.task_id for bell in bench.do(steal_work, helper)] == [lost.id]
