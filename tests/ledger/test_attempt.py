"""An attempt from submission to its end. Late, duplicate and foreign attempts change nothing."""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.states import State
from app.domain.tasks import Attempt, Progress, Queue, Task, TaskLabel, TaskName
from app.ledger.cancel import cancel
from app.ledger.claim import Slot, claim
from app.ledger.finish import abort, fail, finish, hand_back, retry
from app.ledger.recover import reap_workers
from app.ledger.report import AttemptStatus, report, watch
from tests.ledger.bench import AWAY, BROKEN, ORGANIZATION, PID, Bench

End = Callable[[AsyncConnection, Attempt], Awaitable[Task | None]]
ENDS: dict[str, End] = {
    "finish": lambda connection, attempt: finish(connection, attempt, {"chunks": 3}, status="Done"),
    "retry": lambda connection, attempt: retry(connection, attempt, AWAY, 60),
    "fail": lambda connection, attempt: fail(connection, attempt, BROKEN),
    "abort": abort,
    "hand_back": hand_back,
}
UNCANCELLED = [name for name in ENDS if name != "abort"]


def test_a_task_goes_from_submit_to_success(bench: Bench) -> None:
    task = bench.submit()
    assert (task.state, task.attempt, task.epoch, task.version) == (State.PENDING, 0, 0, 0)
    [bell] = bench.admit()
    assert bell == task.bell
    queued = bench.read(task)
    assert (queued.state, queued.state.public, queued.rings, queued.version) == (State.QUEUED, "PENDING", 1, 1)
    started = bench.claim(task)
    assert started is not None
    assert (started.state, started.attempt, started.epoch, started.version) == (State.STARTED, 1, 1, 2)
    assert (started.worker_id, started.pid) == (bench.worker, PID)
    assert bench.do(report, started.attempt_token, Progress("embed", 60, "Embedding", 7)) is AttemptStatus.CONTINUE
    assert bench.read(task).state is State.PROGRESS
    done = bench.do(finish, started.attempt_token, {"chunks": 7}, status="Done")
    assert done is not None
    assert done == bench.read(task)
    assert (done.state, done.current, done.status, done.version) == (State.SUCCESS, 100, "Done", 4)
    assert (done.result, done.chunk_count, done.error, done.worker_id, done.pid) == ({"chunks": 7}, 7, None, None, None)
    assert done.started_at
    assert done.completed_at
    assert done.started_at <= done.completed_at


def test_a_doubled_bell_claims_nothing(bench: Bench) -> None:
    started = bench.start()
    assert bench.claim(started) is None
    assert bench.read(started) == started


def test_of_many_who_answer_one_bell_at_once_one_gets_the_task(bench: Bench) -> None:
    task = bench.submit()
    bench.admit()
    claims = bench.race(*(lambda c, pid=pid: claim(c, task.id, task.name, Slot(bench.worker, pid)) for pid in range(8)))
    [winner] = [claimed.task for claimed in claims if claimed.task]
    assert winner == bench.read(task)
    assert winner.attempt == 1


def test_a_message_that_names_another_task_than_the_row_claims_nothing(bench: Bench) -> None:
    task = bench.submit()
    bench.admit()
    admitted = bench.read(task)
    assert bench.do(claim, task.id, TaskName.DELETE_AGENT, Slot(bench.worker, PID, Queue.HIGH)).task is None
    assert bench.read(task) == admitted
    assert bench.do(claim, task.id, TaskName.PROCESS_DOCUMENT, Slot(bench.worker, PID)).task


def test_the_message_of_a_task_names_its_document_for_people(bench: Bench) -> None:
    task = bench.submit(document=bench.add_document())
    bench.sql("""UPDATE tasks SET metadata = '{"filename": "a.txt"}'""")
    label = TaskLabel(bench.agent, task.document_id, "a.txt")
    assert [bell.label for bell in bench.admit()] == [label]
    assert bench.read(task).bell.label == label


def test_a_task_that_was_not_admitted_cannot_be_claimed(bench: Bench) -> None:
    task = bench.submit()
    assert bench.claim(task) is None
    assert bench.read(task) == task


def test_a_worker_whose_lease_has_run_out_claims_nothing(bench: Bench) -> None:
    task = bench.submit()
    bench.admit()
    bench.expire(bench.worker)
    assert bench.claim(task) is None
    assert bench.read(task).state is State.QUEUED


@pytest.mark.parametrize("name", ENDS)
def test_an_attempt_that_was_superseded_can_end_nothing(bench: Bench, name: str) -> None:
    late = bench.start()
    bench.expire(bench.worker)
    bench.do(reap_workers, 3)
    again = bench.start(late, bench.add_worker())
    assert again.epoch > late.epoch
    assert bench.do(ENDS[name], late.attempt_token) is None
    assert bench.do(report, late.attempt_token, Progress("embed", 99, "Late")) is AttemptStatus.SUPERSEDED
    assert bench.do(watch, late.attempt_token) is AttemptStatus.SUPERSEDED
    assert bench.read(late) == again


@pytest.mark.parametrize("name", ENDS)
@pytest.mark.parametrize("first", UNCANCELLED)
def test_an_attempt_ends_once(bench: Bench, first: str, name: str) -> None:
    started = bench.start()
    ended = bench.do(ENDS[first], started.attempt_token)
    assert ended is not None
    assert bench.do(ENDS[name], started.attempt_token) is None
    assert bench.do(report, started.attempt_token, Progress("embed", 99, "Late")) is AttemptStatus.SUPERSEDED
    assert bench.read(started) == ended


@pytest.mark.parametrize("name", UNCANCELLED)
def test_once_a_cancel_was_asked_for_an_attempt_can_only_abort(bench: Bench, name: str) -> None:
    started = bench.start()
    flagged = bench.do(cancel, started.id, ORGANIZATION)
    assert bench.do(ENDS[name], started.attempt_token) is None
    assert bench.read(started) == flagged
    aborted = bench.do(abort, started.attempt_token)
    assert aborted is not None
    assert (aborted.state, aborted.status, aborted.dead_lettered_at) == (State.REVOKED, "Cancelled", None)
    assert aborted.completed_at


def test_an_attempt_cannot_abort_a_task_that_was_not_cancelled(bench: Bench) -> None:
    started = bench.start()
    assert bench.do(abort, started.attempt_token) is None
    assert bench.read(started) == started


def test_progress_never_goes_back_within_an_attempt(bench: Bench) -> None:
    started = bench.start()
    seen = []
    for current in (10, 40, 25, 70, 70, 3):
        bench.do(report, started.attempt_token, Progress("parse", current, f"{current} %"))
        seen.append(bench.read(started).current)
    assert seen == [10, 40, 40, 70, 70, 70]


def test_each_stage_is_recorded_once_with_a_rising_version(bench: Bench) -> None:
    started = bench.start()
    for stage, current in (("parse", 5), ("parse", 20), ("chunk", 30), ("embed", 40), ("embed", 80), ("store", 95)):
        bench.do(report, started.attempt_token, Progress(stage, current, f"{stage} {current}"))
    row = bench.read(started)
    told = [(entry["name"], entry["current"], entry["status"], entry["version"]) for entry in row.stages]
    assert told == [
        ("parse", 5, "parse 5", 3),
        ("chunk", 30, "chunk 30", 5),
        ("embed", 40, "embed 40", 6),
        ("store", 95, "store 95", 8),
    ]
    times = [entry["at"] for entry in row.stages]
    assert times == sorted(times)
    assert started.started_at
    assert times[0] >= int(started.started_at.timestamp() * 1000)
    assert row.version == 8


def test_stages_written_with_the_finish_keep_their_times_and_versions(bench: Bench) -> None:
    started = bench.start()
    bench.do(report, started.attempt_token, Progress("load", 0, "load 0"))
    now = time.monotonic()
    merged = [
        Progress("load", 10, "load 10", reported_at=now - 0.4),
        Progress("parse", 20, "parse 20", reported_at=now - 0.3),
        Progress("parse", 30, "parse 30", reported_at=now - 0.2),
        Progress("store", 80, "store 80", reported_at=now - 0.1),
    ]
    ended = bench.do(finish, started.attempt_token, {"done": 1}, status="Done", reports=merged)
    assert ended is not None
    entries = [(entry["name"], entry["current"], entry["status"], entry["version"]) for entry in ended.stages]
    assert entries == [("load", 0, "load 0", 3), ("parse", 20, "parse 20", 5), ("store", 80, "store 80", 7)]
    assert (ended.version, ended.stage, ended.current) == (8, "store", 100)
    assert ended.completed_at
    parse, store = (entry["at"] for entry in ended.stages[1:])
    assert 190 <= store - parse <= 210
    assert 90 <= ended.completed_at.timestamp() * 1000 - store < 10_000
    assert bench.read(started) == ended


def test_a_report_adds_the_stages_of_those_before_it_that_were_not_written(bench: Bench) -> None:
    started = bench.start()
    earlier = [Progress("load", 0, "load"), Progress("parse", 20, "parse")]
    assert bench.do(report, started.attempt_token, Progress("chunk", 50, "chunk"), earlier) is AttemptStatus.CONTINUE
    row = bench.read(started)
    assert [(entry["name"], entry["version"]) for entry in row.stages] == [("load", 3), ("parse", 4), ("chunk", 5)]
    assert (row.state, row.version, row.stage, row.current) == (State.PROGRESS, 5, "chunk", 50)


def test_an_attempt_keeps_its_chunk_count_until_it_learns_another(bench: Bench) -> None:
    started = bench.start()
    seen: list[Any] = []
    for count in (None, 12, None, 13):
        bench.do(report, started.attempt_token, Progress("embed", 50, "Embedding", count))
        seen.append(bench.read(started).chunk_count)
    assert seen == [None, 12, 12, 13]


def test_the_next_attempt_begins_its_progress_anew(bench: Bench) -> None:
    started = bench.start()
    bench.do(report, started.attempt_token, Progress("embed", 80, "Embedding"))
    bench.do(retry, started.attempt_token, AWAY, 0)
    again = bench.start(started)
    assert (again.attempt, again.current, again.stage, again.stages, again.error) == (2, 0, None, [], None)


def test_a_retry_waits_for_its_time(bench: Bench) -> None:
    started = bench.start()
    waiting = bench.do(retry, started.attempt_token, AWAY, 60)
    assert waiting is not None
    assert (waiting.state, waiting.retries, waiting.error) == (State.RETRY, 1, AWAY.as_json())
    assert (waiting.worker_id, waiting.pid, waiting.completed_at) == (None, None, None)
    assert waiting.available_at - bench.one("SELECT now()") > timedelta(seconds=50)
    assert bench.admit() == []
    assert bench.claim(started) is None
    bench.pass_backoff()
    assert bench.start(started).attempt == 2


def test_a_failure_is_a_dead_letter_from_the_same_moment(bench: Bench) -> None:
    started = bench.start()
    failed = bench.do(fail, started.attempt_token, BROKEN)
    assert failed is not None
    assert (failed.state, failed.error, failed.status) == (State.FAILURE, BROKEN.as_json(), BROKEN.message)
    assert failed.dead_lettered_at == bench.one("SELECT dead_lettered_at FROM tasks WHERE id = :id", id=failed.id)
    assert failed.dead_lettered_at
    assert failed.completed_at


def test_a_task_handed_back_runs_again_without_a_crash(bench: Bench) -> None:
    started = bench.start()
    back = bench.do(hand_back, started.attempt_token)
    assert back is not None
    assert (back.state, back.crashes, back.retries, back.epoch) == (State.PENDING, 0, 0, started.epoch + 1)
    assert (back.worker_id, back.pid, back.current) == (None, None, 0)
    assert bench.start(started).attempt == 2
