"""A process dies amid a merge of word segments, a calibration or the evaluation of an index: the next one goes on."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing

import pytest

from tests.cli.test_commands import run
from tests.cli.test_reembed import set_for
from tests.deadlines import wait_for
from tests.system.kill_points import DURING_A_CALIBRATION, DURING_A_GATE, DURING_A_MERGE
from tests.system.mortal_stack import STOP_CHORES, MortalStack, Witness, run_mortal_stack
from tests.system.test_kill_points import choose

_SENTENCE = "The heron of pound {} waits below the weir for the evening barge."
_QUESTIONS = 24

_DUE = "UPDATE chores SET due_at = now() WHERE name = $1 AND due_at < 'infinity'"
_GO = "UPDATE chores SET due_at = now() WHERE name = ANY ($1)"
_OTHERS = ["calibrate", "reembed"]

# An agent gets segments when it is large, or when it has one.
_FIRST_SEGMENT = "INSERT INTO word_segments (agent_id, chunk_count, keys, lengths) VALUES ($1, 0, '', '')"
_IS_MERGED = """
SELECT WHERE NOT EXISTS (SELECT FROM unsegmented_chunks WHERE agent_id = $1)
    AND (SELECT array_agg(chunk_count) FROM word_segments WHERE agent_id = $1) = ARRAY[$2::integer]
"""
_CHUNKS = "SELECT count(*)::integer AS chunks FROM chunks WHERE agent_id = $1"
_MISCOUNTED = """
WITH stored AS (
    SELECT p.lexeme, sum(octet_length(p.postings) / 3)::bigint AS chunks
    FROM word_postings AS p JOIN word_segments AS s ON s.id = p.segment_id WHERE s.agent_id = $1 GROUP BY p.lexeme
), counted AS (
    SELECT w.lexeme, count(*) AS chunks FROM chunks AS c, unnest(c.tsv) AS w WHERE c.agent_id = $1 GROUP BY w.lexeme
)
SELECT * FROM stored FULL JOIN counted USING (lexeme) WHERE stored.chunks IS DISTINCT FROM counted.chunks
"""
_WITHOUT_SEGMENT = "SELECT FROM word_postings WHERE segment_id NOT IN (SELECT id FROM word_segments)"
_CALIBRATED = "SELECT chunk_count FROM calibrations WHERE agent_id = $1 AND words IS NOT NULL"
_OF_NAME = "SELECT state, crashes, attempt FROM tasks WHERE agent_id = $1 AND name LIKE $2 ORDER BY id"
_GATES = "SELECT index_id, accepted, task_id FROM index_gates ORDER BY index_id DESC LIMIT 1"
_HAS_DEFAULT_MODEL = "SELECT FROM vector_indexes WHERE state = 'active' AND model = 'wordllama'"
_STATES = "SELECT state FROM vector_indexes WHERE id = $1"
_RESULTS = """
SELECT e.index ->> 'id' AS index_id, e.completed_at IS NOT NULL AS completed,
       (SELECT count(*) FROM evaluation_results AS r WHERE r.evaluation_id = e.id) AS results
FROM evaluations AS e WHERE e.task_id = $1
"""


@pytest.fixture(scope="module")
def running(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MortalStack]:
    """An API and workers, with the chores of the tests stopped."""
    folder = tmp_path_factory.mktemp("mortal")
    with run_mortal_stack(make_database, folder, stopped_chores=_OTHERS) as stack:
        yield stack


class LowWorker:
    """The worker of the queue of calibrations and evaluations: a process that dies as a whole."""

    def __init__(self, stack: MortalStack) -> None:
        self._stack = stack
        self._program: subprocess.Popen[bytes] | None = None

    def keep(self) -> None:
        """Start it, unless it runs."""
        if self._program is None or self._program.poll() is not None:
            self._program = self._stack.start("worker", "low")

    def stop(self) -> None:
        """Stop it."""
        self._stack.stop(self._program)


@pytest.fixture(scope="module")
def low_worker(running: MortalStack) -> Iterator[LowWorker]:
    worker = LowWorker(running)
    worker.keep()
    yield worker
    worker.stop()


@pytest.fixture
def witness(running: MortalStack) -> Iterator[Witness]:
    with closing(Witness(running.settings)) as looking:
        yield looking
        looking.fetch(STOP_CHORES, _OTHERS)
    running.disarm()


def add_document(stack: MortalStack, agent: int, first: int) -> None:
    """A document with some dozens of chunks."""
    text = "\n\n".join(_SENTENCE.format(number) for number in range(first, first + 70))
    stack.finish([stack.upload(agent, f"{first}.txt", text.encode())["task_id"]])


def check_found_once(stack: MortalStack, agent: int, number: int) -> None:
    """A sentence is found, in one chunk."""
    wanted = {"query": f'"pound {number}"', "mode": "text", "top_k": 100}
    texts = [hit["text"] for hit in stack.post(f"/agents/{agent}/search", wanted)["results"]]
    assert [text for text in texts if f"pound {number} " in text] == [_SENTENCE.format(number)]


@pytest.mark.parametrize("point", choose(DURING_A_MERGE))
def test_each_chunk_is_in_one_segment_when_a_process_dies_amid_a_merge(
    running: MortalStack, witness: Witness, point: str
) -> None:
    agent = running.make_agent(chunk_size=100, chunk_overlap=0)
    witness.fetch(_FIRST_SEGMENT, agent)

    def is_merged() -> bool:
        witness.fetch(_DUE, "words")
        [[chunks]] = witness.fetch(_CHUNKS, agent)
        return bool(witness.fetch(_IS_MERGED, agent, chunks))

    add_document(running, agent, 0)
    wait_for(is_merged, "the first segment")
    running.arm(point)
    add_document(running, agent, 1000)
    wait_for(lambda: not running.is_armed(point) or is_merged(), "a process to die during the merge")
    assert not running.is_armed(point)
    check_found_once(running, agent, 1007)
    wait_for(is_merged, "another process to merge the segments")
    assert witness.fetch(_MISCOUNTED, agent) == []
    assert witness.fetch(_WITHOUT_SEGMENT) == []
    for number in (7, 1007):
        check_found_once(running, agent, number)


@pytest.mark.parametrize("point", choose(DURING_A_CALIBRATION))
def test_an_agent_is_calibrated_once_when_a_process_dies_amid_it(
    running: MortalStack, witness: Witness, low_worker: LowWorker, point: str
) -> None:
    agent = running.make_agent(chunk_size=100, chunk_overlap=0)
    add_document(running, agent, 0)
    running.arm(point)
    witness.fetch(_GO, ["calibrate"])

    def is_calibrated() -> bool:
        low_worker.keep()
        witness.fetch(_DUE, "calibrate")
        return bool(witness.fetch(_CALIBRATED, agent)) and witness.is_at_rest()

    wait_for(is_calibrated, "the calibration")
    assert not running.is_armed(point)
    [[chunks]] = witness.fetch(_CHUNKS, agent)
    assert [row["chunk_count"] for row in witness.fetch(_CALIBRATED, agent)] == [chunks]
    [task] = witness.fetch(_OF_NAME, agent, "%calibrate_agent")
    assert task["state"] == "SUCCESS"
    assert task["attempt"] == 1 + task["crashes"]
    check_found_once(running, agent, 7)


@pytest.fixture(scope="module")
def set_id(running: MortalStack) -> str:
    """The id of a question set on a document."""
    agent = running.make_agent()
    add_document(running, agent, 0)
    questions = [
        {"question": f"Where does heron {number} wait?", "documents": ["0.txt"]} for number in range(_QUESTIONS)
    ]
    made = running.post(f"/agents/{agent}/question-sets", {"questions": questions})
    return str(made["id"])


@pytest.mark.slow
@pytest.mark.parametrize("point", list(DURING_A_GATE))
def test_a_new_index_is_decided_on_once_when_a_process_dies_amid_its_evaluation(
    running: MortalStack, witness: Witness, low_worker: LowWorker, set_id: str, point: str
) -> None:
    other_model = {"EMBEDDING_MODEL": "minilm"} if witness.fetch(_HAS_DEFAULT_MODEL) else {}
    running.arm(point)
    with set_for(running, **other_model) as other:
        run(other, "reembed", "--questions", set_id, "--refuse-worse", "1")
    witness.fetch(_GO, ["reembed"])
    [gate] = witness.fetch(_GATES)

    def is_active() -> bool:
        low_worker.keep()
        witness.fetch(_DUE, "reembed")
        return [row["state"] for row in witness.fetch(_STATES, gate["index_id"])] == ["active"]

    wait_for(is_active, "the new index to be used", seconds=120)
    assert not running.is_armed(point)
    [gate] = witness.fetch(_GATES)
    assert gate["accepted"] is True
    results = witness.fetch(_RESULTS, gate["task_id"])
    assert [(row["completed"], row["results"]) for row in results] == [(True, _QUESTIONS)] * 2
    [task] = witness.fetch("SELECT state, attempt, crashes FROM tasks WHERE id = $1", gate["task_id"])
    assert task["state"] == "SUCCESS"
