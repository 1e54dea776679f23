"""Question sets and evaluations over HTTP: stored, refused, run by a worker, shown and compared."""

import json
from typing import Any

import httpx
import pytest

from tests.api.checks import check_problem
from tests.running import Stack

TEXTS = {
    "gate.txt": "The Alder Gate opens at dawn. Its maximum draught is 2.4 metres.",
    "ferry.txt": "The ferry to the island leaves every second hour from the old pier.",
    "mill.txt": "The mill was built of red brick in 1783 and burned down twice.",
}
QUESTIONS: list[dict[str, Any]] = [
    {"question": "What is the maximum draught at the Alder Gate?", "documents": ["gate.txt"]},
    {"question": "When does the ferry leave for the island?", "quotes": ["leaves EVERY second\n hour"]},
    {"question": "Of what was the mill built?", "documents": ["mill.txt"], "quotes": ["built of red brick"]},
    {"question": "When does the ferry leave for the moon?", "documents": ["absent.txt"]},
    {"question": "What is the capital of Mongolia?", "answerable": False},
]


@pytest.fixture(scope="module")
def evaluated(shared_stack: Stack) -> int:
    """An agent with documents, which tests must not change."""
    agent = shared_stack.make_agent()
    uploads = [shared_stack.upload(agent, name, text.encode()) for name, text in TEXTS.items()]
    shared_stack.finish([upload["task_id"] for upload in uploads])
    return agent


def store(stack: Stack, agent: int, questions: list[dict[str, Any]]) -> int:
    """Store a question set; returns its id."""
    return int(stack.post(f"/agents/{agent}/question-sets", {"name": "Harbour", "questions": questions})["id"])


def evaluate(stack: Stack, agent: int, **request: Any) -> dict[str, Any]:
    """Evaluate, and return the report."""
    accepted = stack.post(f"/agents/{agent}/evaluations", request)
    [task] = stack.finish([accepted["task_id"]])
    assert task["state"] == "SUCCESS", task
    assert (task["queue"], task["result"]["evaluation_id"]) == ("low_priority", accepted["evaluation_id"])
    report = stack.get(f"/agents/{agent}/evaluations/{accepted['evaluation_id']}")
    assert report["summary"] == task["result"]["summary"]
    return report


def send_lines(client: httpx.Client, agent: int, lines: str, **parameters: str) -> httpx.Response:
    """Send lines of JSON."""
    headers = {"Content-Type": "application/x-ndjson"}
    return client.post(f"/agents/{agent}/question-sets", content=lines.encode(), headers=headers, params=parameters)


def test_an_evaluation_measures_each_mode_and_shows_what_was_found_for_the_worst_questions(
    shared_stack: Stack, evaluated: int
) -> None:
    set_id = store(shared_stack, evaluated, QUESTIONS)
    report = evaluate(shared_stack, evaluated, question_set=set_id, modes=["text", "hybrid", "vector"], ask=True)
    assert (report["status"], report["question_set"], report["modes"]) == (
        "completed",
        set_id,
        ["text", "hybrid", "vector"],
    )
    summary = report["summary"]
    assert (summary["questions"], summary["with_expected"], summary["with_missing_documents"]) == (5, 4, 1)
    text = summary["modes"]["text"]
    assert (text["ndcg"], text["recall"], text["reciprocal_rank"]) == (0.75, 0.75, 0.75)
    assert 0 < text["latency_ms"]["p50"] <= text["latency_ms"]["p95"]
    ask = summary["ask"]
    assert (ask["answerable"], ask["unanswerable"], ask["refused"], ask["with_expected_quotes"]) == (4, 1, 1, 2)
    assert ask["answered"] >= 3
    assert ask["answered_by"] == ["extractive"]
    assert ask["quoted"] >= 1
    worst = report["worst"][0]
    assert (worst["number"], worst["documents"], worst["missing_documents"]) == (4, ["absent.txt"], 1)
    assert worst["ndcg"]["text"] == 0
    found = worst["found"]["text"][0]
    assert (found["filename"], found["relevant"]) == ("ferry.txt", False)
    assert report["index"]["model"] == "wordllama"
    assert report["settings"] == {"chunk_size": 1000, "chunk_overlap": 200, "chunker": "sentence"}
    assert report["version"]


def test_two_evaluations_of_a_set_are_compared_question_by_question(shared_stack: Stack, evaluated: int) -> None:
    set_id = store(shared_stack, evaluated, QUESTIONS)
    before = evaluate(shared_stack, evaluated, question_set=set_id, modes=["text"])
    only = {"document_id": [before["worst"][0]["found"]["text"][0]["document_id"]]}
    after = evaluate(shared_stack, evaluated, question_set=set_id, modes=["text", "vector"], filter=only)
    path = f"/agents/{evaluated}/evaluations"
    report = shared_stack.get(f"{path}/{after['id']}", compare=before["id"])
    compared = report["comparison"]
    assert report["differences"] == [{"name": "filter", "before": None, "after": only}]
    assert (after["differences"], after["reranker"]) == (None, None)
    assert list(compared) == ["text"]
    text = compared["text"]
    assert (text["questions"], text["wins"], text["losses"], text["before"], text["after"]) == (4, 0, 2, 0.75, 0.25)
    assert text["changes"] == [{"number": 1, "before": 1.0, "after": 0.0}, {"number": 3, "before": 1.0, "after": 0.0}]
    assert text["chance"] == 0.5
    assert text["hint"].startswith("No clear difference: nDCG@10 rose for 0 questions and fell for 2")
    listed = shared_stack.get(path, limit=2)
    assert [one["id"] for one in listed["evaluations"]] == [after["id"], before["id"]]
    assert listed["evaluations"][0]["filter"] == only
    client = shared_stack.client
    other = evaluate(shared_stack, evaluated, question_set=store(shared_stack, evaluated, QUESTIONS[:1]))
    for wrong in (other["id"], evaluate(shared_stack, evaluated, question_set=set_id, modes=["hybrid"])["id"]):
        check_problem(client.get(f"{path}/{before['id']}", params={"compare": wrong}), 422, "invalid_request")
    check_problem(client.get(f"{path}/{before['id']}", params={"compare": 10**9}), 404, "not_found")


def test_a_set_is_sent_as_a_list_as_lines_or_as_a_file_and_shown_page_by_page(shared_stack: Stack, agent: int) -> None:
    path, client = f"/agents/{agent}/question-sets", shared_stack.client
    lines = "\n\n".join(json.dumps(question) for question in QUESTIONS) + "\n"
    made = [
        client.post(path, json=QUESTIONS),
        send_lines(client, agent, lines, name="Lines"),
        client.post(path, files={"file": ("harbour.jsonl", b"\xef\xbb\xbf" + lines.encode())}),
        client.post(path, files={"file": ("harbour.jsonl", lines.encode())}, data={"name": "Form"}),
    ]
    assert [response.status_code for response in made] == [201] * 4
    bodies = [response.json() for response in made]
    assert [body["name"] for body in bodies] == ["questions", "Lines", "harbour.jsonl", "Form"]
    assert {(body["question_count"], body["unanswerable_count"]) for body in bodies} == {(5, 1)}
    assert made[0].headers["location"] == f"/api/v1{path}/{bodies[0]['id']}"
    page = shared_stack.get(f"{path}/{bodies[0]['id']}", limit=3)
    assert (page["total"], page["next"], [one["number"] for one in page["questions"]]) == (5, "3", [1, 2, 3])
    rest = shared_stack.get(f"{path}/{bodies[0]['id']}", limit=3, after=page["next"])
    assert rest["next"] is None
    assert rest["questions"][1] == {"number": 5, "documents": [], "quotes": [], **QUESTIONS[4]}
    listed = shared_stack.get(path, limit=3)
    assert (listed["total"], [one["id"] for one in listed["question_sets"]]) == (
        4,
        [body["id"] for body in reversed(bodies[1:])],
    )


def test_the_lines_that_are_wrong_are_named_and_nothing_is_stored(shared_stack: Stack, agent: int) -> None:
    wrong = [
        ("{", "Is not valid JSON"),
        ("[]", "Must be a JSON object"),
        ('{"question": " "}', "question: Must be text"),
        ('{"question": "a"}', "Must name expected documents or quotes"),
        ('{"question": "a", "documents": "b"}', "documents: Must be a list"),
        ('{"question": "a", "documents": [0]}', "documents: An id"),
        ('{"question": "a", "documents": [true]}', "documents: Each must be"),
        ('{"question": "a", "quotes": [""]}', "quotes: Must be text"),
        ('{"question": "a\\u0000", "quotes": ["b"]}', "question: Must be valid Unicode"),
        ('{"question": "a", "documents": ["b"], "answerable": false}', "answerable: A question"),
        ('{"question": "a", "answerable": 1}', "answerable: Must be true or false"),
        ('{"question": "a", "document": ["b"]}', "'document' is unknown"),
    ]
    lines = ["", json.dumps(QUESTIONS[0]), *(line for line, _ in wrong)]
    body = check_problem(send_lines(shared_stack.client, agent, "\n".join(lines)), 422, "invalid_questions")
    assert [error["field"] for error in body["errors"]] == [f"line {number}" for number in range(3, 3 + len(wrong))]
    for error, (_, message) in zip(body["errors"], wrong, strict=True):
        assert error["message"].startswith(message)
    many = check_problem(send_lines(shared_stack.client, agent, "{}\n" * 1000), 422, "invalid_questions")
    assert len(many["errors"]) == 20
    assert "There are 980 more errors." in many["detail"]
    for content in ("", "\n", "\n".join([json.dumps(QUESTIONS[0])] * 5001)):
        check_problem(send_lines(shared_stack.client, agent, content), 422, "invalid_questions")
    long = json.dumps({"question": "a" * 1900, "documents": ["b"]})
    check_problem(send_lines(shared_stack.client, agent, f"{long}\n" * 600), 413, "payload_too_large")
    assert shared_stack.get(f"/agents/{agent}/question-sets")["total"] == 0


@pytest.mark.parametrize(
    "body",
    [7, "a", {}, {"questions": {}}, {"questions": QUESTIONS, "names": "a"}, {"questions": QUESTIONS, "name": ""}],
)
def test_a_body_of_another_form_is_refused(shared_stack: Stack, agent: int, body: Any) -> None:
    response = shared_stack.client.post(f"/agents/{agent}/question-sets", json=body)
    check_problem(response, 422, "invalid_request")


def test_an_evaluation_is_refused_that_could_not_run(shared_stack: Stack, agent: int, evaluated: int) -> None:
    client, set_id = shared_stack.client, store(shared_stack, evaluated, QUESTIONS)
    path = f"/agents/{evaluated}/evaluations"
    refused: list[dict[str, Any]] = [
        {"modes": []},
        {"modes": ["hybrid", "hybrid"]},
        {"modes": ["magic"]},
        {"top_k": 0},
        {"filter": {"type": "like", "key": "a", "value": 1}},
    ]
    for wrong in refused:
        check_problem(client.post(path, json={"question_set": set_id, **wrong}), 422, "invalid_request")
    check_problem(client.post(f"/agents/{agent}/evaluations", json={"question_set": set_id}), 404, "not_found")
    assert shared_stack.get(f"/agents/{agent}/evaluations")["total"] == 0


def test_an_evaluation_has_the_status_of_its_task_and_goes_on_when_that_is_retried(
    shared_stack: Stack, evaluated: int
) -> None:
    set_id = store(shared_stack, evaluated, QUESTIONS[:1])
    shared_stack.post("/queues/low_priority/pause")
    try:
        accepted = shared_stack.post(f"/agents/{evaluated}/evaluations", {"question_set": set_id})
        path = f"/agents/{evaluated}/evaluations/{accepted['evaluation_id']}"
        assert shared_stack.get(path)["status"] == "queued"
        shared_stack.delete(f"/tasks/{accepted['task_id']}")
        shown = shared_stack.get(path)
        assert (shown["status"], shown["summary"], shown["completed_at"]) == ("cancelled", None, None)
    finally:
        shared_stack.post("/queues/low_priority/resume")
    shared_stack.post(f"/tasks/{accepted['task_id']}/retry")
    shared_stack.finish([accepted["task_id"]])
    assert shared_stack.get(path)["status"] == "completed"


def test_a_deleted_set_takes_its_evaluations_with_it(shared_stack: Stack, evaluated: int) -> None:
    set_id, client = store(shared_stack, evaluated, QUESTIONS[:2]), shared_stack.client
    first, second = (evaluate(shared_stack, evaluated, question_set=set_id) for _ in range(2))
    path = f"/agents/{evaluated}"
    assert client.delete(f"{path}/evaluations/{first['id']}").status_code == 204
    check_problem(client.get(f"{path}/evaluations/{first['id']}"), 404, "not_found")
    assert client.delete(f"{path}/question-sets/{set_id}").status_code == 204
    check_problem(client.get(f"{path}/evaluations/{second['id']}"), 404, "not_found")
    check_problem(client.get(f"{path}/question-sets/{set_id}"), 404, "not_found")


def test_a_repeated_request_stores_a_set_once(shared_stack: Stack, agent: int) -> None:
    headers = {"Idempotency-Key": f"set-{agent}"}
    sent = [
        shared_stack.client.post(f"/agents/{agent}/question-sets", json=QUESTIONS, headers=headers) for _ in range(2)
    ]
    assert sent[0].json() == sent[1].json()
    assert shared_stack.get(f"/agents/{agent}/question-sets")["total"] == 1


def test_a_deleted_agent_leaves_no_question_and_no_evaluation(shared_stack: Stack) -> None:
    agent = shared_stack.make_agent()
    shared_stack.finish([shared_stack.upload(agent, "gate.txt", TEXTS["gate.txt"].encode())["task_id"]])
    evaluate(shared_stack, agent, question_set=store(shared_stack, agent, QUESTIONS[:1]))
    shared_stack.finish([shared_stack.delete(f"/agents/{agent}")["task_id"]])
    for table in ("question_sets", "evaluations"):
        [row] = shared_stack.fetch(f"SELECT count(*) AS n FROM {table} WHERE agent_id = $1", agent)
        assert row["n"] == 0, table
    leftovers = "SELECT (SELECT count(*) FROM questions AS q WHERE NOT EXISTS (SELECT FROM question_sets AS s"
    [row] = shared_stack.fetch(f"{leftovers} WHERE s.id = q.question_set_id)) AS n")
    assert row["n"] == 0
