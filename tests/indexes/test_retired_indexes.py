"""A replaced index is dropped, repeatedly while a process may still write to it, and then forgotten."""

import pytest

from app.db.documents.editions import renew_edition
from app.domain.states import State
from app.domain.tasks import TaskName
from app.domain.vectors import VectorBatch, VectorIndex
from tests.adapters.qdrant_server import QdrantServer
from tests.adapters.troubles import Trouble
from tests.indexes.world import World


async def list_indexes(world: World) -> list[int]:
    return [status.index.id for status in await world.indexes().list_indexes()]


async def count_vectors(world: World, index: VectorIndex) -> int:
    return await world.count("vectors", "index_id = :id", id=index.id)


async def write_late(world: World, index: VectorIndex) -> None:
    """Write to an index as a process does that was suspended before the index was replaced."""
    batch = VectorBatch(world.agent, 1, 1, {0: [1.0, 0.0, 0.0]})
    async with world.database.transaction() as connection:
        await renew_edition(connection, index.id, 1, 1)
        await world.pgvector.upsert(index, batch, connection)


@pytest.fixture
async def replaced(world: World) -> VectorIndex:
    """The index that has just been replaced. It holds one document, with two chunks."""
    await world.indexes("old").ensure()
    await world.publish("a barge", "a lock")
    old = await world.vectors.get_active()
    await world.rebuild("new")
    return old


async def test_an_index_is_dropped_half_a_minute_after_it_was_replaced_and_no_sooner(
    world: World, replaced: VectorIndex
) -> None:
    await world.let_pass("vector_indexes", "retired_at", 25)
    await world.reembedding.sweep()
    assert await count_vectors(world, replaced) == 2, "a search may still read it"
    await world.let_pass("vector_indexes", "retired_at", 6)
    await world.reembedding.sweep()
    assert await count_vectors(world, replaced) == 0
    assert await world.list_editions(replaced) == set()
    assert await world.count("vectors") == 2
    assert await world.list_editions() == {(1, 1, True)}
    assert (await world.find("a lock"))[0] == "a lock"
    assert replaced.id in await list_indexes(world), "so that late writes can be found"


async def test_an_index_is_dropped_again_until_no_process_can_write_to_it_and_then_deleted(
    world: World, replaced: VectorIndex
) -> None:
    await world.let_pass("vector_indexes", "retired_at", 31)
    await world.reembedding.sweep()
    for seconds, left in [(595, 1), (10, 0), (595, 1), (10, 0)]:
        if left:
            await write_late(world, replaced)
        for column in ("retired_at", "dropped_at"):
            await world.let_pass("vector_indexes", column, seconds)
        await world.reembedding.sweep()
        assert (await count_vectors(world, replaced), len(await world.list_editions(replaced))) == (left, left)
        assert replaced.id in await list_indexes(world)
    await write_late(world, replaced)
    for column in ("retired_at", "dropped_at"):
        await world.let_pass("vector_indexes", column, 3600)
    await world.reembedding.sweep()
    assert await list_indexes(world) == [(await world.vectors.get_active()).id]
    assert (await world.count("vectors"), await world.count("editions")) == (2, 1)


@pytest.mark.parametrize("trouble", ["it is away", "this process lacks its key"])
async def test_an_index_whose_store_cannot_be_reached_does_not_keep_the_others(
    world: World, qdrant: QdrantServer, trouble: str
) -> None:
    await world.indexes("old", "qdrant").ensure()
    await world.publish("a barge", "a lock")
    far = await world.vectors.get_active()
    near = await world.rebuild("new")
    await world.rebuild("third")
    await world.let_pass("vector_indexes", "retired_at", 31)
    if trouble == "it is away":
        with qdrant.suffer(Trouble.AWAY):
            await world.reembedding.sweep()
    else:
        world.lacks = {"qdrant"}
        await world.reembedding.sweep()
    assert await count_vectors(world, near) == 0
    assert await world.list_editions(far) == {(1, 1, True)}
    assert qdrant.collections

    world.lacks = set()
    await world.let_pass("providers", "ask_at", 700)
    await world.reembedding.sweep()
    assert not qdrant.collections
    assert await world.list_editions(far) == set()
    assert (await world.find("a lock"))[0] == "a lock"


async def test_what_is_under_way_to_an_index_that_is_given_up_ends_and_is_no_failure(world: World) -> None:
    await world.indexes("old").ensure()
    await world.publish("a barge")
    index = await world.begin("new")
    await world.reembedding.advance()
    await world.indexes("new").abandon()
    [task] = await world.run_tasks(TaskName.REEMBED_DOCUMENT)
    assert (task.state, task.status) == (State.SUCCESS, "The index was abandoned")
    assert world.models["new"].texts == []
    assert await world.count("vectors", "index_id = :id", id=index.id) == 0
