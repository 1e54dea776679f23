"""``doctor`` distinguishes missing vectors and orphans from those being written or removed, and repairs both."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.domain.identity import Access
from app.domain.tasks import Queue, TaskName
from app.domain.vectors import VectorBatch, VectorIndex, VectorKey
from app.services.indexing.consistency import AgentReport
from tests.adapters.qdrant_server import QdrantServer
from tests.indexes.world import World

LINES = ["a barge", "a lock", "a weir"]
AHEAD = [1.0, 0.0, 0.0]


async def compare(world: World) -> AgentReport:
    index = await world.vectors.get_active()
    [report] = [report async for report in world.consistency.report(index)]
    return report


async def repair(world: World) -> None:
    """Repair as ``doctor`` does, and run the tasks that follow."""
    await world.consistency.repair(await world.vectors.get_active(), await compare(world))
    await world.reembedding.advance()
    query = f"SELECT document_id, queue FROM tasks WHERE name = '{TaskName.REEMBED_DOCUMENT}' AND completed_at IS NULL"
    assert [tuple(row) for row in await world.fetch(query)] == [(1, Queue.HIGH)]
    await world.run_tasks()


@pytest.fixture(params=["pgvector", "qdrant"])
async def index(world: World, qdrant: QdrantServer, request: pytest.FixtureRequest) -> VectorIndex:
    """An index that holds two documents, with three chunks and with one."""
    assert qdrant
    await world.indexes("old", request.param).ensure()
    await world.reembedding.advance()
    await world.publish(*LINES)
    await world.publish("a heron", name="b.txt")
    return await world.vectors.get_active()


async def test_an_index_that_holds_what_it_should_is_consistent(world: World, index: VectorIndex) -> None:
    report = await compare(world)
    assert report == AgentReport(world.agent, 4, 4, 0, 0, 0, [], [])
    assert report.consistent
    assert index.store in {"pgvector", "qdrant"}


async def test_what_is_missing_is_embedded_again(world: World, index: VectorIndex) -> None:
    if index.store == "pgvector":
        await world.fetch("DELETE FROM vectors WHERE document_id = 1 AND ordinal > 0")
    else:
        await world.vectors.delete(index, world.agent, 1, 1)
        await world.vectors.write(index, VectorBatch(world.agent, 1, 1, {0: AHEAD}))
    report = await compare(world)
    assert (report.missing, report.orphans, report.stale, report.documents) == (2, 0, 0, [1])
    assert not report.consistent
    await repair(world)
    assert (await compare(world)) == AgentReport(world.agent, 4, 4, 0, 0, 0, [], [])
    assert (await world.find("a weir"))[0] == "a weir"


@pytest.mark.parametrize("index", ["qdrant"], indirect=True)
async def test_unknown_vectors_are_removed_and_vectors_being_written_are_left_alone(
    world: World, index: VectorIndex
) -> None:
    await world.attempt(await world.upload("a kite", name="c.txt"))  # its vectors are written, but not published
    work, _ = await world.attempt(await world.reindex(1))
    await world.give_back(work)  # its vectors are written and will be swept
    await world.vectors.write(index, VectorBatch(world.agent, 1, 77, {0: AHEAD, 1: AHEAD}))
    await world.vectors.write(index, VectorBatch(world.agent, 999, 1, {0: AHEAD}))
    report = await compare(world)
    assert (report.missing, report.orphans, report.stale) == (0, 3, 4)
    assert (report.documents, report.strays) == ([], [(1, 77), (999, 1)])
    await world.consistency.repair(index, report)
    report = await compare(world)
    assert (report.missing, report.orphans, report.stale, report.consistent) == (0, 0, 4, True)


@pytest.mark.parametrize("index", ["qdrant"], indirect=True)
async def test_vectors_of_an_agent_without_documents_are_found_too(world: World, index: VectorIndex) -> None:
    await world.vectors.write(index, VectorBatch(world.agent + 1, 1, 1, {0: AHEAD}))
    reports = [report async for report in world.consistency.report(index)]
    assert [(report.agent_id, report.orphans) for report in reports] == [(world.agent, 0), (world.agent + 1, 1)]


async def test_a_document_that_an_index_lacks_is_not_missing_but_on_its_way(world: World, index: VectorIndex) -> None:
    await world.fetch("UPDATE editions SET complete = false WHERE document_id = 2")
    report = await compare(world)
    assert (report.chunks, report.vectors, report.missing, report.orphans, report.stale) == (3, 4, 0, 0, 1)
    assert index


async def test_what_is_replaced_while_the_doctor_looks_is_not_missing(
    world: World, index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Any = world.stores[index.store]
    list_keys = store.list_keys

    async def replace_and_list(*arguments: Any) -> AsyncIterator[VectorKey]:
        await world.run(await world.reindex(1))
        await world.run_tasks()
        async for key in list_keys(*arguments):
            yield key

    monkeypatch.setattr(store, "list_keys", replace_and_list)
    assert (await compare(world)).consistent


async def test_what_is_deleted_while_the_doctor_looks_is_not_missing(
    world: World, index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    store: Any = world.stores[index.store]
    list_keys = store.list_keys

    async def delete_and_list(*arguments: Any) -> AsyncIterator[VectorKey]:
        await world.documents.delete(Access(1), 1)
        await world.run_tasks()
        async for key in list_keys(*arguments):
            yield key

    monkeypatch.setattr(store, "list_keys", delete_and_list)
    assert (await compare(world)).consistent
