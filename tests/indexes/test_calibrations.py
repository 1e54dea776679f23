"""An agent's balance of words and meaning is measured in the background, for each index, without questions."""

import pytest

from app.domain.tasks import Queue, TaskName
from app.pipeline.ranking.fusion import EVEN, Balance
from app.services.search.balances import Balances
from tests.indexes.world import World

CALIBRATE = TaskName.CALIBRATE_AGENT


def make_lines(count: int, first: int = 0) -> list[str]:
    return [
        f"Boat {number} waits at the gate of lock {number % 7}. The weir below it is {number} metres long. "
        f"The skipper has paid the toll of {number} francs."
        for number in range(first, first + count)
    ]


async def add(world: World, *lines: str, name: str = "a.txt") -> None:
    """Publish a document with a chunk per line."""
    await world.upload(*lines, name=name)
    await world.run_tasks(TaskName.PROCESS_DOCUMENT, TaskName.EMBED_CHUNKS, TaskName.PUBLISH_DOCUMENT)


async def count_tasks(world: World) -> int:
    return await world.count("tasks", f"name = '{CALIBRATE}'")


async def find_balance(world: World) -> Balance:
    return await Balances(world.database).find(await world.vectors.get_active(), [world.agent])


async def test_an_agent_with_enough_chunks_is_measured_once_with_low_priority(world: World) -> None:
    await world.indexes().ensure()
    await add(world, *make_lines(60))
    assert await find_balance(world) == EVEN
    await world.calibrations.submit_due()
    await world.calibrations.submit_due()
    [task] = await world.run_tasks(CALIBRATE)
    assert (task.state, task.queue, task.result) == ("SUCCESS", Queue.LOW, {"chunk_count": 60})
    assert await find_balance(world) != EVEN
    await world.calibrations.submit_due()
    assert await count_tasks(world) == 1


async def test_upkeep_may_claim_the_chore(world: World) -> None:
    assert await world.count("chores", "name = 'calibrate'") == 1


async def test_an_agent_with_few_chunks_or_a_deleted_one_is_not_measured(world: World) -> None:
    await world.indexes().ensure()
    await add(world, *make_lines(20))
    await world.calibrations.submit_due()
    await add(world, *make_lines(60), name="b.txt")
    await world.fetch("UPDATE agents SET deleted_at = now()")
    await world.calibrations.submit_due()
    assert await count_tasks(world) == 0


async def test_an_agent_is_measured_again_when_it_has_grown_by_half(world: World) -> None:
    await world.indexes().ensure()
    await add(world, *make_lines(60))
    await world.calibrations.submit_due()
    await world.run_tasks(CALIBRATE)
    await add(world, *make_lines(20, 100), name="b.txt")
    await world.calibrations.submit_due()
    assert await count_tasks(world) == 1
    await add(world, *make_lines(15, 200), name="c.txt")
    await world.calibrations.submit_due()
    assert await count_tasks(world) == 2


async def test_the_index_that_is_being_built_is_measured_with_its_own_model(world: World) -> None:
    await world.indexes().ensure()
    await add(world, *make_lines(60))
    building = await world.begin("new")
    for model in world.models.values():
        model.texts.clear()
    await world.calibrations.submit_due()
    assert len(await world.run_tasks(CALIBRATE)) == 2
    assert len(world.models["old"].texts) == len(world.models["new"].texts) == 120, "a sentence and the rest of each"
    rows = await world.fetch("SELECT index_id FROM calibrations WHERE words IS NOT NULL ORDER BY 1")
    assert [row.index_id for row in rows] == [(await world.vectors.get_active()).id, building.id]


async def test_a_task_for_an_index_that_was_abandoned_ends_without_a_measurement(world: World) -> None:
    await world.indexes().ensure()
    await add(world, *make_lines(60))
    building = await world.begin("new")
    await world.calibrations.submit_due()
    await world.fetch("DELETE FROM calibrations WHERE index_id = :id", id=building.id)
    await world.fetch("DELETE FROM editions WHERE index_id = :id", id=building.id)
    await world.fetch("DELETE FROM vector_indexes WHERE id = :id", id=building.id)
    results = [task.result for task in await world.run_tasks(CALIBRATE)]
    assert sorted(result["chunk_count"] for result in results) == [0, 60]


async def test_a_calibration_that_was_lost_is_submitted_again_after_an_hour(world: World) -> None:
    await world.indexes().ensure()
    await add(world, *make_lines(60))
    await world.calibrations.submit_due()
    await world.fetch("DELETE FROM tasks WHERE name = :name", name=CALIBRATE)
    await world.calibrations.submit_due()
    assert await count_tasks(world) == 0
    await world.let_pass("calibrations", "due_again_at", 3601)
    await world.calibrations.submit_due()
    assert await count_tasks(world) == 1


@pytest.mark.parametrize(("words", "doubt", "first"), [(1.0, 0.0, "Boat 7"), (0.0, 0.0, "vector")])
async def test_a_search_uses_the_balance_of_its_agent(world: World, words: float, doubt: float, first: str) -> None:
    await world.indexes().ensure()
    await add(world, *make_lines(60))
    index = await world.vectors.get_active()
    await world.fetch(
        "INSERT INTO calibrations (index_id, agent_id, words, doubt) VALUES (:index, :agent, :words, :doubt)",
        index=index.id,
        agent=world.agent,
        words=words,
        doubt=doubt,
    )
    expected = (await world.find("Boat 7 francs", "vector"))[0] if first == "vector" else first
    assert (await world.find("Boat 7 francs", "hybrid"))[0].startswith(expected)
