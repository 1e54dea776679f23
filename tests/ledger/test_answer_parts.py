"""Parts of answers belong to one attempt, have a version each, and go with the text that they quote."""

from typing import Any

from app.domain.tasks import NewTask, Queue, Task, TaskName
from app.ledger.answer_parts import Part, add_parts, list_parts, restart_parts
from app.ledger.cancel import cancel
from app.ledger.erase import erase_agent_tasks, erase_answers
from app.ledger.finish import abort, fail, finish, hand_back
from app.ledger.read import get_task
from app.ledger.report import AttemptStatus
from app.ledger.submit import submit
from tests.ledger.bench import BROKEN, ORGANIZATION, Bench


def start(bench: Bench) -> Task:
    """A running question."""
    question = NewTask(ORGANIZATION, bench.agent, TaskName.ANSWER_QUESTION, Queue.HIGH)
    return bench.start(bench.do(submit, question))


def write(bench: Bench, task: Task, *texts: str, document: int = 1) -> AttemptStatus:
    citations = [{"document_id": document}]
    parts = [("sentence", {"text": text, "citations": citations}) for text in texts]
    status: AttemptStatus = bench.do(add_parts, task.attempt_token, parts)
    return status


def read(bench: Bench, task: Task, seen: int = -1) -> list[Part]:
    current = bench.do(get_task, task.id)
    assert current
    parts: list[Part] = bench.do(list_parts, current, seen)
    return parts


def list_texts(parts: list[Part]) -> list[Any]:
    return [part.data.get("text", part.event) for part in parts]


def test_each_part_has_a_version_of_its_own_up_to_that_of_the_task(bench: Bench) -> None:
    task = start(bench)
    assert write(bench, task, "One.") is AttemptStatus.CONTINUE
    write(bench, task, "Two.", "Three.")
    parts = read(bench, task)
    assert list_texts(parts) == ["One.", "Two.", "Three."]
    assert [part.version for part in parts] == [task.version + 1, task.version + 2, task.version + 3]
    current = bench.do(get_task, task.id)
    assert current
    assert current.version == task.version + 3
    assert list_texts(read(bench, task, parts[0].version)) == ["Two.", "Three."]


def test_an_attempt_that_is_superseded_or_cancelled_adds_nothing(bench: Bench) -> None:
    task = start(bench)
    write(bench, task, "One.")
    bench.do(hand_back, task.attempt_token)
    assert write(bench, task, "Two.") is AttemptStatus.SUPERSEDED
    assert read(bench, task) == [], "parts of a former attempt are not shown"
    again = bench.start(task)
    bench.do(cancel, task.id, ORGANIZATION)
    assert write(bench, again, "Three.") is AttemptStatus.CANCELLED
    assert read(bench, again) == []


def test_the_next_attempt_replaces_the_parts_by_a_restart(bench: Bench) -> None:
    task = start(bench)
    bench.do(restart_parts, task.attempt_token, {})
    assert read(bench, task) == [], "there is nothing to discard"
    write(bench, task, "One.")
    bench.do(hand_back, task.attempt_token)
    again = bench.start(task)
    bench.do(restart_parts, again.attempt_token, {"attempt": 2})
    write(bench, again, "Two.")
    assert list_texts(read(bench, again)) == ["restart", "Two."]
    assert bench.one("SELECT count(*) FROM answer_parts") == 2


def test_parts_are_erased_with_a_document_that_one_of_them_quotes(bench: Bench) -> None:
    quoting, other, failed, running = (start(bench) for _ in range(4))
    write(bench, quoting, "One.", document=7)
    write(bench, quoting, "Two.", document=8)
    write(bench, other, "Three.", document=8)
    write(bench, failed, "Four.", document=8)
    write(bench, running, "Five.", document=7)
    for task in (quoting, other):
        bench.do(finish, task.attempt_token, {"references": []}, status="Answered")
    bench.do(fail, failed.attempt_token, BROKEN)
    bench.do(erase_answers, bench.agent, [7])
    left = bench.sql("SELECT data ->> 'text' AS text FROM answer_parts ORDER BY text")
    assert [row["text"] for row in left] == ["Five.", "Three."]


def test_sentences_without_support_are_erased_with_a_quoted_document_and_from_every_refusal(bench: Bench) -> None:
    quoting, other, refusal = (start(bench) for _ in range(3))
    for task, documents in ((quoting, [7]), (other, [8]), (refusal, [])):
        result = {
            "answer": f"Answer {documents}",
            "references": [{"document_id": number} for number in documents],
            "unsupported": ["A guess."],
        }
        bench.do(finish, task.attempt_token, result, status="Answered")
    assert set(bench.do(erase_answers, bench.agent, [7])) == {quoting.id, refusal.id}
    results = [bench.one("SELECT result FROM tasks WHERE id = :id", id=task.id) for task in (quoting, other, refusal)]
    assert [result.get("unsupported") for result in results] == [None, ["A guess."], None]
    assert [result["answer"] for result in results[1:]] == ["Answer [8]", "Answer []"]
    assert results[0]["references"] == []


def test_parts_are_erased_with_their_agent(bench: Bench) -> None:
    task = start(bench)
    write(bench, task, "One.")
    bench.do(cancel, task.id, ORGANIZATION)
    bench.do(abort, task.attempt_token)
    bench.do(erase_agent_tasks, bench.agent, after=None, limit=10)
    assert bench.one("SELECT count(*) FROM answer_parts") == 0
