"""Answers from quotes over HTTP: tables, refusals in the language of the question, places in the document."""

from typing import Any

import pytest

from tests.running import Stack

TABLE = "Port,Draught,Open\n" + "".join(f"Gate {number},{number} m,{number + 5} h\n" for number in range(1, 60))


@pytest.fixture
def ports(shared_stack: Stack, agent: int) -> dict[str, Any]:
    """An agent with a table and a text."""
    uploads = [
        shared_stack.upload(agent, "ports.csv", TABLE.encode()),
        shared_stack.upload(agent, "keeper.txt", b"# Keepers\n\nThe keeper of the harbour is Ines Holm."),
    ]
    shared_stack.finish([upload["task_id"] for upload in uploads])
    return {"agent_id": agent, "documents": [upload["document_id"] for upload in uploads]}


def ask(stack: Stack, ports: dict[str, Any], question: str) -> dict[str, Any]:
    accepted = stack.post(f"/agents/{ports['agent_id']}/ask", {"question": question})
    [task] = stack.finish([accepted["task_id"]])
    result: dict[str, Any] = task["result"]
    return result


def test_a_row_is_answered_with_the_names_of_its_columns(shared_stack: Stack, ports: dict[str, Any]) -> None:
    answer = ask(shared_stack, ports, "What is the draught of the port Gate 57?")
    assert "Port: Gate 57, Draught: 57 m, Open: 62 h [1]" in answer["answer"]
    reference = answer["references"][0]
    path = f"/documents/{ports['documents'][0]}/content"
    text = shared_stack.client.get(path, params={"format": "text"}).text
    assert text[reference["start"] : reference["end"]] == reference["quote"]
    assert reference["quote"] == "Gate 57 | 57 m | 62 h"


def test_a_heading_is_no_part_of_an_answer(shared_stack: Stack, ports: dict[str, Any]) -> None:
    answer = ask(shared_stack, ports, "Who is the keeper of the harbour?")
    assert answer["answer"].startswith("The keeper of the harbour is Ines Holm. [1]")
    assert "#" not in answer["answer"]


@pytest.mark.parametrize(
    ("question", "refusal"),
    [
        ("What is the capital of Mongolia?", "The documents do not answer this."),
        ("¿Cuál es la capital de Mongolia?", "Los documentos no responden a esta pregunta."),
        ("蒙古的首都是哪里？", "这些文档没有回答这个问题。"),  # noqa: RUF001
    ],
)
def test_a_refusal_is_in_the_language_of_the_question(
    shared_stack: Stack, ports: dict[str, Any], question: str, refusal: str
) -> None:
    answer = ask(shared_stack, ports, question)
    assert (answer["answered"], answer["references"], answer["mode"]) == (False, [], "extractive")
    assert answer["answer"].startswith(refusal)
