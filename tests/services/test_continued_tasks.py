"""A slot runs several tasks for one message: which, until when, and what is published about them."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database, create_engine
from app.db.tenants.agents import insert_agent
from app.domain.errors import DatabaseUnavailableError, DocumentDamagedError
from app.domain.ids import TaskId, new_worker_id
from app.domain.records import AgentSettings
from app.domain.states import State
from app.domain.tasks import Bell, NewTask, Queue, Task, TaskName
from app.ledger import finish as ledger_finish
from app.ledger.cancel import cancel
from app.ledger.read import get_task
from app.ledger.submit import submit
from app.ledger.workers import NewWorker, register
from app.services.queue import claims
from app.services.queue.admission import Admission
from app.services.queue.after_commit import AfterCommit
from app.services.queue.attempts import Outcome, RunningAttempt, WorkerSlot
from app.services.queue.execution import Execution
from app.services.queue.failures import RetryPolicy
from app.settings import Settings
from app.tasks.lease import Lease
from tests.services.test_execution import SilentDoorbell


class RecordingDoorbell(SilentDoorbell):
    """Records what Celery's tools would show."""

    def __init__(self) -> None:
        self.bells: list[TaskId] = []
        self.started: list[TaskId] = []
        self.succeeded: list[tuple[TaskId, bool]] = []

    async def publish(self, bells: Any) -> None:
        self.bells += [bell.task_id for bell in bells]

    def publish_start(self, bell: Bell) -> None:
        self.started.append(bell.task_id)

    def publish_state(
        self,
        task_id: TaskId,
        version: int,  # noqa: ARG002
        state: str,
        info: Any,  # noqa: ARG002
        *,
        reports_success: bool = False,
    ) -> None:
        if state == State.SUCCESS:
            self.succeeded.append((task_id, reports_success))


class World:
    """One worker with one slot that continues, on an empty ledger."""

    def __init__(self, database: Database) -> None:
        self.database, self.doorbell = database, RecordingDoorbell()
        self.admission = Admission(database, self.doorbell)
        self.after_commit = AfterCommit(database, self.doorbell, self.admission)
        policy = RetryPolicy(max_retries=0, backoff=1, backoff_max=1, time_limit=30)
        self.execution = Execution(database, self.after_commit, policy, self.admission)
        self.worker, self.lease = new_worker_id(), Lease()
        self.lease.grant(self.worker, time.monotonic() + 60)
        self.may_continue: Callable[[], bool] = lambda: True
        self.ran: list[TaskId] = []

    async def begin(self) -> None:
        async with self.database.transaction() as connection:
            queues = [Queue.HIGH.value]
            await register(
                connection, NewWorker(self.worker, "test", "here", os.getpid(), queues, 1, continues=True), 60
            )
            self.agent = (await insert_agent(connection, 1, "Test", str(self.worker), AgentSettings())).id

    async def submit(self, *names: TaskName) -> list[Task]:
        """Submit and admit tasks."""
        async with self.database.transaction() as connection:
            tasks = [await submit(connection, NewTask(1, self.agent, name, Queue.HIGH)) for name in names]
        await self.admission.admit([Queue.HIGH.value])
        return tasks

    async def answer(
        self, task: Task, body: Callable[[RunningAttempt], Awaitable[Outcome]] | None = None
    ) -> Task | None:
        """Run the message of a task in the slot."""

        async def run(attempt: RunningAttempt) -> Outcome:
            self.ran.append(attempt.task.id)
            return await body(attempt) if body else Outcome({"name": attempt.task.name}, "Done")

        slot = WorkerSlot(self.worker, os.getpid(), self.lease, queue=Queue.HIGH.value, may_continue=self.may_continue)
        ended = await self.execution.run(task.id, TaskName(task.name), slot, run)
        await self.admission.settle()
        return ended

    async def read(self, task: Task) -> Task:
        async with self.database.statement() as connection:
            found = await get_task(connection, task.id)
        assert found
        return found


@pytest.fixture
async def world(settings: Settings) -> AsyncIterator[World]:
    database = Database(create_engine(settings.database_url or "", pool_size=4))
    made = World(database)
    await made.begin()
    yield made
    await database.close()


async def test_one_message_runs_the_admitted_tasks_of_its_queue_each_under_its_own_name(world: World) -> None:
    tasks = await world.submit(TaskName.PING, TaskName.SWEEP_DOCUMENT, TaskName.PING, TaskName.DELETE_AGENT)
    assert world.doorbell.bells == [tasks[0].id]  # one slot, so one message
    assert await world.answer(tasks[0]) is None
    assert world.ran == [task.id for task in tasks]
    rows = [await world.read(task) for task in tasks]
    assert [(row.state, row.attempt, row.result) for row in rows] == [
        (State.SUCCESS, 1, {"name": task.name}) for task in tasks
    ]
    # Celery reports the task of a message, and no others.
    assert world.doorbell.started == [task.id for task in tasks[1:]]
    assert world.doorbell.succeeded == [(task.id, True) for task in tasks]


async def test_a_message_whose_slot_does_not_continue_returns_its_task(world: World) -> None:
    [task] = await world.submit(TaskName.PING)
    ended = await world.answer(task)
    assert ended == await world.read(task)
    assert world.doorbell.succeeded == [(task.id, False)]


async def test_tasks_that_are_submitted_while_the_slot_continues_run_without_messages(world: World) -> None:
    [first] = await world.submit(TaskName.PING)

    async def submit_another(_attempt: RunningAttempt) -> Outcome:
        if len(world.ran) < 6:
            await world.submit(TaskName.PING)
        return Outcome(None, "Done")

    await world.answer(first, submit_another)
    assert len(world.ran) == 6
    assert world.doorbell.bells == [first.id]


async def test_a_message_whose_task_was_taken_reports_the_task_that_runs_in_its_place(world: World) -> None:
    [taken] = await world.submit(TaskName.PING)
    await world.answer(taken)
    [other] = await world.submit(TaskName.PING)
    assert await world.answer(taken) is None
    assert world.ran == [taken.id, other.id]
    assert world.doorbell.started == [other.id]
    assert world.doorbell.succeeded == [(taken.id, False), (other.id, True)]


async def test_a_follow_up_that_fails_does_not_keep_the_slot_from_the_task_it_has_claimed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: Any, **_named: Any) -> None:
        raise RuntimeError("the follow-up broke")

    tasks = await world.submit(TaskName.PING, TaskName.PING)
    monkeypatch.setattr(AfterCommit, "run", fail)
    await world.answer(tasks[0])
    assert [(await world.read(task)).state for task in tasks] == [State.SUCCESS, State.SUCCESS]


async def test_a_slot_whose_time_is_over_stops_and_a_message_is_published_for_the_next_task(world: World) -> None:
    tasks = await world.submit(*[TaskName.PING] * 4)
    world.may_continue = lambda: len(world.ran) < 2
    await world.answer(tasks[0])
    assert world.ran == [task.id for task in tasks[:2]]
    assert world.doorbell.bells == [tasks[0].id, tasks[2].id]
    assert [(await world.read(task)).state for task in tasks[2:]] == [State.QUEUED, State.QUEUED]


@pytest.mark.parametrize("how", ["it fails", "it is cancelled", "it writes rows", "it waits"])
async def test_a_slot_continues_however_a_task_ends(world: World, how: str) -> None:
    first, second = await world.submit(TaskName.PING, TaskName.PING)

    async def write(_connection: AsyncConnection) -> None:
        """Write nothing, in the transaction."""

    async def end(attempt: RunningAttempt) -> Outcome:
        if attempt.task.id == second.id or how == "it writes rows":
            return Outcome(None, "Done", apply=write)
        if how == "it waits":
            return Outcome(None, "Read", continues={"content": {}})
        if how == "it fails":
            raise DocumentDamagedError
        async with world.database.statement() as connection:
            await cancel(connection, attempt.task.id, 1)
        return Outcome(None, "Done")

    await world.answer(first, end)
    assert world.ran[:2] == [first.id, second.id]
    states = {"it fails": State.FAILURE, "it is cancelled": State.REVOKED, "it writes rows": State.SUCCESS}
    assert (await world.read(second)).state is State.SUCCESS
    if how != "it waits":
        assert (await world.read(first)).state is states[how]


async def test_a_claim_whose_answer_was_lost_with_that_of_the_end_is_handed_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose_the_answer(*arguments: Any, **named: Any) -> Any:
        monkeypatch.setattr(claims, "finish_and_claim", ledger_finish.finish_and_claim)
        await ledger_finish.finish_and_claim(*arguments, **named)
        raise DatabaseUnavailableError

    first, second = await world.submit(TaskName.PING, TaskName.PING)
    monkeypatch.setattr(claims, "finish_and_claim", lose_the_answer)
    world.may_continue = lambda: len(world.ran) == 1
    ended = await world.answer(first)
    assert ended == await world.read(first)
    assert ended.state is State.SUCCESS
    assert world.doorbell.succeeded == [(first.id, False)]
    handed_back = await world.read(second)
    assert (handed_back.worker_id, handed_back.crashes, handed_back.attempt) == (None, 0, 1)
    assert handed_back.history[-1]["outcome"] == "handed_back"


async def test_a_slot_that_is_stopped_in_a_continued_task_hands_back_that_task(world: World) -> None:
    first, second = await world.submit(TaskName.PING, TaskName.PING)
    begun = asyncio.Event()

    async def hang(attempt: RunningAttempt) -> Outcome:
        if attempt.task.id == first.id:
            return Outcome(None, "Done")
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    world.may_continue = lambda: not begun.is_set()
    running = asyncio.create_task(world.answer(first, hang))
    await begun.wait()
    world.lease.stop(time.monotonic())  # the worker's grace period is over
    await running
    assert (await world.read(first)).state is State.SUCCESS
    handed_back = await world.read(second)
    assert (handed_back.crashes, handed_back.history[-1]["outcome"]) == (0, "handed_back")


async def test_a_message_that_finds_no_task_at_all_costs_one_statement(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    [task] = await world.submit(TaskName.PING)
    await world.answer(task)
    fetched = list[str]()
    original = Database.fetch

    async def count(database: Database, statement: Any, parameters: Any) -> Any:
        fetched.append(statement.sql)
        return await original(database, statement, parameters)

    monkeypatch.setattr(Database, "fetch", count)
    assert await world.answer(task) is None
    assert len(fetched) == 1
