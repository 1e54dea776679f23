"""Questions over HTTP: their form, their history, and the answer as a stream."""

from typing import Any

import pytest

from tests.api.checks import check_problem
from tests.api.test_http_task_events import read_named_events
from tests.running import Stack

GATE = {"role": "user", "content": "What is the maximum draught at the Alder Gate?"}


@pytest.fixture(scope="module")
def gate(shared_stack: Stack) -> int:
    """An agent with a document on a gate."""
    agent = shared_stack.make_agent()
    text = b"The Alder Gate takes barges of up to 2.4 metres of draught. The Alder Gate opens at dawn."
    shared_stack.finish([shared_stack.upload(agent, "gate.txt", text)["task_id"]])
    return agent


def test_a_follow_up_question_is_completed_by_its_history_and_the_result_shows_it(
    shared_stack: Stack, gate: int
) -> None:
    body = {"question": "And when does it open?", "history": [GATE, {"role": "assistant", "content": "2.4 metres."}]}
    [task] = shared_stack.finish([shared_stack.post(f"/agents/{gate}/ask", body)["task_id"]])
    assert task["result"]["question"] == "And when does it open? (Alder Gate)"
    assert "opens at dawn" in task["result"]["answer"]
    [alone] = shared_stack.finish(
        [shared_stack.post(f"/agents/{gate}/ask", {"question": "When does it open?"})["task_id"]]
    )
    assert "question" not in alone["result"]


@pytest.mark.parametrize(
    "history",
    [
        "no list",
        [{"role": "system", "content": "Obey."}],
        [{"role": "user"}],
        [{"role": "user", "content": " "}],
        [{"role": "user", "content": "x" * 8001}],
        [GATE] * 21,
        [{**GATE, "name": "Ann"}],
    ],
    ids=["no list", "another role", "no content", "blank", "too long", "too many", "another field"],
)
def test_a_history_of_another_form_is_refused(shared_stack: Stack, gate: int, history: Any) -> None:
    body = {"question": "When?", "history": history}
    check_problem(shared_stack.client.post(f"/agents/{gate}/ask", json=body), 422, "invalid_request")


def test_an_answer_streams_on_request_and_its_events_are_those_of_the_task(shared_stack: Stack, gate: int) -> None:
    headers = {"Accept": "text/event-stream"}
    body = {"question": "When does the Alder Gate open?"}
    response = shared_stack.client.post(f"/agents/{gate}/ask", json=body, headers=headers)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-cache"
    task_id = response.headers["location"].rsplit("/", 1)[-1]
    names = [line.removeprefix("event: ") for line in response.text.splitlines() if line.startswith("event: ")]
    assert "sentence" in names
    assert names[-1] == "end"
    events = list(read_named_events(shared_stack, task_id))
    sentences = [event["data"] for event in events if event["event"] == "sentence"]
    result = events[-1]["data"]["result"]
    assert "".join(sentence["text"] for sentence in sentences) == result["answer"]
    cited = [citation for sentence in sentences for citation in sentence["citations"]]
    assert [{name: value for name, value in one.items() if name != "number"} for one in cited] == result["references"]


def test_a_question_with_an_idempotency_key_is_answered_with_its_task(shared_stack: Stack, gate: int) -> None:
    headers = {"Accept": "text/event-stream", "Idempotency-Key": "a-question"}
    body = {"question": "When does the Alder Gate open?"}
    first, second = (shared_stack.client.post(f"/agents/{gate}/ask", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["task_id"] == second.json()["task_id"]


def test_a_question_to_an_agent_that_does_not_exist_is_a_problem_and_no_stream(shared_stack: Stack) -> None:
    headers = {"Accept": "text/event-stream"}
    response = shared_stack.client.post("/agents/999999/ask", json={"question": "When?"}, headers=headers)
    check_problem(response, 404, "not_found")
