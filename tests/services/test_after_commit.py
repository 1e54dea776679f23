"""After a commit: each state and each message is published once, and every parent whose last child ended is ended."""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.engine import Database
from app.db.tenants.agents import insert_agent
from app.domain.errors import DatabaseUnavailableError, DocumentDamagedError
from app.domain.identity import Access
from app.domain.ids import TaskId, new_worker_id
from app.domain.records import AgentSettings
from app.domain.states import State
from app.domain.tasks import Bell, NewTask, Queue, Task, TaskName
from app.ledger.admit import admit
from app.ledger.children import insert_parent
from app.ledger.claim import Slot, claim
from app.ledger.read import get_task
from app.ledger.submit import submit
from app.ledger.workers import NewWorker, register
from app.services.intake.documents import Documents
from app.services.queue import after_commit as module
from app.services.queue.after_commit import AfterCommit
from app.services.queue.attempts import AttemptFunction, Outcome, RunningAttempt, WorkerSlot
from app.services.queue.execution import Execution
from app.services.queue.failures import RetryPolicy
from app.tasks.lease import Lease

UNUSED: Any = None
"""An argument that these tests do not use."""


class Recorder:
    """A broker, a result backend and an admission that record what they receive."""

    def __init__(self) -> None:
        self.states: list[tuple[TaskId, str]] = []
        self.published: list[tuple[int, str, Any]] = []
        self.asked: list[Callable[[], None]] = []
        self.is_watched = False
        self.bells: list[tuple[str, tuple[str, ...]]] = []
        self.nudges: list[str] = []

    async def publish(self, bells: Sequence[Bell]) -> None:
        self.bells += [(bell.queue, bell.arguments) for bell in bells]

    def publish_state(self, task_id: TaskId, version: int, state: str, info: Any, **options: bool) -> None:  # noqa: ARG002
        self.states.append((task_id, state))
        self.published.append((version, state, info))

    def ask_for_watchers(self, task_id: TaskId, notify: Callable[[], None]) -> None:  # noqa: ARG002
        self.asked.append(notify)
        if self.is_watched:
            notify()

    def publish_start(self, bell: Bell) -> None:
        """Discard the start."""

    async def forget_states(self, task_ids: Sequence[TaskId]) -> None:
        self.states = [(task_id, state) for task_id, state in self.states if task_id not in task_ids]

    def nudge(self, queue: str) -> None:
        self.nudges.append(queue)


class World:
    """An agent, a worker with a valid lease, and services that publish to a recorder."""

    def __init__(self, database: Database) -> None:
        self.database, self.recorder, self.agent = database, Recorder(), 0
        admission: Any = self.recorder
        self.after_commit = AfterCommit(database, self.recorder, admission)
        policy = RetryPolicy(max_retries=0, backoff=1, backoff_max=1, time_limit=30)
        self._execution = Execution(database, self.after_commit, policy, admission)
        self.documents = Documents(database, UNUSED, admission, self.after_commit, UNUSED)
        self.worker, lease = new_worker_id(), Lease()
        lease.grant(self.worker, time.monotonic() + 60)
        self._slot = WorkerSlot(self.worker, os.getpid(), lease)

    async def begin(self) -> None:
        async with self.database.transaction() as connection:
            await connection.execute(text("TRUNCATE tasks, documents, workers CASCADE"))
            queues = [Queue.HIGH.value, Queue.MEDIUM.value]
            await register(connection, NewWorker(self.worker, "test", "here", os.getpid(), queues, 9), 60)
            self.agent = (await insert_agent(connection, 1, "Test", str(self.worker), AgentSettings())).id

    async def submit(self, **fields: Any) -> Task:
        """Submit and admit a task."""
        async with self.database.transaction() as connection:
            task = await submit(connection, NewTask(1, self.agent, TaskName.PING, Queue.MEDIUM, **fields))
            await admit(connection, task.queue)
        return task

    async def submit_parent(self, parent_id: TaskId | None = None) -> Task:
        async with self.database.transaction() as connection:
            new = NewTask(1, self.agent, TaskName.PROCESS_BATCH, Queue.HIGH)
            parent = await insert_parent(connection, new, "0 of 1 done")
            assert parent
            set_parent = text("UPDATE tasks SET parent_id = :parent_id WHERE id = :id")
            await connection.execute(set_parent, {"parent_id": parent_id, "id": parent.id})
        return parent

    async def run(self, task: Task, error: Exception | None = None) -> Task | None:
        async def body(_attempt: RunningAttempt) -> Outcome:
            if error:
                raise error
            return Outcome(None, "Done")

        return await self.attempt(task, body)

    async def attempt(self, task: Task, body: AttemptFunction) -> Task | None:
        return await self._execution.run(task.id, TaskName(task.name), self._slot, body)

    async def read(self, task: Task) -> State:
        async with self.database.statement() as connection:
            found = await get_task(connection, task.id)
        assert found
        return found.state


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """An empty ledger."""
    world = World(Database(engine))
    await world.begin()
    return world


async def test_a_failure_is_announced_once_and_ends_every_parent_above_it(world: World) -> None:
    top = await world.submit_parent()
    middle = await world.submit_parent(top.id)
    child = await world.submit(parent_id=middle.id)
    await world.run(child, DocumentDamagedError())
    assert world.recorder.states == [(child.id, "FAILURE"), (middle.id, "FAILURE"), (top.id, "FAILURE")]
    assert world.recorder.bells == [(Queue.DEAD_LETTER, (str(child.id),))]
    assert world.recorder.nudges == [Queue.MEDIUM]


async def test_nothing_is_published_for_a_task_that_was_not_claimed(world: World) -> None:
    child = await world.submit()
    await world.run(child)
    seen = world.recorder.states.copy()
    assert await world.run(child) is None
    assert (world.recorder.states, world.recorder.bells, world.recorder.nudges) == (seen, [], [Queue.MEDIUM])


async def test_parents_that_cannot_be_read_are_left_to_the_sweep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = await world.submit_parent()
    child = await world.submit(parent_id=parent.id)

    async def fail(_connection: AsyncConnection, _task_id: TaskId) -> bool:
        raise DatabaseUnavailableError

    with monkeypatch.context() as patch:
        patch.setattr(module, "has_active_children", fail)
        await world.run(child)
    assert (await world.read(child), await world.read(parent)) == (State.SUCCESS, State.EXPANDED)
    await world.after_commit.end_parent(parent.id)
    assert world.recorder.states == [(child.id, "SUCCESS"), (parent.id, "SUCCESS")]


async def test_deleting_a_document_publishes_the_cancelled_tasks_that_no_worker_runs(world: World) -> None:
    async with world.database.transaction() as connection:
        insert = text(
            "INSERT INTO documents (organization_id, agent_id, filename, media_type) "
            "VALUES (1, :agent, 'a.txt', 'text/plain') RETURNING id"
        )
        document = (await connection.execute(insert, {"agent": world.agent})).scalar_one()
    waiting, running = await world.submit(document_id=document), await world.submit(document_id=document)
    async with world.database.statement() as connection:
        assert await claim(connection, running.id, running.name, Slot(world.worker, os.getpid()))
    await world.documents.delete(Access(1), document)
    assert world.recorder.states == [(waiting.id, "REVOKED")]
    assert world.recorder.nudges == [Queue.DEFAULT, Queue.MEDIUM]
