"""Admission: the number of tasks, their agents and their order."""

from collections import Counter

import pytest

from app.domain.states import State
from app.domain.tasks import Bell, Queue
from app.ledger.admit import admit
from app.ledger.finish import finish
from tests.ledger.bench import Bench


def owners(bench: Bench, bells: list[Bell]) -> list[int]:
    """The agents of the admitted tasks, in order."""
    rows = bench.sql("SELECT id, agent_id FROM tasks WHERE id = ANY(:ids)", ids=[bell.task_id for bell in bells])
    owner = {row["id"]: row["agent_id"] for row in rows}
    return [owner[bell.task_id] for bell in bells]


def serve(bench: Bench, bells: list[Bell]) -> None:
    """Claim and finish the tasks."""
    for bell in bells:
        started = bench.claim(bell.task_id)
        assert started is not None
        bench.do(finish, started.attempt_token, None, status="Done")


def serve_all(bench: Bench, rounds: int) -> list[int]:
    """The agents of the tasks served in this number of rounds, in order."""
    served = []
    for _ in range(rounds):
        bells = bench.admit()
        served += owners(bench, bells)
        serve(bench, bells)
    return served


@pytest.mark.parametrize(("slots", "window"), [([], 4), ([1], 4), ([4], 4), ([6], 6), ([2, 5], 7)])
def test_the_window_has_a_place_a_living_slot_and_four_at_least(bench: Bench, slots: list[int], window: int) -> None:
    bench.sql("DELETE FROM workers")
    for count in slots:
        bench.add_worker(slots=count)
    bench.expire(bench.add_worker(slots=50))
    bench.add_worker(Queue.LOW, slots=50)
    bench.submit_many(30)
    assert len(bench.admit()) == window
    assert bench.admit() == []


def test_a_place_in_the_window_comes_free_when_a_bell_is_answered(bench: Bench) -> None:
    bench.submit_many(10)
    first, second, *_ = bench.admit()
    bench.claim(first.task_id)
    bench.claim(second.task_id)
    assert len(bench.admit()) == 2


def test_many_who_admit_at_once_never_overfill_the_window(bench: Bench) -> None:
    bench.submit_many(40)
    bench.submit_many(40, bench.add_agent())
    bells = [bell for done in bench.race(*(lambda c: admit(c, Queue.HIGH) for _ in range(16))) for bell in done.bells]
    assert len(bells) == len({bell.task_id for bell in bells}) == 4
    assert bench.one("SELECT count(*) FROM tasks WHERE state = 'QUEUED'") == 4


def test_an_agent_s_tasks_go_in_the_order_they_came(bench: Bench) -> None:
    tasks = [bench.submit() for _ in range(4)]
    assert [bell.task_id for bell in bench.admit()] == [task.id for task in tasks]


def test_a_newcomer_takes_turns_with_an_agent_that_floods(bench: Bench) -> None:
    bench.submit_many(200)
    serve_all(bench, 10)
    newcomer = bench.add_agent()
    bench.submit_many(6, newcomer)
    served = serve_all(bench, 3)
    assert served.count(newcomer) == 6
    assert all(newcomer in served[at : at + 3] for at in range(10))


def test_many_agents_get_the_same_share(bench: Bench) -> None:
    agents = [bench.agent, *(bench.add_agent() for _ in range(4))]
    for agent in agents:
        bench.submit_many(30, agent)
    shares = Counter(serve_all(bench, 10))
    assert shares == dict.fromkeys(agents, 8)


def test_an_agent_that_was_idle_has_saved_up_no_turns(bench: Bench) -> None:
    idle = bench.add_agent()
    bench.submit_many(1, idle)
    bench.submit_many(100)
    serve_all(bench, 10)
    bench.submit_many(100, idle)
    shares = Counter(serve_all(bench, 5))
    assert abs(shares[idle] - 10) <= 1


def test_weights_give_shares_in_proportion(bench: Bench) -> None:
    weights = {bench.add_agent(weight=weight): weight for weight in (1, 2, 5)}
    for agent in weights:
        bench.submit_many(100, agent)
    shares = Counter(serve_all(bench, 20))
    assert {agent: abs(shares[agent] - 10 * weight) <= 1 for agent, weight in weights.items()} == dict.fromkeys(
        weights, True
    )


def test_an_agent_never_has_more_in_flight_than_it_may(bench: Bench) -> None:
    capped = bench.add_agent(max_in_flight=2)
    bench.submit_many(10, capped)
    bells = bench.admit()
    assert len(bells) == 2
    started = bench.claim(bells[0].task_id)
    assert started is not None
    assert bench.admit() == []
    bench.do(finish, started.attempt_token, None, status="Done")
    assert len(bench.admit()) == 1


def test_what_a_capped_agent_may_not_use_goes_to_others(bench: Bench) -> None:
    capped = bench.add_agent(max_in_flight=1)
    bench.submit_many(10, capped)
    bench.submit_many(10)
    assert Counter(owners(bench, bench.admit())) == {capped: 1, bench.agent: 3}


def test_a_cap_counts_over_all_queues(bench: Bench) -> None:
    capped = bench.add_agent(max_in_flight=2)
    bench.submit_many(1, capped, Queue.LOW)
    bench.submit_many(5, capped)
    assert len(bench.admit(Queue.LOW)) == 1
    assert len(bench.admit()) == 1


def test_a_cap_holds_while_several_queues_are_admitted_at_once(bench: Bench) -> None:
    capped = bench.add_agent(max_in_flight=2)
    queues = (Queue.HIGH, Queue.MEDIUM, Queue.LOW, Queue.DEFAULT)
    for queue in queues:
        bench.submit_many(5, capped, queue)
    bench.race(*(lambda c, queue=queue: admit(c, queue) for queue in queues))
    assert bench.one("SELECT count(*) FROM tasks WHERE state = 'QUEUED'") == 2


def test_a_paused_queue_admits_nothing_and_others_go_on(bench: Bench) -> None:
    bench.submit_many(5)
    bench.submit_many(5, queue=Queue.LOW)
    bench.sql("UPDATE queues SET paused_at = now() WHERE name = :queue", queue=Queue.HIGH.value)
    assert bench.admit() == []
    assert len(bench.admit(Queue.LOW)) == 4
    bench.sql("UPDATE queues SET paused_at = NULL")
    assert len(bench.admit()) == 4


def test_an_unknown_queue_admits_nothing(bench: Bench) -> None:
    assert bench.do(admit, "no_such_queue").bells == []


def test_scheduled_tasks_wait_for_their_time_and_block_no_other_task(bench: Bench) -> None:
    later = bench.submit()
    bench.sql("UPDATE tasks SET available_at = now() + interval '1 hour'")
    now = bench.submit()
    assert [bell.task_id for bell in bench.admit()] == [now.id]
    assert bench.read(later).state is State.PENDING
    bench.pass_backoff()
    assert [bell.task_id for bell in bench.admit()] == [later.id]
