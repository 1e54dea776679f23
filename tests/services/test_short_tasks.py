"""A slot that ends very short tasks claims several at once: when, and what becomes of each."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.db.engine import Database, create_engine
from app.domain.errors import DatabaseUnavailableError, DocumentDamagedError
from app.domain.states import State
from app.domain.tasks import Queue, Task, TaskName
from app.ledger import finish as ledger_finish
from app.ledger.admit import admit
from app.ledger.cancel import cancel
from app.ledger.recover import reap_processes
from app.services.queue import claims, short_tasks
from app.services.queue.admission import Admission
from app.services.queue.attempts import Outcome, RunningAttempt
from app.settings import Settings
from tests.deadlines import deadline
from tests.services.test_continued_tasks import World

TOGETHER = 4


@pytest.fixture
async def world(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A world in which a slot may claim four tasks whenever four are admitted, however slow the machine is."""
    monkeypatch.setattr(Admission, "enough", lambda *_: TOGETHER)
    monkeypatch.setattr(Admission, "share", lambda *_, is_short: TOGETHER if is_short else 1)
    monkeypatch.setattr(RunningAttempt, "is_short", True)
    monkeypatch.setattr(short_tasks, "_TOGETHER_SECONDS", 60)
    database = Database(create_engine(settings.database_url or "", pool_size=4))
    made = World(database)
    await made.begin()
    yield made
    await database.close()


async def submit(world: World, *names: TaskName) -> list[Task]:
    """Submit tasks and admit all of them."""
    tasks = await world.submit(*names)
    async with world.database.transaction() as connection:
        await admit(connection, Queue.HIGH.value, 100)
    return tasks


async def read_all(world: World, tasks: list[Task]) -> list[Task]:
    return [await world.read(task) for task in tasks]


def count_ends(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of tasks in each statement that ends several."""
    numbers = list[int]()
    original = ledger_finish.finish_several_and_claim

    async def count(source: Any, ends: Any, slot: Any) -> Any:
        numbers.append(len(ends))
        return await original(source, ends, slot)

    monkeypatch.setattr(claims, "finish_several_and_claim", count)
    return numbers


async def test_tasks_claimed_together_run_in_order_and_end_in_one_statement(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = count_ends(monkeypatch)
    tasks = await submit(world, *[TaskName.PING] * 9)
    assert await world.answer(tasks[0]) is None
    assert world.ran == [task.id for task in tasks]
    assert ends == [4, 4]
    rows = await read_all(world, tasks)
    assert [(row.state, row.attempt, row.result) for row in rows] == [(State.SUCCESS, 1, {"name": TaskName.PING})] * 9
    assert world.doorbell.started == [task.id for task in tasks[1:]]
    assert world.doorbell.succeeded == [(task.id, True) for task in tasks]


async def test_a_slot_claims_one_task_while_few_are_admitted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = count_ends(monkeypatch)
    tasks = await submit(world, *[TaskName.PING] * TOGETHER)
    await world.answer(tasks[0])
    assert world.ran == [task.id for task in tasks]
    assert ends == []


async def test_a_task_of_another_name_is_not_claimed_with_others_and_none_overtakes_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = count_ends(monkeypatch)
    names = [TaskName.PING] * 3 + [TaskName.SWEEP_DOCUMENT] + [TaskName.PING] * 3
    tasks = await submit(world, *names)
    await world.answer(tasks[0])
    assert world.ran == [task.id for task in tasks]
    assert ends == [2]
    assert {row.state for row in await read_all(world, tasks)} == {State.SUCCESS}


async def test_a_cancelled_task_is_revoked_and_those_claimed_with_it_succeed(world: World) -> None:
    tasks = await submit(world, *[TaskName.PING] * 5)

    async def end(attempt: RunningAttempt) -> Outcome:
        if attempt.task.id == tasks[2].id:
            async with world.database.statement() as connection:
                await cancel(connection, tasks[1].id, 1)  # it has run
                await cancel(connection, tasks[3].id, 1)  # it waits in the slot
        return Outcome(None, "Done")

    await world.answer(tasks[0], end)
    states = [row.state for row in await read_all(world, tasks)]
    assert states == [State.SUCCESS, State.REVOKED, State.SUCCESS, State.REVOKED, State.SUCCESS]


async def test_a_failure_among_tasks_claimed_together_is_the_failure_of_one(world: World) -> None:
    tasks = await submit(world, *[TaskName.PING] * 5)

    async def end(attempt: RunningAttempt) -> Outcome:
        if attempt.task.id == tasks[2].id:
            raise DocumentDamagedError
        return Outcome("\0" if attempt.task.id == tasks[3].id else None, "Done")  # Postgres stores no such text

    await world.answer(tasks[0], end)
    states = [row.state for row in await read_all(world, tasks)]
    assert states == [State.SUCCESS, State.SUCCESS, State.FAILURE, State.FAILURE, State.SUCCESS]


async def test_the_number_of_chunks_of_a_task_that_was_claimed_with_others_is_written(world: World) -> None:
    tasks = await submit(world, *[TaskName.PING] * 5)

    async def end(attempt: RunningAttempt) -> Outcome:
        return Outcome(None, "Done", chunk_count=7 if attempt.task.id == tasks[2].id else None)

    await world.answer(tasks[0], end)
    rows = await read_all(world, tasks)
    assert [(row.state, row.chunk_count) for row in rows] == [
        (State.SUCCESS, 7 if row.id == tasks[2].id else None) for row in rows
    ]


async def test_tasks_that_wait_behind_a_long_one_are_handed_back_while_it_runs(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = await submit(world, *[TaskName.PING] * 5)
    monkeypatch.setattr(short_tasks, "_TOGETHER_SECONDS", 0.01)
    handed_back = list[Task]()

    async def end(attempt: RunningAttempt) -> Outcome:
        while attempt.task.id == tasks[2].id and len(handed_back) < 2:
            await asyncio.sleep(0.01)
            handed_back[:] = [row for row in await read_all(world, tasks[3:]) if row.worker_id is None]
        return Outcome(None, "Done")

    await world.answer(tasks[0], end)
    assert [row.crashes for row in handed_back] == [0, 0]
    assert world.ran[:3] == [task.id for task in tasks[:3]]
    assert {row.state for row in await read_all(world, tasks[:3])} == {State.SUCCESS}


async def test_a_slot_that_must_stop_hands_back_the_tasks_that_have_not_begun(world: World) -> None:
    tasks = await submit(world, *[TaskName.PING] * 5)

    async def end(attempt: RunningAttempt) -> Outcome:
        if attempt.task.id == tasks[2].id:
            world.lease.stop(time.monotonic())  # the worker's grace period is over
        return Outcome(None, "Done")

    await world.answer(tasks[0], end)
    rows = await read_all(world, tasks)
    assert world.ran == [task.id for task in tasks[:3]]
    assert [row.state is State.SUCCESS for row in rows] == [True] * 3 + [False] * 2
    assert [(row.worker_id, row.crashes) for row in rows[3:]] == [(None, 0), (None, 0)]


async def test_tasks_that_cannot_be_handed_back_are_handed_back_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = await submit(world, *[TaskName.PING] * 5)

    async def fail_once(*_arguments: Any) -> Any:
        monkeypatch.setattr(claims, "hand_back", ledger_finish.hand_back)
        raise DatabaseUnavailableError

    async def end(attempt: RunningAttempt) -> Outcome:
        if attempt.task.id == tasks[2].id:
            world.lease.stop(time.monotonic())
        return Outcome(None, "Done")

    monkeypatch.setattr(claims, "hand_back", fail_once)
    monkeypatch.setattr(claims, "_LOOK_SECONDS", 0.01)
    await world.answer(tasks[0], end)
    async with asyncio.timeout(deadline(20)):
        while any(row.worker_id for row in await read_all(world, tasks)):  # noqa: ASYNC110 - no event is sent
            await asyncio.sleep(0.05)
    assert [row.crashes for row in await read_all(world, tasks)] == [0] * 5


async def test_a_slot_whose_time_is_over_runs_the_tasks_that_it_has_claimed_and_claims_no_others(world: World) -> None:
    tasks = await submit(world, *[TaskName.PING] * 7)
    world.may_continue = lambda: len(world.ran) < 3
    await world.answer(tasks[0])
    assert [row.attempt for row in await read_all(world, tasks)] == [1] * 5 + [0] * 2


async def test_ends_whose_answer_was_lost_are_published_and_the_claim_that_came_with_them_is_handed_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = await submit(world, *[TaskName.PING] * 6)

    async def lose_the_answer(*arguments: Any) -> Any:
        await ledger_finish.finish_several_and_claim(*arguments)
        raise DatabaseUnavailableError

    monkeypatch.setattr(claims, "finish_several_and_claim", lose_the_answer)
    await world.answer(tasks[0])
    rows = await read_all(world, tasks)
    assert {row.state for row in rows[:5]} == {State.SUCCESS}
    assert [task_id for task_id, _ in world.doorbell.succeeded] == [task.id for task in tasks[:5]]
    assert (rows[5].worker_id, rows[5].crashes) == (None, 0)


async def test_a_process_that_dies_counts_no_crash_for_tasks_claimed_together_and_each_runs_alone_afterwards(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = count_ends(monkeypatch)
    tasks = await submit(world, *[TaskName.PING] * 5)

    async def die(attempt: RunningAttempt) -> Outcome:
        if attempt.task.id == tasks[2].id and attempt.task.attempt == 1:
            async with world.database.transaction() as connection:
                await reap_processes(connection, world.worker, [os.getpid()], 3)
        return Outcome(None, "Done")

    await world.answer(tasks[0], die)
    rows = await read_all(world, tasks)
    assert [row.crashes for row in rows] == [0] * 5
    assert ends == [4]  # and none of their second attempts
    [left] = await submit(world, TaskName.PING)
    await world.answer(left, die)
    rows = await read_all(world, tasks)
    assert [(row.state, row.attempt) for row in rows] == [(State.SUCCESS, 1)] + [(State.SUCCESS, 2)] * 4
    assert ends == [4]
