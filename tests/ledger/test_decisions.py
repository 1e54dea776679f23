"""Cancel and revive, and their effect on the document's status."""

import pytest

from app.domain.states import State
from app.domain.tasks import Progress, Task
from app.ledger.admit import admit
from app.ledger.cancel import cancel, force_abort, lock_unresponsive, revive
from app.ledger.finish import abort, fail, finish, hand_back, retry
from app.ledger.recover import reap_workers
from app.ledger.report import AttemptStatus, report, watch
from tests.ledger.bench import AWAY, BROKEN, ORGANIZATION, Bench

STRANGER = 2


def end(bench: Bench, state: State) -> Task:
    """Submit a task and bring it to a final state."""
    if state is State.REVOKED:
        return _sure(bench.do(cancel, bench.submit().id, ORGANIZATION))
    attempt = bench.start().attempt_token
    if state is State.SUCCESS:
        return _sure(bench.do(finish, attempt, [1], status="Done"))
    return _sure(bench.do(fail, attempt, BROKEN))


def _sure(task: Task | None) -> Task:
    assert task is not None
    return task


FINAL = [State.SUCCESS, State.FAILURE, State.REVOKED]


def test_a_pending_task_is_cancelled_at_once(bench: Bench) -> None:
    task = bench.submit()
    cancelled = _sure(bench.do(cancel, task.id, ORGANIZATION))
    assert (cancelled.state, cancelled.status) == (State.REVOKED, "Cancelled")
    assert cancelled.completed_at
    assert bench.admit() == []


def test_a_task_whose_bell_has_rung_is_cancelled_at_once_and_the_bell_finds_nothing(bench: Bench) -> None:
    task = bench.submit()
    bench.admit()
    cancelled = _sure(bench.do(cancel, task.id, ORGANIZATION))
    assert cancelled.state is State.REVOKED
    assert bench.claim(task) is None
    assert bench.read(task) == cancelled


def test_a_task_that_waits_for_a_retry_is_cancelled_at_once(bench: Bench) -> None:
    started = bench.start()
    bench.do(retry, started.attempt_token, AWAY, 60)
    assert _sure(bench.do(cancel, started.id, ORGANIZATION)).state is State.REVOKED


@pytest.mark.parametrize("stage", [None, "parse"])
def test_a_running_task_is_flagged_and_its_worker_told(bench: Bench, stage: str | None) -> None:
    started = bench.start()
    if stage:
        bench.do(report, started.attempt_token, Progress(stage, 10, "Parsing"))
    before = bench.read(started)
    flagged = _sure(bench.do(cancel, started.id, ORGANIZATION))
    assert (flagged.state, flagged.status, flagged.completed_at) == (before.state, "Cancelling", None)
    assert flagged.cancel_requested_at
    assert flagged.version == before.version + 1
    assert bench.do(watch, started.attempt_token) is AttemptStatus.CANCELLED
    assert bench.do(report, started.attempt_token, Progress("embed", 50, "Embedding")) is AttemptStatus.CANCELLED
    assert _sure(bench.do(abort, started.attempt_token)).state is State.REVOKED


def test_a_second_cancel_keeps_the_time_of_the_first(bench: Bench) -> None:
    started = bench.start()
    first = _sure(bench.do(cancel, started.id, ORGANIZATION))
    second = _sure(bench.do(cancel, started.id, ORGANIZATION))
    assert second.cancel_requested_at == first.cancel_requested_at


def test_a_task_that_does_not_respond_to_a_cancel_is_ended_after_its_grace_period(bench: Bench) -> None:
    started, other = bench.start(), bench.start()
    bench.do(cancel, started.id, ORGANIZATION)
    assert bench.do(lock_unresponsive, bench.worker, 10) == []
    bench.sql("UPDATE tasks SET cancel_requested_at = now() - interval '11 seconds' WHERE id = :id", id=started.id)
    assert bench.do(lock_unresponsive, bench.add_worker(), 10) == []
    assert [task.id for task in bench.do(lock_unresponsive, bench.worker, 10)] == [started.id]
    assert bench.do(force_abort, other.attempt_token) is None
    ended = _sure(bench.do(force_abort, started.attempt_token))
    assert (ended.state, ended.epoch, ended.worker_id) == (State.REVOKED, started.epoch + 1, None)
    assert ended.history[-1]["outcome"] == "killed"
    assert bench.do(finish, started.attempt_token, None, status="Done") is None
    assert bench.do(abort, started.attempt_token) is None


@pytest.mark.parametrize("end_of", [retry, fail, finish])
def test_a_cancelled_task_stays_cancelled_whatever_its_attempt_comes_to(bench: Bench, end_of: object) -> None:
    started = bench.start()
    bench.do(cancel, started.id, ORGANIZATION)
    if end_of is retry:
        assert bench.do(retry, started.attempt_token, AWAY, 0) is None
    elif end_of is fail:
        assert bench.do(fail, started.attempt_token, BROKEN) is None
    else:
        assert bench.do(finish, started.attempt_token, None, status="Done") is None
    assert _sure(bench.do(abort, started.attempt_token)).state is State.REVOKED


@pytest.mark.parametrize("state", FINAL)
def test_what_has_ended_cannot_be_cancelled(bench: Bench, state: State) -> None:
    ended = end(bench, state)
    assert bench.do(cancel, ended.id, ORGANIZATION) is None
    assert bench.read(ended) == ended


def test_strangers_can_neither_cancel_nor_revive(bench: Bench) -> None:
    task, ended = bench.submit(), end(bench, State.REVOKED)
    assert bench.do(cancel, task.id, STRANGER) is None
    assert bench.do(revive, ended.id, STRANGER) is None
    assert (bench.read(task), bench.read(ended)) == (task, ended)


def test_a_cancel_and_a_finish_at_once_never_both_hold(bench: Bench) -> None:
    started = bench.start()
    cancelled, finished = bench.race(
        lambda c: cancel(c, started.id, ORGANIZATION),
        lambda c: finish(c, started.attempt_token, None, status="Done"),
    )
    assert (cancelled is None) != (finished is None)


def test_a_cancel_and_an_admission_at_once_leave_the_task_revoked(bench: Bench) -> None:
    task = bench.submit()
    bench.race(lambda c: cancel(c, task.id, ORGANIZATION), lambda c: admit(c, task.queue))
    assert bench.read(task).state is State.REVOKED
    assert bench.claim(task) is None


@pytest.mark.parametrize("state", FINAL)
def test_what_has_ended_is_revived_with_fresh_counts(bench: Bench, state: State) -> None:
    ended = end(bench, state)
    revived = _sure(bench.do(revive, ended.id, ORGANIZATION))
    assert (revived.state, revived.retries, revived.crashes, revived.current) == (State.PENDING, 0, 0, 0)
    assert (revived.result, revived.error, revived.stage, revived.stages) == (None, None, None, [])
    assert {revived.completed_at, revived.cancel_requested_at, revived.dead_lettered_at} == {None}
    assert (revived.epoch, revived.version) == (ended.epoch + 1, ended.version + 1)
    assert revived.attempt == ended.attempt
    assert bench.start(revived).attempt == ended.attempt + 1


def test_what_has_not_ended_cannot_be_revived(bench: Bench) -> None:
    waiting = bench.submit()
    assert bench.do(revive, waiting.id, ORGANIZATION) is None
    running = bench.start(waiting)
    assert bench.do(revive, waiting.id, ORGANIZATION) is None
    assert bench.read(waiting) == running


def test_the_document_follows_its_task(bench: Bench) -> None:
    task = bench.submit_document()
    seen = [bench.document_status(task)]
    attempt = bench.start(task).attempt_token
    seen.append(bench.document_status(task))
    bench.do(hand_back, attempt)
    seen.append(bench.document_status(task))
    bench.do(retry, bench.start(task).attempt_token, AWAY, 0)
    seen.append(bench.document_status(task))
    bench.do(fail, bench.start(task).attempt_token, BROKEN)
    seen.append(bench.document_status(task))
    bench.do(revive, task.id, ORGANIZATION)
    seen.append(bench.document_status(task))
    bench.do(cancel, task.id, ORGANIZATION)
    seen.append(bench.document_status(task))
    bench.do(revive, task.id, ORGANIZATION)
    bench.do(finish, bench.start(task).attempt_token, None, status="Done")
    seen.append(bench.document_status(task))
    assert seen == ["queued", "processing", "queued", "queued", "failed", "queued", "cancelled", "completed"]


def test_the_document_follows_a_task_that_was_taken_back(bench: Bench) -> None:
    task = bench.submit_document()
    bench.start(task)
    bench.expire(bench.worker)
    bench.do(reap_workers, 2)
    assert bench.document_status(task) == "queued"
    worker = bench.add_worker()
    bench.start(task, worker)
    bench.expire(worker)
    bench.do(reap_workers, 2)
    assert bench.document_status(task) == "failed"


@pytest.mark.parametrize("last", [fail, finish])
def test_a_complete_document_stays_so_whatever_becomes_of_a_later_task(bench: Bench, last: object) -> None:
    first = bench.submit_document()
    bench.do(finish, bench.start(first).attempt_token, None, status="Done")
    later = bench.submit(document=first.document_id)
    bench.decide(later)
    attempt = bench.start(later).attempt_token
    assert bench.document_status(later) == "completed"
    bench.do(fail, attempt, BROKEN) if last is fail else bench.do(finish, attempt, None, status="Done")
    assert bench.document_status(later) == "completed"


def test_a_task_that_does_not_decide_leaves_the_document_alone(bench: Bench) -> None:
    first = bench.submit_document()
    bench.decide(bench.submit(document=first.document_id))
    bench.admit()
    attempt = _sure(bench.claim(first)).attempt_token
    assert bench.document_status(first) == "queued"
    bench.do(fail, attempt, BROKEN)
    assert bench.document_status(first) == "queued"
