"""Failures between the tasks of a slot that continues: no task that it has claimed is left without an attempt."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database, create_engine
from app.domain.errors import DatabaseUnavailableError
from app.domain.states import State
from app.domain.tasks import TaskName
from app.ledger.claim import claim
from app.services.queue import claims
from app.services.queue.attempts import Outcome, RunningAttempt
from app.settings import Settings
from tests.deadlines import deadline
from tests.services.test_continued_tasks import World


@pytest.fixture
async def world(settings: Settings) -> AsyncIterator[World]:
    database = Database(create_engine(settings.database_url or "", pool_size=4))
    made = World(database)
    await made.begin()
    yield made
    await database.close()


async def test_a_slot_that_is_cancelled_before_the_next_task_begins_hands_it_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = asyncio.Event()

    async def hang(_tasks: Any) -> None:
        ended.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(world.after_commit, "update_parents", hang)
    first, second = await world.submit(TaskName.PING, TaskName.PING)
    running = asyncio.create_task(world.answer(first))
    await ended.wait()
    assert (await world.read(second)).state is State.STARTED
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    handed_back = await world.read(second)
    assert (world.ran, handed_back.worker_id, handed_back.crashes) == ([first.id], None, 0)


async def test_the_end_of_a_task_is_published_although_the_claim_of_the_next_one_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(_connection: AsyncConnection) -> None:
        """Write nothing, in the transaction."""

    async def end(_attempt: RunningAttempt) -> Outcome:
        return Outcome(None, "Done", apply=write)

    async def fail(*_arguments: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(claims, "claim_next", fail)
    [task] = await world.submit(TaskName.PING)
    ended = await world.answer(task, end)
    assert ended == await world.read(task)
    assert world.doorbell.succeeded == [(task.id, False)]


_REFUSE_CLAIMS = """
CREATE FUNCTION refuse_claims() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the claim of this task fails'; END $$
"""
_REFUSE_CLAIM = """
CREATE TRIGGER refuse_claim BEFORE UPDATE ON tasks
FOR EACH ROW WHEN (NEW.id = '{}' AND NEW.state = 'STARTED') EXECUTE FUNCTION refuse_claims()
"""


async def test_a_task_does_not_fail_because_the_claim_of_the_next_one_does(world: World) -> None:
    first, second = await world.submit(TaskName.PING, TaskName.PING)
    async with world.database.transaction() as connection:
        await connection.execute(text(_REFUSE_CLAIMS))
        await connection.execute(text(_REFUSE_CLAIM.format(second.id)))
    try:
        ended = await world.answer(first)
    finally:
        async with world.database.transaction() as connection:
            await connection.execute(text("DROP FUNCTION refuse_claims CASCADE"))
    assert ended == await world.read(first)
    assert ended.state is State.SUCCESS
    assert (await world.read(second)).state is State.QUEUED


async def test_a_claim_that_arrives_in_the_database_after_its_connection_was_lost_is_handed_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = asyncio.Event()

    async def lose_the_connection(*arguments: Any) -> Any:
        async def arrive() -> None:
            await late.wait()
            await claim(*arguments)

        arriving.append(asyncio.create_task(arrive()))
        raise DatabaseUnavailableError

    arriving = list[asyncio.Task[None]]()
    monkeypatch.setattr(claims, "claim", lose_the_connection)
    monkeypatch.setattr(claims, "_LOOK_SECONDS", 0.01)
    [task] = await world.submit(TaskName.PING)
    assert await world.answer(task) is None
    late.set()
    await asyncio.gather(*arriving)
    async with asyncio.timeout(deadline(20)):
        while (row := await world.read(task)).worker_id is not None:  # noqa: ASYNC110 - the database sends no event
            await asyncio.sleep(0.05)
    assert (row.crashes, row.history[-1]["outcome"]) == (0, "handed_back")
