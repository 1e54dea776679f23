"""Clients that follow tasks share one read, see each change soon, and none that is not theirs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.engine import Database
from app.domain.errors import DatabaseUnavailableError, NotFoundError
from app.domain.ids import TaskId
from app.domain.tasks import Task
from app.ledger.read import read_tasks
from app.services.queue import changes as module
from app.services.queue.changes import Follower, TaskChanges
from tests.deadlines import deadline, wait_for, within
from tests.services.test_after_commit import World


class Watch:
    """A watch that notifies when the test says so."""

    def __init__(self) -> None:
        self.watched: dict[TaskId, list[Callable[[], None]]] = {}

    @asynccontextmanager
    async def watch(self, task_id: TaskId, notify: Callable[[], None]) -> AsyncIterator[None]:
        self.watched.setdefault(task_id, []).append(notify)
        yield
        self.watched[task_id].remove(notify)

    def notify(self, task_id: TaskId) -> None:
        for notify in self.watched[task_id]:
            notify()


@pytest.fixture
async def world(engine: AsyncEngine) -> World:
    """An empty ledger."""
    world = World(Database(engine))
    await world.begin()
    return world


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def changes(world: World, watch: Watch) -> TaskChanges:
    return TaskChanges(world.database, watch)


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable the poll, so that only the watch leads to a read."""
    monkeypatch.setattr(module, "_POLL_SECONDS", 60.0)


async def change(world: World, task: Task) -> None:
    async with world.database.transaction() as connection:
        await connection.execute(text("UPDATE tasks SET version = version + 1 WHERE id = :id"), {"id": task.id})


async def receive(follower: Follower) -> Task:
    task = await follower.wait(deadline(10))
    assert task
    return task


@pytest.mark.usefixtures("_patient")
async def test_clients_receive_the_present_row_and_the_changes_of_their_task_only(
    world: World, changes: TaskChanges, watch: Watch
) -> None:
    first, second = await world.submit(), await world.submit()
    async with changes.follow(first.id) as one, changes.follow(first.id) as same, changes.follow(second.id) as other:
        assert [(await receive(follower)).id for follower in (one, same, other)] == [first.id, first.id, second.id]
        await change(world, first)
        watch.notify(first.id)
        versions = {(await receive(follower)).version for follower in (one, same)}
        assert len(versions) == 1
        assert await other.wait(0) is None


@pytest.mark.usefixtures("_patient")
async def test_many_changes_at_once_are_read_in_one_statement(
    world: World, changes: TaskChanges, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []

    async def count(database: Any, task_ids: Iterable[TaskId]) -> list[Task]:
        reads.append(len(list(task_ids)))
        return await read_tasks(database, list(task_ids))

    tasks = [await world.submit() for _ in range(20)]
    async with AsyncExitStack() as stack:
        followers = [await stack.enter_async_context(changes.follow(task.id)) for task in tasks]
        for follower in followers:
            await receive(follower)
        monkeypatch.setattr(module, "read_tasks", count)
        for task in tasks:
            await change(world, task)
        for task in tasks:
            watch.notify(task.id)
        for follower in followers:
            await receive(follower)
    assert reads == [20]


async def test_a_change_that_the_watch_does_not_report_is_received_within_about_a_second(
    world: World, changes: TaskChanges
) -> None:
    task = await world.submit()
    async with changes.follow(task.id) as follower:
        before = await receive(follower)
        await change(world, task)
        with within(5):
            assert (await receive(follower)).version == before.version + 1


async def test_a_deleted_task_and_an_unavailable_ledger_end_the_wait_with_an_error(
    world: World, changes: TaskChanges, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_database: Any, _task_ids: Any) -> list[Task]:
        raise DatabaseUnavailableError

    task = await world.submit()
    async with changes.follow(task.id) as follower:
        await receive(follower)
        with monkeypatch.context() as patch:
            patch.setattr(module, "read_tasks", fail)
            watch.notify(task.id)
            with pytest.raises(DatabaseUnavailableError):
                await receive(follower)
        async with world.database.transaction() as connection:
            await connection.execute(text("DELETE FROM tasks"))
        with pytest.raises(NotFoundError):
            await receive(follower)


async def test_a_task_that_a_client_polls_is_watched_for_the_next_seconds(
    changes: TaskChanges, world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_POLLED_SECONDS", 0.2)
    task = await world.submit()
    for _ in range(3):
        changes.note_poll(task.id)
    await asyncio.sleep(0)
    assert len(watch.watched[task.id]) == 1
    await asyncio.to_thread(wait_for, lambda: not watch.watched[task.id], "the watch to end")
