"""The command that measures searches: it stores a file of questions once, and fails below a threshold."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import run, run_json
from tests.running import Stack

QUESTIONS: list[dict[str, Any]] = [
    {"question": "Where does the heron wait?", "quotes": ["waits for the evening boat"]},
    {"question": "When does the weir open?", "documents": ["weir.txt"]},
    {"question": "What is the capital of Mongolia?", "answerable": False},
]


@pytest.fixture(scope="module")
def agent(shared_stack: Stack) -> str:
    """The id of an agent with a document."""
    agent = shared_stack.make_agent()
    upload = shared_stack.upload(agent, "herons.txt", b"The heron at Coldharbour waits for the evening boat.")
    shared_stack.finish([upload["task_id"]])
    return str(agent)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of questions."""
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(f"{json.dumps(question)}\n" for question in QUESTIONS))
    return path


def test_a_file_is_stored_once_and_its_figures_are_printed_with_the_worst_questions(
    shared_stack: Stack, agent: str, file: Path
) -> None:
    given = ("eval", "--agent", agent, "--set", str(file))
    done = run(shared_stack, *given, "--modes", "hybrid,text", "--ask")
    assert "Stored 3 questions as question set" in done.stderr
    assert "1 question with an expected document that the agent lacks" in done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[:4] for line in lines[1:3]] == [[mode, "0.500", "0.500", "0.500"] for mode in ("hybrid", "text")]
    assert ["refused", "1", "1", "1.000"] in lines
    assert "2      0.000    When does the weir open?" in done.stdout
    again = run_json(shared_stack, *given, "--compare", str(run_json(shared_stack, *given)["id"]))
    assert again["comparison"]["hybrid"]["hint"] == "No question changed."
    assert shared_stack.get(f"/agents/{agent}/question-sets")["total"] == 1
    by_id = run(shared_stack, "eval", "--agent", agent, "--set", str(again["question_set"]))
    assert "Stored" not in by_id.stderr


def test_a_figure_below_the_threshold_ends_the_command_with_1(shared_stack: Stack, agent: str, file: Path) -> None:
    given = ("eval", "--agent", agent, "--set", str(file), "--modes", "text")
    run(shared_stack, *given, "--min-ndcg", "0.5")
    assert "text: nDCG@10 is 0.500, less than 0.51." in run(shared_stack, *given, "--min-ndcg", ".51", code=1).stderr
    assert run_json(shared_stack, *given, "--min-ndcg", ".51", code=1)["summary"]["modes"]["text"]["ndcg"] == 0.5


def test_wrong_questions_files_and_modes_are_named_in_a_line(shared_stack: Stack, agent: str, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text('{"question": "a", "documents": ["b"]}\n{"question": "a"}\n')
    assert (
        "line 2: Must name expected documents"
        in run(shared_stack, "eval", "--agent", agent, "--set", str(wrong), code=2).stderr
    )
    assert "cannot be read" in run(shared_stack, "eval", "--agent", agent, "--set", "absent.jsonl", code=2).stderr
    assert "hybrid" in run(shared_stack, "eval", "--agent", agent, "--set", "1", "--modes", "magic", code=2).stderr
    assert "not_found" in run(shared_stack, "eval", "--agent", agent, "--set", "999999", code=1).stderr
