"""Each end of a job is one event, whatever ends it."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from app.domain.events import NOT_JOBS
from app.domain.tasks import Failure, NewTask, Queue, Task, TaskName
from app.ledger.cancel import cancel, cancel_agent, force_abort, revive
from app.ledger.claim import Slot
from app.ledger.dead_letters import discard, replay
from app.ledger.erase import erase_document_tasks
from app.ledger.finish import (
    abort,
    fail,
    finish,
    finish_and_claim,
    finish_several_and_claim,
    hand_back,
    retry,
    supersede,
)
from app.ledger.recover import reap_processes, reap_workers
from app.ledger.submit import submit
from tests.ledger.bench import AWAY, BROKEN, ORGANIZATION, PID, Bench

LONG = "x" * 5000


@pytest.fixture(scope="module")
def _bench(make_database: Callable[[], AbstractContextManager[tuple[str, str]]]) -> Iterator[Bench]:
    with make_database() as (database_url, _):
        bench = Bench(database_url)
        yield bench
        bench.close()


@pytest.fixture
def bench(_bench: Bench) -> Bench:
    """An empty ledger of an organization that has events on."""
    _bench.clear()
    _bench.record_events()
    return _bench


def read_events(bench: Bench) -> list[dict[str, Any]]:
    return [dict(row) for row in bench.sql("SELECT * FROM events ORDER BY id")]


def list_types(bench: Bench) -> list[str]:
    return [event["type"] for event in read_events(bench)]


def finish_it(bench: Bench, task: Task) -> None:
    bench.do(finish, task.attempt_token, {}, status="Done")


def finish_and_continue(bench: Bench, task: Task) -> None:
    bench.do(finish_and_claim, task.attempt_token, Slot(bench.worker, PID, Queue.HIGH), {}, status="Done")


def finish_together(bench: Bench, task: Task) -> None:
    slot = Slot(bench.worker, PID, Queue.HIGH, most=2, name=task.name)
    bench.do(finish_several_and_claim, [(task.attempt_token, {}, "Done")], slot)


def fail_it(bench: Bench, task: Task) -> None:
    bench.do(fail, task.attempt_token, BROKEN)


def crash_in_a_process(bench: Bench, _task: Task) -> None:
    bench.do(reap_processes, bench.worker, [PID], 1)


def crash_with_its_worker(bench: Bench, _task: Task) -> None:
    bench.expire(bench.worker)
    bench.do(reap_workers, 1)


def abort_it(bench: Bench, task: Task) -> None:
    bench.do(cancel, task.id, ORGANIZATION)
    bench.do(abort, task.attempt_token)


def abort_by_force(bench: Bench, task: Task) -> None:
    bench.do(cancel, task.id, ORGANIZATION)
    bench.do(force_abort, task.attempt_token)


def crash_after_a_cancel(bench: Bench, task: Task) -> None:
    bench.do(cancel, task.id, ORGANIZATION)
    bench.do(reap_processes, bench.worker, [PID], 3)


def supersede_it(bench: Bench, task: Task) -> None:
    bench.do(supersede, task.attempt_token, BROKEN)


ENDS: dict[Callable[[Bench, Task], None], str] = {
    finish_it: "task.succeeded",
    finish_and_continue: "task.succeeded",
    finish_together: "task.succeeded",
    fail_it: "task.failed",
    crash_in_a_process: "task.failed",
    crash_with_its_worker: "task.failed",
    abort_it: "task.cancelled",
    abort_by_force: "task.cancelled",
    crash_after_a_cancel: "task.cancelled",
    supersede_it: "task.cancelled",
}


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_a_running_job_ends_with_one_event(bench: Bench, end: Callable[[Bench, Task], None]) -> None:
    task = bench.start()
    assert read_events(bench) == []
    end(bench, task)
    [event] = read_events(bench)
    assert event["type"] == ENDS[end]
    assert (event["organization_id"], event["agent_id"], event["task_id"]) == (ORGANIZATION, bench.agent, task.id)
    assert (event["data"]["task_id"], event["data"]["task_name"]) == (str(task.id), task.name)
    assert event["data"]["dead_letter"] == (ENDS[end] == "task.failed")
    assert (event["data"]["error"] or {}).get("traceback") is None


def test_a_waiting_job_that_is_cancelled_ends_with_one_event(bench: Bench) -> None:
    bench.do(cancel, bench.submit().id, ORGANIZATION)
    assert list_types(bench) == ["task.cancelled"]


def test_each_job_of_a_deleted_agent_ends_with_one_event(bench: Bench) -> None:
    bench.submit_many(3)
    bench.do(cancel_agent, bench.agent, 10)
    assert list_types(bench) == ["task.cancelled"] * 3


def test_a_job_that_goes_on_is_no_event(bench: Bench) -> None:
    bench.do(retry, bench.start().attempt_token, AWAY, 0)
    bench.pass_backoff()
    bench.do(hand_back, bench.start(bench.submit(queue=Queue.HIGH)).attempt_token)
    assert list_types(bench) == []


def test_a_job_that_runs_again_ends_with_a_second_event(bench: Bench) -> None:
    task = bench.start()
    finish_it(bench, task)
    bench.do(revive, task.id, ORGANIZATION)
    finish_it(bench, bench.start(bench.read(task)))
    first, second = read_events(bench)
    assert [first["type"], second["type"]] == ["task.succeeded"] * 2
    assert first["id"] < second["id"]


def test_a_dead_letter_that_is_replayed_or_discarded_is_an_event(bench: Bench) -> None:
    task = bench.start()
    fail_it(bench, task)
    bench.do(replay, ORGANIZATION, [task.id])
    fail_it(bench, bench.start(bench.read(task)))
    bench.do(discard, task.id, ORGANIZATION)
    assert list_types(bench) == ["task.failed", "task.replayed", "task.failed", "task.discarded"]
    events = read_events(bench)
    assert [event["data"]["dead_letter"] for event in events] == [True, False, True, False]
    assert {event["data"]["error"]["code"] for event in events} == {BROKEN.code}


def test_a_late_write_of_a_lost_attempt_is_no_event(bench: Bench) -> None:
    task = bench.start()
    finish_it(bench, task)
    fail_it(bench, task)
    finish_it(bench, task)
    assert list_types(bench) == ["task.succeeded"]


def test_the_end_of_a_part_is_no_event(bench: Bench) -> None:
    parent = bench.start()
    bench.do(submit, NewTask.child_of(parent, TaskName.EMBED_CHUNKS, Queue.HIGH, {}))
    [child] = [row["id"] for row in bench.sql("SELECT id FROM tasks WHERE parent_id IS NOT NULL")]
    finish_it(bench, bench.start(bench.read(child)))
    assert list_types(bench) == []


@pytest.mark.parametrize("name", NOT_JOBS)
def test_the_end_of_work_that_no_client_has_asked_for_is_no_event(bench: Bench, name: TaskName) -> None:
    task = bench.do(submit, NewTask(ORGANIZATION, bench.agent, name, Queue.HIGH))
    finish_it(bench, bench.start(task))
    assert list_types(bench) == []


def test_the_trigger_leaves_out_the_same_tasks_as_the_catalogue_says(bench: Bench) -> None:
    source = bench.one("SELECT prosrc FROM pg_proc WHERE proname = 'sluice_record_task_event'")
    assert sorted(re.findall(r"'(app\.tasks\.[a-z_.]+)'", source)) == sorted(NOT_JOBS)


def test_the_end_of_a_task_of_the_organization_itself_is_no_event(bench: Bench) -> None:
    bench.sql("UPDATE agents SET internal = true WHERE id = :id", id=bench.agent)
    fail_it(bench, bench.start())
    assert list_types(bench) == []


def test_nothing_is_written_while_the_organization_has_events_off(bench: Bench) -> None:
    for off in ("NULL", "now() - interval '1 second'"):
        bench.sql(f"UPDATE organizations SET events_until = {off}")
        task = bench.start(bench.submit_document())
        fail_it(bench, task)
        bench.do(discard, task.id, ORGANIZATION)
    assert list_types(bench) == []


def test_the_end_of_a_job_with_a_callback_is_written_in_any_case(bench: Bench) -> None:
    bench.sql("UPDATE organizations SET events_until = NULL")
    task = bench.submit()
    address = "https://example.com/end"
    bench.sql("UPDATE tasks SET arguments = jsonb_build_object('callback_url', CAST(:to AS text))", to=address)
    fail_it(bench, bench.start(task))
    bench.do(discard, task.id, ORGANIZATION)
    [event] = read_events(bench)
    assert (event["type"], event["callback_url"]) == ("task.failed", address)


def test_an_event_is_small_whatever_the_job_contains(bench: Bench) -> None:
    task = bench.submit()
    bench.sql(
        "UPDATE tasks SET metadata = jsonb_build_object('filename', CAST(:name AS text), 'note', CAST(:note AS text))",
        name="\U0001f426" * 5000,
        note="\U0001f426" * 480,
    )
    started = bench.start(task)
    bench.do(fail, started.attempt_token, Failure("code" * 500, "\U0001f426" * 50_000, retryable=False, traceback=LONG))
    [event] = read_events(bench)
    assert len(json.dumps(event["data"])) < 18_000
    assert event["data"]["truncated"] == ["filename", "error.message"]
    assert len(event["data"]["filename"]) == 250
    assert event["data"]["metadata"]["note"]
    bench.sql("UPDATE tasks SET metadata = jsonb_build_object('note', CAST(:note AS text))", note=LONG)
    bench.do(replay, ORGANIZATION, [task.id])
    assert read_events(bench)[-1]["data"]["truncated"] == ["error.message", "metadata"]
    assert read_events(bench)[-1]["data"]["metadata"] is None


def test_an_erased_dead_letter_gives_away_no_name(bench: Bench) -> None:
    task = bench.start(bench.submit_document())
    bench.sql("""UPDATE tasks SET metadata = '{"filename": "secret.pdf"}'""")
    fail_it(bench, task)
    bench.sql("DELETE FROM events")
    bench.do(erase_document_tasks, [task.require_document_id()])
    [event] = read_events(bench)
    assert event["type"] == "task.discarded"
    assert event["data"]["filename"] is None
