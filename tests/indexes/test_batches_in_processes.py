"""A large document whose batches are indexed in child processes has the rows that it has without them."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.domain.errors import ServiceUnavailableError
from app.domain.identity import Access
from app.domain.states import State
from app.domain.tasks import TaskName
from app.domain.vectors import IndexedBatch
from app.pipeline.sandbox.batches import BatchProcesses
from tests.indexes.world import World
from tests.pipeline.languages import TEXTS

LINES = [text.replace("\n", " ") for text in TEXTS]


@pytest.fixture
async def processes() -> AsyncIterator[BatchProcesses]:
    made = BatchProcesses("app.tasks.batch_child", (), size=2)
    yield made
    await made.close()


async def index(world: World, name: str) -> list[list[Any]]:
    """Index a large document; returns its chunks with their words and vectors, and the counts of the agent's words."""
    task = await world.run(await world.upload(*LINES, name=name))
    assert task.state is State.EXPANDED
    await world.run_tasks()
    chunks = await world.fetch(
        "SELECT c.ordinal, c.text, c.tsv::text, v.embedding::text FROM chunks AS c"
        " JOIN vectors AS v USING (document_id, edition, ordinal) WHERE c.document_id = :id ORDER BY c.ordinal",
        id=task.document_id,
    )
    return [list(row) for row in chunks]


async def count_words(world: World) -> dict[str, int]:
    return {row.lexeme: row.chunk_count for row in await world.fetch("SELECT lexeme, chunk_count FROM lexemes")}


async def test_chunks_words_vectors_and_counts_are_the_same(world: World, processes: BatchProcesses) -> None:
    await world.indexes("old").ensure()
    before = await index(world, "a.txt")
    counted = await count_words(world)
    world.indexing._batches = processes
    await world.documents.delete(Access(1), 1)
    await world.run_tasks()
    assert await index(world, "a.txt") == before
    assert len(before) == len(LINES)
    assert await count_words(world) == counted


class Broken(BatchProcesses):
    """Its first process is killed while it works."""

    def __init__(self, whole: BatchProcesses) -> None:
        super().__init__("", (), size=1)
        self._whole, self.killed = whole, 0

    async def index(self, name: str, texts: Any, *, model: str | None) -> IndexedBatch:
        self.killed += 1
        if self.killed == 1:
            raise ServiceUnavailableError("The process that made the words of this batch was ended by SIGKILL.")
        return await self._whole.index(name, texts, model=model)


async def test_a_batch_whose_process_was_killed_adds_nothing_and_is_made_again(
    world: World, processes: BatchProcesses
) -> None:
    await world.indexes("old").ensure()
    world.indexing._batches = broken = Broken(processes)
    task = await world.run(await world.upload(*LINES, name="a.txt"))
    ran = await world.run_tasks(TaskName.EMBED_CHUNKS)
    [failed] = [batch for batch in ran if batch.state is not State.SUCCESS]
    assert (failed.error or {})["code"] == "service_unavailable"
    assert broken.killed == len(ran)
    await world.run_tasks()
    assert (await world.get_task(task.id)).state is State.FAILURE
    await world.parents.revive(await world.get_task(failed.id))
    await world.run_tasks()
    assert (await world.get_task(task.id)).state is State.SUCCESS
    assert await world.count("chunks") == await world.count("vectors") == len(LINES)
