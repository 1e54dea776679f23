"""Batches of a large document: finished ones are kept while it can continue; it is published only when complete."""

import pytest

from app.db.tables.core import staged_chunks
from app.domain.identity import Access
from app.domain.ids import TaskId
from app.domain.states import State
from app.domain.tasks import NewTask, Queue, Task, TaskName
from app.ledger.submit import submit
from tests.adapters.qdrant_server import QdrantServer
from tests.indexes.outside import do_nothing
from tests.indexes.world import ORGANIZATION, World

LINES = [f"barge {number}" for number in range(6)]  # three batches


async def list_batches(world: World, parent: TaskId, name: TaskName = TaskName.EMBED_CHUNKS) -> list[TaskId]:
    """The tasks that embed a document's batches, in the order of its chunks."""
    query = "SELECT id FROM tasks WHERE parent_id = :id AND name = :name ORDER BY (arguments ->> 'first')::integer"
    return [TaskId(row.id) for row in await world.fetch(query, id=parent, name=name.value)]


async def count_rows(world: World) -> tuple[int, int, int]:
    """The numbers of chunks, vectors and staged chunks."""
    return await world.count("chunks"), await world.count("vectors"), await world.count("staged_chunks")


async def sweep(world: World) -> Task:
    """Sweep document 1."""
    task = NewTask(ORGANIZATION, world.agent, TaskName.SWEEP_DOCUMENT, Queue.DEFAULT, document_id=1)
    async with world.database.transaction() as connection:
        await submit(connection, task)
    return await world.run(task.id)


@pytest.fixture
async def parent(world: World) -> TaskId:
    """The task of large document 1, just after it was expanded into batches."""
    await world.indexes("old").ensure()
    task = await world.run(await world.upload(*LINES))
    assert task.state is State.EXPANDED
    return task.id


async def test_a_sweep_spares_what_a_failed_document_has_done_and_a_replay_completes_it(
    world: World, parent: TaskId
) -> None:
    lost = await world.fetch("DELETE FROM staged_chunks WHERE ordinal BETWEEN 2 AND 3 RETURNING *")
    await world.run_tasks()
    failed = await world.get_task(parent)
    assert (failed.state, (failed.error or {})["code"]) == (State.FAILURE, "file_missing")
    await world.reembedding.sweep()
    assert await world.count("tasks", f"name = '{TaskName.SWEEP_DOCUMENT}'") == 0
    assert (await sweep(world)).state is State.SUCCESS
    assert await count_rows(world) == (4, 4, 0)
    assert await world.list_editions() == {(1, 1, False)}
    assert await world.find("barge 0") == []

    async with world.database.transaction() as connection:
        await connection.execute(staged_chunks.insert(), [row._asdict() for row in lost])
    await world.parents.revive(await world.get_task((await list_batches(world, parent))[1]))
    await world.run_tasks()
    assert (await world.get_task(parent)).state is State.SUCCESS
    assert await count_rows(world) == (6, 6, 0)
    assert await world.list_editions() == {(1, 1, True)}
    assert sorted(await world.find("barge 0")) == LINES


async def test_a_document_whose_chunks_are_not_all_there_fails_by_name_rather_than_being_published(
    world: World, parent: TaskId
) -> None:
    for batch in await list_batches(world, parent):
        await world.run(batch)
    await world.fetch("DELETE FROM chunks WHERE ordinal = 3")
    [step] = await list_batches(world, parent, TaskName.PUBLISH_DOCUMENT)
    published = await world.run(step)
    assert (published.state, (published.error or {})["code"]) == (State.FAILURE, "file_missing")
    assert "Reindex the document" in (published.error or {})["message"]
    assert (await world.get_task(parent)).state is State.FAILURE
    [document] = await world.fetch("SELECT status, edition FROM documents")
    assert tuple(document) == ("failed", 0)
    assert await world.find("barge 0") == []

    again = await world.run(await world.reindex(1))
    await world.run_tasks()
    assert (await world.get_task(again.id)).state is State.SUCCESS
    assert sorted(await world.find("barge 0")) == LINES
    assert await count_rows(world) == (6, 6, 0)


async def test_what_a_cancelled_document_has_done_is_swept(world: World, parent: TaskId) -> None:
    await world.run((await list_batches(world, parent))[0])
    assert await count_rows(world) == (2, 2, 4)
    await world.tasks.cancel(Access(ORGANIZATION), parent)
    assert (await world.get_task(parent)).state is State.REVOKED
    await world.run_tasks()
    assert await count_rows(world) == (0, 0, 0)
    assert await world.count("editions", "swept_at IS NULL") == 0


async def test_a_batch_says_that_its_edition_is_written_to_before_it_writes(world: World, parent: TaskId) -> None:
    seen: list[tuple[bool, bool]] = []

    async def look() -> None:
        [row] = await world.fetch("SELECT reserved_at > now() - interval '1 minute', swept_at IS NULL FROM editions")
        seen.append(tuple(row))

    await world.fetch("UPDATE editions SET reserved_at = now() - interval '2 hours', swept_at = now()")
    world.models["old"].meanwhile = look
    await world.run((await list_batches(world, parent))[0])
    world.models["old"].meanwhile = do_nothing
    assert seen == [(True, True)]


async def test_batches_go_to_the_index_that_has_replaced_theirs_and_the_document_is_whole_there(
    world: World, qdrant: QdrantServer, parent: TaskId
) -> None:
    first, *others = await list_batches(world, parent)
    await world.run(first)
    new = await world.rebuild("new", "qdrant")
    for batch in others:
        await world.run(batch)
    await world.run_tasks()
    assert (await world.get_task(parent)).state is State.SUCCESS
    assert await world.list_editions(new) == {(1, 1, False)}
    await world.reembedding.advance()
    await world.run_tasks()
    assert await world.list_editions(new) == {(1, 1, True)}
    assert len(await world.vectors.list_keys(new, world.agent)) == 6
    assert sorted(await world.find("barge 0")) == LINES
    assert qdrant.collections
