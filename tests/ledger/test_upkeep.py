"""Queues are paused and counted, old rows are deleted, and one process gets each chore."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.ids import TaskId
from app.domain.states import State
from app.domain.tasks import Queue, Task
from app.ledger.finish import fail, finish
from app.ledger.queues import EXACT, QueueStats, count_backlogs, count_finished, list_queues, pause, resume
from app.ledger.read import has_backlog
from app.ledger.recover import release
from app.ledger.upkeep import claim_chore, forget_tasks, forget_turns
from tests.ledger.bench import BROKEN, ORGANIZATION, Bench


def look(bench: Bench, queue: Queue = Queue.HIGH) -> QueueStats:
    """The statistics of a queue."""
    return next(stats for stats in bench.do(list_queues) if stats.name == queue)


def end(bench: Bench, days_ago: int, *, dead: bool = False) -> Task:
    """Insert a task that ended some days ago."""
    attempt = bench.start().attempt_token
    ended = bench.do(fail, attempt, BROKEN) if dead else bench.do(finish, attempt, None, status="Done")
    assert ended
    bench.sql(
        "UPDATE tasks SET completed_at = now() - make_interval(days => :days) WHERE id = :id",
        days=days_ago,
        id=ended.id,
    )
    return ended


def ids(bench: Bench) -> set[TaskId]:
    """All tasks."""
    return {TaskId(row["id"]) for row in bench.sql("SELECT id FROM tasks")}


def test_nothing_of_a_paused_queue_starts_and_everything_does_once_it_is_resumed(bench: Bench) -> None:
    running, rung, waiting = bench.start(), bench.submit(), bench.submit(queue=Queue.LOW)
    bench.admit()
    bench.do(pause, Queue.HIGH)
    assert bench.read(rung).state is State.PENDING
    assert bench.claim(rung) is None
    assert bench.admit() == []
    assert bench.admit(Queue.LOW) == [waiting.bell]
    assert bench.do(finish, running.attempt_token, None, status="Done"), "what runs goes on"
    assert look(bench).paused_at is not None
    bench.do(resume, Queue.HIGH)
    assert bench.admit() == [rung.bell]
    assert look(bench).paused_at is None


def test_pausing_again_keeps_the_time(bench: Bench) -> None:
    bench.do(pause, Queue.HIGH)
    since = look(bench).paused_at
    bench.do(pause, Queue.HIGH)
    assert look(bench).paused_at == since


def test_a_short_queue_is_counted_on_request(bench: Bench) -> None:
    bench.start()
    bench.submit_many(7)
    bench.sql(
        "UPDATE tasks SET available_at = now() + interval '1 hour' "
        "WHERE id = (SELECT id FROM tasks WHERE state = 'PENDING' LIMIT 1)"
    )
    stats = look(bench)
    assert (stats.depth, stats.delayed, stats.running) == (6, 1, 1)
    assert stats.oldest_age is not None
    assert 0 <= stats.oldest_age < 60


def test_a_long_queue_is_shown_as_it_was_counted_last(bench: Bench) -> None:
    bench.submit_many(EXACT + 5)
    bench.sql("UPDATE tasks SET available_at = now() - interval '5 minutes'")
    assert look(bench).depth == 0
    bench.do(count_backlogs)
    rung = bench.admit()
    stats = look(bench)
    assert (stats.depth, stats.delayed) == (EXACT + 5 + len(rung), 0)
    assert stats.oldest_age is not None
    assert 300 <= stats.oldest_age < 360


def test_what_succeeded_lately_is_counted_by_queue(bench: Bench) -> None:
    bench.do(finish, bench.start().attempt_token, None, status="Done")
    end(bench, 1)
    assert bench.do(count_finished, 60.0) == {Queue.HIGH: 1}


def test_tasks_are_forgotten_after_their_time_and_dead_letters_never(bench: Bench) -> None:
    old, recent, dead, waiting = end(bench, 31), end(bench, 29), end(bench, 31, dead=True), bench.submit()
    assert bench.do(forget_tasks, ORGANIZATION, 30, 10) == 1
    assert ids(bench) == {recent.id, dead.id, waiting.id}
    assert old.id not in ids(bench)
    assert bench.do(forget_tasks, ORGANIZATION, 30, 10) == 0


def test_no_more_are_forgotten_at_once_than_asked_for(bench: Bench) -> None:
    for _ in range(3):
        end(bench, 40)
    assert [bench.do(forget_tasks, ORGANIZATION, 30, 2) for _ in range(3)] == [2, 1, 0]


PLANS = ("hashjoin", "hashagg", "mergejoin", "material", "memoize", "sort", "indexscan", "nestloop")


@pytest.mark.parametrize("off", [PLANS[:6], *((name,) for name in PLANS)], ids="-".join)
def test_the_limit_holds_whatever_plan_is_chosen(bench: Bench, off: tuple[str, ...]) -> None:
    async def forget(connection: AsyncConnection) -> int:
        for setting in off:
            await connection.execute(text(f"SET LOCAL enable_{setting} = off"))
        return await forget_tasks(connection, ORGANIZATION, 30, 2)

    for _ in range(6):
        end(bench, 40)
    assert [bench.do(forget) for _ in range(4)] == [2, 2, 2, 0]


def test_a_turn_that_tells_nothing_is_forgotten(bench: Bench) -> None:
    bench.submit_many(2)
    bench.admit()
    ahead = bench.add_agent()
    bench.sql("INSERT INTO turns VALUES ('high_priority', :agent, 1000)", agent=ahead)
    bench.sql("UPDATE queues SET virtual_time = 10")
    bench.do(forget_turns)
    assert [row["agent_id"] for row in bench.sql("SELECT agent_id FROM turns")] == [ahead]


def test_a_chore_falls_to_one_process_at_a_time(bench: Bench) -> None:
    bench.sql("UPDATE chores SET due_at = now()")
    turns = bench.race(*(lambda c: claim_chore(c, "count", 60) for _ in range(6)))
    assert sum(turns) == 1
    assert not bench.do(claim_chore, "count", 60)
    bench.sql("UPDATE chores SET due_at = now()")
    assert bench.do(claim_chore, "count", 60)


@pytest.mark.parametrize(("waiting", "full"), [(2, False), (3, True), (4, True)])
def test_a_backlog_counts_the_waiting_tasks_of_one_agent_in_all_queues(bench: Bench, waiting: int, full: bool) -> None:
    bench.submit_many(9, bench.add_agent())
    for queue in (Queue.HIGH, Queue.LOW, Queue.MEDIUM, Queue.DEFAULT)[:waiting]:
        bench.submit(queue=queue)
    assert bench.do(has_backlog, bench.agent, 3) == full


def test_a_worker_that_stops_hands_back_all_it_runs_and_no_crash_is_counted(bench: Bench) -> None:
    kept = bench.start(worker=bench.add_worker())
    tasks = [bench.start(), bench.start()]
    bench.sql("UPDATE tasks SET cancel_requested_at = now() WHERE id = :id", id=tasks[1].id)
    released = {task.id: task for task in bench.do(release, bench.worker)}
    assert set(released) == {task.id for task in tasks}
    assert [released[task.id].state for task in tasks] == [State.PENDING, State.REVOKED]
    assert all((row.crashes, row.epoch, row.worker_id) == (0, 2, None) for row in released.values())
    assert bench.read(kept) == kept
    assert {row["organization_id"] for row in bench.sql("SELECT organization_id FROM tasks")} == {ORGANIZATION}
