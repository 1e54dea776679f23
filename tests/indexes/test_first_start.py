"""The first start creates the index. Later starts must match it; otherwise an error says what to do."""

import asyncio

import pytest

from app.db.vectors.indexes import fix_dimensions, lock_indexes
from app.domain.errors import ConflictError, IndexMismatchError, NotFoundError, StartupError
from app.domain.states import State
from app.domain.vectors import IndexState
from app.services.indexing.vector_indexes import VectorIndexes
from tests.adapters.qdrant_server import QdrantServer
from tests.indexes.world import World


async def start(indexes: VectorIndexes, way: str) -> None:
    """Start as the API does, or as a worker does."""
    await (indexes.ensure() if way == "ensure" else indexes.check())


async def test_the_first_start_makes_the_index_and_a_second_changes_nothing(world: World) -> None:
    await world.indexes().check()
    with pytest.raises(StartupError, match="Start the API once"):
        await world.vectors.get_active()
    for _ in range(2):
        await world.indexes().ensure()
        await world.indexes().check()
        index = await world.vectors.get_active()
        assert (index.id, index.store, index.embedding.model, index.state) == (1, "pgvector", "old", IndexState.ACTIVE)
    assert await world.count("vector_indexes") == 1


@pytest.mark.parametrize("way", ["ensure", "check"])
@pytest.mark.parametrize(
    ("model", "store", "asked"), [("new", "pgvector", None), ("old", "qdrant", None), ("old", "pgvector", 2)]
)
async def test_settings_that_ask_for_other_vectors_are_refused_with_a_line_that_says_what_to_do(
    world: World, way: str, model: str, store: str, asked: int | None
) -> None:
    await world.indexes().ensure()
    await world.publish("a barge")
    with pytest.raises(IndexMismatchError) as raised:
        await start(world.indexes(model, store, asked), way)
    told = raised.value.message
    assert "\n" not in told
    assert "local old (3 dimensions) in pgvector" in told
    assert f"local {model}{' (2 dimensions)' if asked else ''} in {store}" in told
    assert told.endswith("./sluice reembed")
    assert await world.count("vector_indexes") == 1


@pytest.mark.parametrize("way", ["ensure", "check"])
async def test_to_ask_for_the_length_that_the_vectors_have_is_to_agree(world: World, way: str) -> None:
    await world.indexes().ensure()
    await world.publish("a barge")
    await world.fetch("UPDATE vector_indexes SET dimensions = NULL")
    with pytest.raises(IndexMismatchError):
        await start(world.indexes(asked=3), way)
    async with world.database.statement() as connection:
        assert await fix_dimensions(connection, 1, 3) == 3
    await start(world.indexes(asked=3), way)


@pytest.mark.parametrize("way", ["ensure", "check"])
async def test_settings_that_ask_for_the_index_that_is_being_built_are_accepted(world: World, way: str) -> None:
    await world.indexes().ensure()
    await world.publish("a barge")
    await world.begin("new")
    for model in ("old", "new"):
        await start(world.indexes(model), way)
    with pytest.raises(IndexMismatchError):
        await start(world.indexes("third"), way)
    with pytest.raises(ConflictError, match="An index is being built with local new in pgvector"):
        await world.indexes("third").begin()
    await world.indexes("new").abandon()
    with pytest.raises(IndexMismatchError):
        await start(world.indexes("new"), way)
    with pytest.raises(NotFoundError):
        await world.indexes("new").abandon()


async def test_what_is_indexed_already_is_not_built_again_and_what_is_being_built_is_only_shown(world: World) -> None:
    await world.indexes().ensure()
    with pytest.raises(ConflictError, match="are indexed with local old in pgvector already"):
        await world.begin("old")
    index = await world.begin("new")
    assert await world.begin("new") == index


async def test_processes_that_start_at_once_make_one_index(world: World) -> None:
    async with world.database.transaction() as slow:
        await lock_indexes(slow)
        starting = [asyncio.create_task(world.indexes().ensure()) for _ in range(3)]
        await world.wait_for(starting[0], len(starting))
        assert not any(task.done() for task in starting)
    await asyncio.gather(*starting)
    assert await world.count("vector_indexes") == 1


async def test_an_index_that_holds_nothing_gives_way_to_the_one_that_is_asked_for(world: World) -> None:
    await world.indexes("old").ensure()
    await world.indexes("new").check()
    await world.indexes("new").ensure()
    assert (await world.vectors.get_active()).embedding.model == "new"
    await world.publish("a barge")
    with pytest.raises(IndexMismatchError):
        await world.indexes("old").ensure()


async def test_an_index_does_not_give_way_while_something_is_on_its_way_to_it(
    world: World, qdrant: QdrantServer
) -> None:
    await world.indexes("old", "qdrant").ensure()
    await world.attempt(await world.upload("a barge"))
    assert qdrant.collections, "the attempt has written its vectors"
    with pytest.raises(IndexMismatchError):
        await world.indexes("new").ensure()
    assert (await world.vectors.get_active()).embedding.model == "old"


async def test_a_document_that_is_read_while_the_index_gives_way_is_brought_to_the_next(world: World) -> None:
    await world.indexes("old").ensure()
    world.models["old"].meanwhile = world.indexes("new").ensure
    assert (await world.run(await world.upload("a barge"))).state is State.SUCCESS
    assert (await world.vectors.get_active()).embedding.model == "new"
    await world.reembedding.advance()
    await world.run_tasks()
    assert await world.find("a barge") == ["a barge"]


async def test_a_worker_that_starts_before_the_schema_is_there_leaves_it_to_the_api(world: World) -> None:
    await world.fetch("ALTER TABLE vector_indexes RENAME TO to_come")
    try:
        await world.indexes().check()
    finally:
        await world.fetch("ALTER TABLE to_come RENAME TO vector_indexes")
