"""A document is embedded for another index step by step, by attempts that are deferred, die, or lack a key."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from app.domain.ids import TaskId
from app.domain.states import State
from app.domain.tasks import TaskName
from app.domain.vectors import VectorIndex
from app.services.indexing import reembedding as service
from tests.adapters.qdrant_server import QdrantServer
from tests.indexes.outside import do_nothing
from tests.indexes.world import World

REEMBED = TaskName.REEMBED_DOCUMENT
LINES = ["a barge", "a lock", "a weir"]


async def find_task(world: World, name: TaskName = REEMBED) -> TaskId:
    """The only unfinished task with a name."""
    query = "SELECT id FROM tasks WHERE name = :name AND completed_at IS NULL"
    [row] = await world.fetch(query, name=name.value)
    return TaskId(row.id)


async def begin(world: World, store: str) -> VectorIndex:
    """Start to build an index. It lacks document 1, with three chunks, whose task is submitted."""
    await world.indexes("old").ensure()
    assert await world.publish(*LINES) == 1
    index = await world.begin("new", store)
    await world.reembedding.advance()
    return index


@pytest.fixture
async def building(world: World) -> VectorIndex:
    """An index in Postgres that is being built."""
    return await begin(world, "pgvector")


@pytest.fixture
async def far(world: World, qdrant: QdrantServer) -> VectorIndex:
    """An index in a remote store that is being built."""
    assert not qdrant.collections
    return await begin(world, "qdrant")


async def test_an_edition_that_search_has_left_is_not_complete_however_late_its_task_ends(
    world: World, far: VectorIndex
) -> None:
    _, late = await world.attempt(await find_task(world))
    await world.run(await world.reindex(1))
    await world.apply(late)
    assert await world.list_editions(far) == {(1, 1, False), (1, 2, False)}
    ended = "state = 'SUCCESS', completed_at = now(), worker_id = NULL, pid = NULL"
    await world.fetch(f"UPDATE tasks SET {ended} WHERE name = :name", name=REEMBED.value)
    await world.reembedding.advance()
    await world.reembedding.sweep()
    await world.run_tasks()
    await world.reembedding.advance()
    assert (await world.vectors.get_active()).id == far.id
    assert await world.list_editions() == {(1, 1, False), (1, 2, True)}
    assert {key.edition for key in await world.vectors.list_keys(far, world.agent)} == {2}


async def test_who_ends_while_another_edition_is_being_published_waits_and_sees_it(
    world: World, far: VectorIndex
) -> None:
    _, late = await world.attempt(await find_task(world))
    _, newer = await world.attempt(await world.reindex(1))
    async with world.database.transaction() as publisher:
        await newer.apply(publisher)
        ending = asyncio.create_task(world.apply(late))
        await world.wait_for(ending)
    await ending
    assert await world.list_editions(far) == {(1, 1, False), (1, 2, False)}


async def test_a_document_that_changes_meanwhile_gets_none_of_its_old_vectors(
    world: World, building: VectorIndex
) -> None:
    model = world.models["new"]

    async def publish() -> None:
        model.meanwhile = do_nothing
        await world.run(await world.reindex(1))

    model.meanwhile = publish
    ended = await world.run(await find_task(world))
    assert (ended.state, ended.status) == (State.SUCCESS, "The document has changed")
    assert await world.count("vectors", "index_id = :id", id=building.id) == 0
    assert await world.list_editions(building) == {(1, 2, False)}


async def test_a_document_goes_on_after_its_turn_where_it_was_and_gives_its_slot_back(
    world: World, building: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_SLICE_SECONDS", 0.0)
    waiting = await world.run(await find_task(world))
    assert (waiting.state, waiting.attempt, waiting.worker_id) == (State.PENDING, 0, None)
    assert "continues after other tasks" in waiting.status
    assert world.models["new"].texts == LINES[:2]
    [row] = await world.fetch("SELECT done_to, complete FROM editions WHERE index_id = :id", id=building.id)
    assert tuple(row) == (1, False)

    await world.let_pass("tasks", "available_at", 1)
    ended = await world.run(waiting.id)
    assert ended.state is State.SUCCESS
    assert world.models["new"].texts == LINES
    [row] = await world.fetch("SELECT done_to, complete FROM editions WHERE index_id = :id", id=building.id)
    assert tuple(row) == (None, True)
    await world.reembedding.advance()
    for line in LINES:
        assert (await world.find(line))[0] == line


async def test_an_attempt_that_dies_leaves_what_it_brought_to_the_next(world: World, building: VectorIndex) -> None:
    model, task_id = world.models["new"], await find_task(world)
    work = await world.begin_attempt(task_id)

    async def die() -> None:
        if model.texts:
            raise KeyboardInterrupt  # which no handler catches, as with a kill

    model.meanwhile = die
    with pytest.raises(KeyboardInterrupt):
        await world.reembedding.embed(work)
    await world.give_back(work)
    model.meanwhile = do_nothing
    assert model.texts == LINES[:2]
    assert (await world.run(task_id)).state is State.SUCCESS
    assert model.texts == LINES
    assert await world.count("vectors", "index_id = :id", id=building.id) == 3


@pytest.mark.parametrize("lacking", ["new", "qdrant"])
async def test_a_process_that_lacks_what_an_index_needs_has_the_task_wait_for_another(
    world: World, far: VectorIndex, lacking: str
) -> None:
    world.lacks = {lacking}
    waiting = await world.run(await find_task(world))
    assert (waiting.state, waiting.attempt, waiting.error) == (State.PENDING, 0, None)
    assert f"{lacking} needs a key" in waiting.status
    assert waiting.available_at - datetime.now(UTC) > timedelta(seconds=20)
    world.lacks = set()
    await world.let_pass("tasks", "available_at", 60)
    assert (await world.run(waiting.id)).state is State.SUCCESS
    assert await world.list_editions(far) == {(1, 1, True)}


@pytest.mark.usefixtures("qdrant")
@pytest.mark.parametrize("lacking", ["old", "qdrant"])
async def test_a_process_that_lacks_what_the_active_index_needs_has_uploads_and_sweeps_wait(
    world: World, lacking: str
) -> None:
    await world.indexes("old", "qdrant").ensure()
    await world.publish("a barge")
    upload = await world.upload("a new barge")
    for _ in range(3):
        world.lacks = {lacking}
        waiting = await world.run(upload)
        assert (waiting.state, waiting.attempt) == (State.PENDING, 0)
        await world.let_pass("tasks", "available_at", 60)
    assert await world.list_editions() == {(1, 1, True)}, "an attempt that wrote nothing leaves no edition"
    world.lacks = set()
    assert (await world.run(upload)).state is State.SUCCESS
    world.lacks = {"qdrant"}
    sweep = await world.run(await find_task(world, TaskName.SWEEP_DOCUMENT))
    assert sweep.state is State.PENDING
    world.lacks = set()
    await world.let_pass("tasks", "available_at", 60)
    assert (await world.run(sweep.id)).state is State.SUCCESS
    assert await world.find("a barge") == ["a new barge"]
