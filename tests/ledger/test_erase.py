"""Erasing a document's tasks removes every text in them that may name or quote it, and nothing that is counted."""

from app.domain.states import State
from app.domain.tasks import Progress, Task, TaskName
from app.ledger.cancel import cancel, revive
from app.ledger.erase import erase_document_tasks, is_in_use
from app.ledger.finish import fail, finish, retry
from app.ledger.report import report
from tests.ledger.bench import AWAY, BROKEN, ORGANIZATION, Bench

CANARY = "canary"


def add_names(bench: Bench) -> None:
    """Write the canary wherever a task may have it."""
    text = "CAST(:canary AS text)"
    bench.sql(
        f"UPDATE tasks SET status = {text}, metadata = jsonb_build_object('filename', {text}),"
        f" arguments = jsonb_build_object('url', {text}),"
        f" error = error || jsonb_build_object('message', {text}, 'traceback', {text}),"
        f" history = (SELECT coalesce(jsonb_agg(h || jsonb_build_object('message', {text})), '[]')"
        " FROM jsonb_array_elements(history) AS h)",
        canary=CANARY,
    )


def find_canary(bench: Bench) -> int:
    """The number of tasks that contain the canary."""
    return int(bench.one(f"SELECT count(*) FROM tasks AS t WHERE t::text LIKE '%{CANARY}%'"))


def test_an_ended_task_keeps_its_states_times_and_codes_only(bench: Bench) -> None:
    task = bench.start(bench.submit_document())
    bench.do(retry, task.attempt_token, AWAY, 0.0)
    again = bench.start(task)
    bench.do(report, again.attempt_token, Progress("parse", 20, f"Reading {CANARY}"))
    bench.do(fail, again.attempt_token, BROKEN)
    add_names(bench)
    assert task.document_id
    [erased] = bench.do(erase_document_tasks, [task.document_id])
    assert find_canary(bench) == 0
    assert (erased.state, erased.status, erased.dead_lettered_at) == (State.FAILURE, "Failed", None)
    assert (erased.metadata, erased.arguments) == ({}, {})
    assert erased.error
    assert (erased.error["code"], erased.error["retryable"]) == (BROKEN.code, False)
    assert [entry["code"] for entry in erased.history] == [AWAY.code, BROKEN.code]
    assert [(stage["name"], stage["status"]) for stage in erased.stages] == [("parse", "")]


def test_a_task_that_has_not_ended_is_left_alone(bench: Bench) -> None:
    task = bench.submit_document()
    add_names(bench)
    assert task.document_id
    assert bench.do(erase_document_tasks, [task.document_id]) == []
    assert find_canary(bench) == 1


def test_a_crawl_still_counts_a_skipped_page_whose_document_is_erased(bench: Bench) -> None:
    task = bench.start(bench.submit_document())
    result = {"document_id": None, "url": CANARY, "skipped": CANARY, "code": "noindex"}
    bench.do(finish, task.attempt_token, result, status=CANARY)
    assert task.document_id
    [erased] = bench.do(erase_document_tasks, [task.document_id])
    assert find_canary(bench) == 0
    assert (erased.result["code"], "skipped" in erased.result) == ("noindex", True)


def test_two_tasks_that_delete_a_document_do_not_wait_for_each_other(bench: Bench) -> None:
    def delete(task: Task) -> Task:
        bench.sql("UPDATE tasks SET name = :name WHERE id = :id", name=TaskName.DELETE_DOCUMENT.value, id=task.id)
        return task

    cancelled = delete(bench.submit_document())
    bench.do(cancel, cancelled.id, ORGANIZATION)
    document = cancelled.require_document_id()
    delete(bench.submit(document=document))  # as upkeep does for a document that no task erases
    assert bench.do(revive, cancelled.id, ORGANIZATION)
    assert not bench.do(is_in_use, document)
    bench.submit(document=document)
    assert bench.do(is_in_use, document)
