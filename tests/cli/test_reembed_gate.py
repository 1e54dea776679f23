"""A change of model on the command line that depends on an evaluation."""

import pytest

from tests.cli.test_commands import run, run_json
from tests.cli.test_reembed import MINILM, set_for
from tests.database import execute
from tests.running import Stack

QUESTIONS = [
    {"question": "What is the maximum draught?", "documents": ["gate.txt"]},
    {"question": "When does the ferry leave?", "documents": ["ferry.txt"]},
]


@pytest.fixture
def set_id(stack: Stack) -> str:
    """The id of a question set on documents that are indexed. The stack runs."""
    stack.start_api()
    stack.start_workers()
    agent = stack.make_agent()
    texts = {"gate.txt": b"The maximum draught is 2.4 metres.", "ferry.txt": b"The ferry leaves at noon."}
    stack.finish([stack.upload(agent, name, text)["task_id"] for name, text in texts.items()])
    return str(stack.post(f"/agents/{agent}/question-sets", {"questions": QUESTIONS})["id"])


@pytest.mark.slow
def test_a_new_model_is_evaluated_before_it_is_used_and_the_figures_are_shown(stack: Stack, set_id: str) -> None:
    with set_for(stack, **MINILM) as other:
        done = run(other, "reembed", "--questions", set_id, "--refuse-worse", "0", "--wait")
        indexes = run_json(other, "reembed", "--status")["indexes"]
    assert "nDCG@10 is 1.000, with the active index 1.000; it may fall by 0." in done.stderr
    assert [(index["state"], index["model"]) for index in indexes] == [("retired", "wordllama"), ("active", "minilm")]
    gate = indexes[1]["gate"]
    assert (gate["question_set"], gate["tolerance"], gate["state"]) == (int(set_id), 0.0, "accepted.")
    [task] = stack.finish([gate["task_id"]])
    assert task["result"] == {"index_id": indexes[1]["id"], "accepted": True}


def test_a_refusal_ends_the_wait_with_1_and_is_named_by_the_doctor(stack: Stack, set_id: str) -> None:
    stack.stop(stack.workers)
    url = str(stack.settings.database_url)
    with set_for(stack, **MINILM) as other:
        assert "Question set 999999 does not exist." in run(other, "reembed", "--questions", "999999", code=1).stderr
        run(other, "reembed", "--questions", set_id)
        assert "waits to be evaluated" in run(other, "reembed", "--status").stderr
        execute(url, "UPDATE index_gates SET accepted = false, reason = 'Worse by far.', decided_at = now()")
        done = run(other, "reembed", "--questions", set_id, "--wait", code=1)
        assert done.stderr.splitlines()[-1] == "Refused. Worse by far."
        execute(url, "UPDATE vector_indexes SET state = 'retired', retired_at = now() WHERE state = 'building'")
        [index] = [check for check in run_json(other, "doctor", code=1) if check["name"] == "index"]
        assert "The last new index was refused: Worse by far." in index["detail"]
