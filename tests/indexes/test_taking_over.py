"""An index is built and becomes active, or is abandoned, while documents are being published."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.documents.editions import plan_index
from app.db.vectors.indexes import PUBLICATION_LOCK, find_index, lock_indexes
from app.domain.errors import DatabaseUnavailableError, NotFoundError
from app.domain.tasks import Queue, TaskName
from app.domain.vectors import IndexState, VectorIndex
from app.ledger.upkeep import try_lock_chore
from app.services.indexing import reembedding as service
from tests.indexes.world import World

REEMBED = TaskName.REEMBED_DOCUMENT


async def find_id(world: World, state: IndexState) -> int | None:
    async with world.database.statement() as connection:
        found = await find_index(connection, state)
    return found.id if found else None


async def list_tasks(world: World) -> list[tuple[int, str]]:
    """The unfinished reembedding tasks, each with its queue."""
    query = f"SELECT document_id, queue FROM tasks WHERE name = '{REEMBED}' AND completed_at IS NULL"
    return sorted((row.document_id, row.queue) for row in await world.fetch(query))


async def get_planned_to(world: World, index: VectorIndex) -> Any:
    [row] = await world.fetch("SELECT planned_to FROM vector_indexes WHERE id = :id", id=index.id)
    return row.planned_to


@pytest.fixture
async def started(world: World) -> World:
    """An installation whose documents are indexed with the old model."""
    await world.indexes("old").ensure()
    await world.reembedding.advance()
    return world


async def test_a_document_that_is_being_published_while_an_index_is_begun_is_known_to_be_lacking(
    started: World,
) -> None:
    _, outcome = await started.attempt(await started.upload("a barge"))

    async def begin_and_plan() -> VectorIndex:
        index = await started.begin()
        await started.reembedding.advance()
        return index

    async with started.database.transaction() as publisher:
        await outcome.apply(publisher)
        beginning = asyncio.create_task(begin_and_plan())
        await started.wait_for(beginning)
    index = await beginning
    assert {(edition, complete) for _, edition, complete in await started.list_editions(index)} == {(1, False)}


async def test_who_publishes_while_an_index_is_being_begun_waits_for_it_and_notes_what_it_lacks(
    started: World,
) -> None:
    _, outcome = await started.attempt(await started.upload("a barge"))
    async with started.database.transaction() as beginner:
        await lock_indexes(beginner)
        publishing = asyncio.create_task(started.apply(outcome))
        await started.wait_for(publishing)
        assert not publishing.done()
    await publishing


@pytest.mark.parametrize("first", ["abandon", "take over"])
async def test_an_index_that_is_given_up_while_it_waits_to_take_over_never_does(started: World, first: str) -> None:
    document = await started.publish("a barge")
    old, new = await find_id(started, IndexState.ACTIVE), (await started.begin()).id
    await started.reembedding.advance()
    await started.run_tasks(REEMBED)
    ways = [started.indexes("new").abandon, started.reembedding.advance]
    running: list[asyncio.Task[None]] = []
    # While a publication holds the lock, the others wait for it in the order of their requests.
    async with started.database.transaction() as publisher:
        await publisher.execute(text(f"SELECT pg_advisory_xact_lock_shared({PUBLICATION_LOCK})"))
        for ask in ways if first == "abandon" else reversed(ways):
            running.append(asyncio.create_task(ask()))
            await started.wait_for(running[-1], len(running))
            assert not running[-1].done()
    ended = await asyncio.gather(*running, return_exceptions=True)
    assert [type(end) for end in ended] == [type(None), type(None) if first == "abandon" else NotFoundError]
    active = old if first == "abandon" else new
    assert (await find_id(started, IndexState.ACTIVE), await find_id(started, IndexState.BUILDING)) == (active, None)
    # Only vectors of the other index are dropped, even by a late sweep.
    await started.let_pass("vector_indexes", "retired_at", 7200)
    await started.reembedding.sweep()
    assert [row.index_id for row in await started.fetch("SELECT index_id FROM vectors")] == [active]
    assert await started.list_editions() == {(document, 1, True)}
    assert await started.find("a barge") == ["a barge"]


async def test_an_index_takes_over_once_it_lacks_nothing_that_was_there_before(started: World) -> None:
    documents = [await started.publish(f"barge {n}", name=f"{n}.txt") for n in range(3)]
    old, new = await find_id(started, IndexState.ACTIVE), (await started.begin()).id
    await started.reembedding.advance()
    assert await list_tasks(started) == [(document, Queue.LOW) for document in documents]
    tasks = [row.id for row in await started.fetch(f"SELECT id FROM tasks WHERE name = '{REEMBED}' ORDER BY id")]
    for task_id in tasks[:2]:
        await started.run(task_id)
    await started.reembedding.advance()
    assert await find_id(started, IndexState.ACTIVE) == old, "the index lacks an earlier document"
    await started.run(tasks[2])
    await started.reembedding.advance()
    assert (await find_id(started, IndexState.ACTIVE), await find_id(started, IndexState.BUILDING)) == (new, None)
    assert (await started.find("barge 1"))[0] == "barge 1"
    assert sorted(started.models["new"].texts[:3]) == ["barge 0", "barge 1", "barge 2"]


@pytest.mark.parametrize("how", ["called", "put off"])
async def test_documents_that_keep_being_published_do_not_hold_an_index_up_and_are_the_most_urgent_afterwards(
    started: World, how: str
) -> None:
    await started.publish("a barge")
    new = (await started.begin()).id
    await started.reembedding.advance()
    before = await started.publish("a lock", name="b.txt")
    await started.reembedding.advance()
    assert (before, Queue.LOW) in await list_tasks(started)
    [task] = await started.fetch(f"SELECT id FROM tasks WHERE name = '{REEMBED}' AND document_id <> :id", id=before)
    await started.run(task.id)
    if how == "put off":
        [task] = await started.fetch(f"SELECT id FROM tasks WHERE name = '{REEMBED}' AND document_id = :id", id=before)
        started.lacks = {"new"}
        await started.run(task.id)
        started.lacks = set()
    attempt, outcome = await started.attempt(await started.upload("a weir", name="c.txt"))
    await started.reembedding.advance()
    assert await find_id(started, IndexState.ACTIVE) == new
    await started.apply(outcome)  # of an attempt that started before the new index
    await started.reembedding.advance()
    after = attempt.task.require_document_id()
    assert await list_tasks(started) == [(before, Queue.HIGH), (after, Queue.HIGH)]
    assert await started.find("weir", "text") == ["a weir"]
    assert await started.find("a weir") == ["a barge"]
    await started.let_pass("tasks", "available_at", 60)
    await started.run_tasks(REEMBED)
    assert (await started.find("a weir"))[0] == "a weir"
    assert await started.list_editions() == {(document, 1, True) for document in (1, before, after)}


async def test_an_index_waits_for_what_was_published_more_than_a_minute_ago(started: World) -> None:
    old, new = await find_id(started, IndexState.ACTIVE), (await started.begin()).id
    await started.publish("a barge")
    await started.let_pass("editions", "noted_at", 61)
    await started.reembedding.advance()
    assert await find_id(started, IndexState.ACTIVE) == old
    await started.let_pass("editions", "noted_at", -10)
    await started.reembedding.advance()
    assert await find_id(started, IndexState.ACTIVE) == new


async def test_an_index_that_is_not_planned_yet_does_not_become_active(started: World) -> None:
    await started.publish("a barge")
    old, _ = await find_id(started, IndexState.ACTIVE), await started.begin()
    async with started.database.transaction() as planner:
        assert await try_lock_chore(planner, "plan")
        await started.reembedding.advance()
    assert await find_id(started, IndexState.ACTIVE) == old
    assert [status.planned for status in await started.indexes("new").list_indexes()] == [True, False]
    await started.reembedding.advance()
    assert len(await list_tasks(started)) == 1


async def test_planning_goes_on_in_batches_where_it_was_broken_off(
    started: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    documents = [await started.publish(f"barge {n}", name=f"{n}.txt") for n in range(5)]
    index = await started.begin()
    begun_at: list[int] = []

    async def plan(connection: AsyncConnection, index_id: int, limit: int) -> bool:
        begun_at.append(await get_planned_to(started, index))
        done = await plan_index(connection, index_id, limit)
        if len(begun_at) == 3:
            raise DatabaseUnavailableError
        return done

    monkeypatch.setattr(service, "_PLANNED_AT_ONCE", 2)
    monkeypatch.setattr(service, "plan_index", plan)
    with pytest.raises(DatabaseUnavailableError):
        await started.reembedding.advance()
    assert await get_planned_to(started, index) == documents[3]
    assert await started.list_editions(index) == {(document, 1, False) for document in documents[:4]}

    late = await started.publish("a weir", name="late.txt")
    await started.reembedding.advance()
    assert begun_at == [0, documents[1], documents[3], documents[3], late]
    assert await get_planned_to(started, index) is None
    assert await started.list_editions(index) == {(document, 1, False) for document in (*documents, late)}
