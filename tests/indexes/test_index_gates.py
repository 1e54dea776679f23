"""A new index with a gate becomes active only if it is not worse, by the questions of a set, than the active one."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.db.evaluations.question_sets import delete_question_set, insert_question_set
from app.domain.errors import ConflictError, IndexMismatchError, InvalidRequestError, NotFoundError
from app.domain.questions import Question
from app.domain.states import State
from app.domain.tasks import TaskName
from app.domain.vectors import EmbeddingResult, VectorIndex
from app.ledger.cancel import cancel
from app.services.answers.answers import Answers
from app.services.answers.extractive import Extraction
from app.services.evaluations.index_decisions import IndexDecisions
from app.services.evaluations.runs import EvaluationRuns
from app.services.indexing.vector_indexes import GateRequest
from app.services.intake.backpressure import Backpressure
from app.services.search.search import Search
from tests.indexes.outside import Model
from tests.indexes.world import ORGANIZATION, World

TEXTS = {"barge.txt": "a barge", "lock.txt": "a lock", "weir.txt": "a weir"}
QUESTIONS = [Question("xylophone", ("barge.txt",)), Question("yttrium", ("lock.txt",))]
SAME = {"xylophone": "a barge", "yttrium": "a lock"}
WORSE = {"xylophone": "a weir", "yttrium": "a lock"}


class Translator(Model):
    """A model for which some words mean the same as a text."""

    def __init__(self, name: str, meanings: dict[str, str]) -> None:
        super().__init__(name)
        self._meanings = meanings

    async def embed(self, texts: Sequence[str]) -> EmbeddingResult:
        """The vectors of the meanings."""
        return await super().embed([self._meanings.get(words, words) for words in texts])


@pytest.fixture
async def set_id(world: World) -> int:
    """A question set of the agent, whose three documents the index of the old model has."""
    search = Search(world.database, world.indexing, world.vectors)
    backpressure = Backpressure(world.database, 100)
    answers = Answers(world.database, world.admission, backpressure, search, Extraction(search, None), None)
    runs = EvaluationRuns(world.database, search, answers, world.vectors)
    world.bodies[TaskName.DECIDE_INDEX] = IndexDecisions(world.database, runs, world.vectors, None).decide
    world.models["old"] = Translator("old", SAME)
    await world.indexes("old").ensure()
    for name, text in TEXTS.items():
        await world.publish(text, name=name)
    return await store(world, QUESTIONS)


async def store(world: World, questions: Sequence[Question]) -> int:
    """Store a question set."""
    async with world.database.transaction() as connection:
        stored = await insert_question_set(connection, ORGANIZATION, world.agent, "Set", questions)
    assert stored
    return stored.id


async def build(world: World, set_id: int, meanings: dict[str, str], tolerance: float = 0.01) -> VectorIndex:
    """Begin an index with a gate, fill it, and submit the task that decides."""
    world.models["new"] = Translator("new", meanings)
    begun = await world.indexes("new").begin(GateRequest(set_id, tolerance))
    await world.reembedding.advance()
    await world.run_tasks(TaskName.REEMBED_DOCUMENT)
    await world.reembedding.advance()
    return begun.index


async def read_states(world: World) -> list[str]:
    """The states of the indexes, the oldest first."""
    return [row.state for row in await world.fetch("SELECT state FROM vector_indexes ORDER BY id")]


async def read_gate(world: World, index: VectorIndex) -> Any:
    """The gate of an index."""
    [row] = await world.fetch("SELECT * FROM index_gates WHERE index_id = :id", id=index.id)
    return row


async def test_a_worse_index_is_retired_and_the_operator_reads_why(world: World, set_id: int) -> None:
    index = await build(world, set_id, WORSE)
    assert await read_states(world) == ["active", "building"]
    await world.reembedding.advance()  # one task, however often it is looked at
    [task] = await world.run_tasks(TaskName.DECIDE_INDEX)
    assert (task.state, task.queue, task.result) == (
        State.SUCCESS,
        "low_priority",
        {"index_id": index.id, "accepted": False},
    )
    await world.reembedding.advance()
    assert await read_states(world) == ["active", "retired"]
    gate = await read_gate(world, index)
    assert gate.accepted is False
    assert "nDCG@10 is 0.816, with the active index 1.000; it may fall by 0.01." in gate.reason
    with pytest.raises(IndexMismatchError, match=r"The last new index was refused: With local new .* 0\.816"):
        await world.indexes("new").check()
    statuses = await world.indexes("new").list_indexes()
    assert statuses[1].gate
    assert statuses[1].gate.accepted is False
    evaluations = await world.fetch("SELECT index, summary FROM evaluations ORDER BY id")
    assert [row.index["model"] for row in evaluations] == ["old", "new"]
    assert [row.summary["modes"]["hybrid"]["ndcg"] for row in evaluations] == [1.0, 0.8155]
    assert (await world.find("xylophone"))[0] == "a barge", "searches read the old index"


@pytest.mark.parametrize(("meanings", "tolerance"), [(SAME, 0.0), (WORSE, 0.25)])
async def test_an_index_that_is_within_the_tolerance_becomes_active(
    world: World, set_id: int, meanings: dict[str, str], tolerance: float
) -> None:
    index = await build(world, set_id, meanings, tolerance)
    await world.run_tasks(TaskName.DECIDE_INDEX)
    await world.reembedding.advance()
    assert await read_states(world) == ["retired", "active"]
    assert (await read_gate(world, index)).accepted is True
    await world.indexes("new").check()


async def test_an_index_without_a_gate_becomes_active_at_once(world: World, set_id: int) -> None:
    assert set_id
    await world.rebuild("new")
    assert await world.count("tasks", f"name = '{TaskName.DECIDE_INDEX}'") == 0


async def test_a_decision_that_is_repeated_evaluates_each_index_once(world: World, set_id: int) -> None:
    await build(world, set_id, WORSE)
    [row] = await world.fetch("SELECT id FROM tasks WHERE name = :name", name=TaskName.DECIDE_INDEX.value)
    attempt, _ = await world.attempt(row.id)  # its process dies before the end is written
    before = await world.fetch("SELECT evaluation_id, number, measures FROM evaluation_results ORDER BY 1, 2")
    await world.give_back(attempt)
    assert (await world.run(row.id)).state is State.SUCCESS
    assert await world.count("evaluations") == 2
    after = await world.fetch("SELECT evaluation_id, number, measures FROM evaluation_results ORDER BY 1, 2")
    assert after == before
    assert len(after) == 4


async def calibrate(world: World, index_id: int) -> None:
    """Record a calibration of the agent."""
    insert = "INSERT INTO calibrations (index_id, agent_id, chunk_count, words, doubt) VALUES (:id, :agent, 3, 0.5, 0)"
    await world.fetch(insert, id=index_id, agent=world.agent)


async def test_a_new_index_is_evaluated_once_it_is_calibrated_as_the_active_one_is(world: World, set_id: int) -> None:
    await calibrate(world, (await world.vectors.get_active()).id)
    index = await build(world, set_id, SAME)
    [row] = await world.fetch("SELECT id FROM tasks WHERE name = :name", name=TaskName.DECIDE_INDEX.value)
    waiting = await world.run(row.id)
    assert (waiting.state, waiting.status) == (State.PENDING, "Waiting until the new index is calibrated")
    await calibrate(world, index.id)
    await world.fetch("UPDATE tasks SET available_at = now() WHERE id = :id", id=row.id)
    assert (await world.run(row.id)).result == {"index_id": index.id, "accepted": True}


async def test_a_calibration_that_fails_does_not_stop_the_decision(world: World, set_id: int) -> None:
    await calibrate(world, (await world.vectors.get_active()).id)
    await build(world, set_id, SAME)
    await world.let_pass("tasks", "created_at", 1000)
    [task] = await world.run_tasks(TaskName.DECIDE_INDEX)
    assert task.state is State.SUCCESS


async def test_the_old_index_stays_when_the_question_set_is_deleted(world: World, set_id: int) -> None:
    index = await build(world, set_id, SAME)
    async with world.database.transaction() as connection:
        await delete_question_set(connection, set_id)
    await world.reembedding.advance()
    assert await read_states(world) == ["active", "retired"]
    assert "The question set was deleted" in (await read_gate(world, index)).reason
    [task] = await world.run_tasks(TaskName.DECIDE_INDEX)
    assert task.state is State.SUCCESS


async def test_an_abandoned_index_is_not_evaluated(world: World, set_id: int) -> None:
    index = await build(world, set_id, SAME)
    await world.indexes("new").abandon()
    [task] = await world.run_tasks(TaskName.DECIDE_INDEX)
    assert (task.state, task.result) == (State.SUCCESS, {"index_id": index.id})
    assert await world.count("evaluations") == 0


async def test_a_cancelled_decision_is_reported_and_the_index_waits(world: World, set_id: int) -> None:
    await build(world, set_id, SAME)
    [row] = await world.fetch("SELECT id FROM tasks WHERE name = :name", name=TaskName.DECIDE_INDEX.value)
    async with world.database.statement() as connection:
        await cancel(connection, row.id, ORGANIZATION)
    await world.reembedding.advance()
    statuses = await world.indexes("new").list_indexes()
    assert [(status.index.state.value, status.stopped) for status in statuses] == [
        ("active", False),
        ("building", True),
    ]


async def test_a_gate_that_cannot_be_decided_is_refused_at_once(world: World, set_id: int) -> None:
    indexes = world.indexes("new")
    with pytest.raises(NotFoundError, match="Question set 999"):
        await indexes.begin(GateRequest(999, 0.01))
    nothing = await store(world, [Question("a", answerable=False)])
    with pytest.raises(InvalidRequestError, match="No question of this set"):
        await indexes.begin(GateRequest(nothing, 0.01))
    assert await read_states(world) == ["active"], "nothing was begun"
    await indexes.begin(GateRequest(set_id, 0.01))
    await indexes.begin(GateRequest(set_id, 0.01))
    await indexes.begin()
    with pytest.raises(ConflictError, match="another question set or tolerance"):
        await indexes.begin(GateRequest(set_id, 0.02))
