"""Vectors that attempts leave in a remote store are hidden, then swept; their editions are forgotten in the end."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.domain.errors import ProviderBusyError, ProviderDownError, ProviderPausedError
from app.domain.ids import TaskId
from app.domain.states import State
from app.domain.tasks import Queue, TaskName
from app.domain.vectors import VectorBatch, VectorIndex
from app.ledger.upkeep import try_lock_chore
from tests.adapters.qdrant_server import QdrantServer
from tests.adapters.troubles import Trouble
from tests.indexes.world import World

LINES = ["a barge", "a lock", "a weir"]
SWEEPS = f"name = '{TaskName.SWEEP_DOCUMENT}'"


@pytest.fixture
async def far(world: World, qdrant: QdrantServer) -> VectorIndex:
    """The active index, in a remote store, planned and empty."""
    assert not qdrant.collections
    await world.indexes("old", "qdrant").ensure()
    await world.reembedding.advance()
    return await world.vectors.get_active()


async def list_kept(world: World, far: VectorIndex) -> list[tuple[int, int]]:
    """The editions whose vectors the store holds, each (document, edition)."""
    return sorted({(key.document_id, key.edition) for key in await world.vectors.list_keys(far, world.agent)})


async def list_sweeps(world: World) -> list[tuple[int, str]]:
    rows = await world.fetch(f"SELECT document_id, queue FROM tasks WHERE {SWEEPS} AND completed_at IS NULL")
    return sorted((row.document_id, row.queue) for row in rows)


def write_singly(world: World, monkeypatch: pytest.MonkeyPatch, then: Callable[[int], None]) -> None:
    """Write each vector in a request of its own, and run ``then`` after so many requests."""
    store: Any = world.stores["qdrant"]
    upsert: Callable[..., Awaitable[None]] = store.upsert
    written: list[VectorBatch] = []

    def split(batch: VectorBatch) -> list[VectorBatch]:
        place = (batch.agent_id, batch.document_id, batch.edition)
        return [VectorBatch(*place, {ordinal: vector}) for ordinal, vector in batch.vectors.items()]

    async def upsert_and_then(index: VectorIndex, batch: VectorBatch) -> None:
        written.append(batch)
        await upsert(index, batch)
        then(len(written))

    monkeypatch.setattr(store, "split", split)
    monkeypatch.setattr(store, "upsert", upsert_and_then)


async def fail_for_good(world: World, task_id: TaskId) -> None:
    """An attempt that had written vectors and was killed is abandoned."""
    ended = "state = 'FAILURE', completed_at = now(), worker_id = NULL, pid = NULL"
    await world.fetch(f"UPDATE tasks SET {ended} WHERE id = :id", id=task_id)


async def test_an_attempt_that_could_write_nothing_leaves_no_edition(
    world: World, far: VectorIndex, qdrant: QdrantServer
) -> None:
    upload = await world.upload(*LINES)
    with qdrant.suffer(Trouble.AWAY), pytest.raises(ProviderPausedError):
        await world.vectors.list_agents(far)
    for _ in range(3):
        waiting = await world.run(upload)
        assert (waiting.state, waiting.attempt) == (State.PENDING, 0)
        assert "Waiting for provider qdrant" in waiting.status
        await world.let_pass("tasks", "available_at", 1000)
    assert await world.list_editions() == set()
    await world.fetch("DELETE FROM providers")
    assert (await world.run(upload)).state is State.SUCCESS
    assert await world.list_editions() == {(1, 4, True)}


async def test_a_request_that_failed_may_have_written_so_its_edition_stays_in_the_book(
    world: World, far: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_the_answer(_written: int) -> None:
        raise ProviderDownError("Qdrant took too long to answer.")

    write_singly(world, monkeypatch, lose_the_answer)
    waiting = await world.run(await world.upload(*LINES))
    assert waiting.state is State.PENDING
    assert await list_kept(world, far) == [(1, 1)]
    assert await world.list_editions() == {(1, 1, False)}


@pytest.mark.parametrize("error", [ProviderDownError("It is away."), ProviderBusyError(retry_after=60)])
async def test_what_is_written_in_part_is_hidden_from_searches_and_swept_once_there_is_more(
    world: World, far: VectorIndex, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    document = await world.publish(*LINES)
    hits = await world.find("a barge")

    def break_off(written: int) -> None:
        if written == 2:
            raise error

    with monkeypatch.context() as patch:
        write_singly(world, patch, break_off)
        upload = await world.reindex(document)
        assert (await world.run(upload)).state is State.PENDING
    assert await list_kept(world, far) == [(document, 1), (document, 2)]
    assert await world.list_editions() == {(document, 1, True), (document, 2, False)}
    asked: list[Any] = []
    query = world.stores["qdrant"].query

    async def listen(*arguments: Any, **options: Any) -> Any:
        asked.append(options["without"])
        return await query(*arguments, **options)

    await world.fetch("DELETE FROM providers")
    monkeypatch.setattr(world.stores["qdrant"], "query", listen)
    assert await world.find("a barge") == hits
    assert asked == [[(document, 2)]], "the store itself leaves them out"
    await world.reembedding.sweep()
    assert await list_sweeps(world) == [], "an edition that a task is writing is not outdated"
    await world.let_pass("tasks", "available_at", 700)
    assert (await world.run(upload)).state is State.SUCCESS
    assert await list_sweeps(world) == [(document, Queue.DEFAULT)]
    await world.run_tasks()
    assert await list_kept(world, far) == [(document, 3)]
    assert await world.find("a barge") == hits


async def test_what_killed_attempts_left_is_swept_by_one_task_a_document_and_forgotten_after_an_hour(
    world: World, far: VectorIndex
) -> None:
    for name in ("a.txt", "b.txt"):
        upload = await world.upload(*LINES, name, name=name)
        for _ in range(2):
            work, _ = await world.attempt(upload)
            await world.give_back(work)
        await fail_for_good(world, upload)
    left = [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert await list_kept(world, far) == left
    async with world.database.transaction() as other:
        assert await try_lock_chore(other, "sweep")
        await world.reembedding.sweep()
        assert await list_sweeps(world) == []
    for _ in range(2):
        await world.reembedding.sweep()
        assert await list_sweeps(world) == [(1, Queue.DEFAULT), (2, Queue.DEFAULT)]

    await world.run_tasks()
    assert await list_kept(world, far) == []
    assert await world.list_editions() == {(*edition, False) for edition in left}
    await world.reembedding.sweep()
    assert await list_sweeps(world) == [], "a swept edition is not swept again at once"

    await world.vectors.write(far, VectorBatch(world.agent, 1, 2, {0: [1.0, 0.0, 0.0]}))  # by a suspended process
    await world.let_pass("editions", "reserved_at", 3601)
    await world.reembedding.sweep()
    await world.run_tasks()
    assert await list_kept(world, far) == []
    assert await world.list_editions() == set()
    await world.reembedding.sweep()
    assert await list_sweeps(world) == []


async def test_a_sweep_that_failed_for_good_is_not_asked_for_again(world: World, far: VectorIndex) -> None:
    upload = await world.upload(*LINES)
    await world.attempt(upload)
    await fail_for_good(world, upload)
    await world.reembedding.sweep()
    dead = "state = 'FAILURE', completed_at = now(), dead_lettered_at = now()"
    await world.fetch(f"UPDATE tasks SET {dead} WHERE {SWEEPS}")
    await world.reembedding.sweep()
    assert await list_sweeps(world) == []
    assert await list_kept(world, far) == [(1, 1)]
