"""A last step that tolerates failures follows all other children, and decides alone how the parent ends."""

import pytest

from app.domain.states import State
from app.domain.tasks import NewTask, Progress, Queue, Task, TaskName
from app.ledger.children import expand
from app.ledger.finish import finish
from app.ledger.parents import needs_last_step, update_progress
from app.ledger.report import report
from app.ledger.submit import submit
from tests.ledger.bench import BROKEN, Bench
from tests.ledger.test_parents import add_children, close, happen

STEP = {"name": TaskName.WRITE_SPECS.value, "queue": Queue.LOW.value, "arguments": {}, "after_failures": True}


@pytest.fixture
def parent(bench: Bench) -> Task:
    """A parent whose last step tolerates failures."""
    expanded = bench.do(expand, bench.start().attempt_token, status="Indexing", last_step=STEP)
    assert expanded
    return expanded


def end_children(bench: Bench, parent: Task, *events: str) -> None:
    """Children that end in these ways, one after the other."""
    for child, event in zip(add_children(bench, parent, len(events)), events, strict=True):
        assert not bench.do(needs_last_step, bench.read(parent.id))
        happen(bench, "start", bench.read(child))
        happen(bench, event, bench.read(child))


def start_step(bench: Bench, parent: Task) -> Task:
    """The last step, running."""
    step = bench.do(submit, NewTask.child_of(bench.read(parent.id), TaskName.WRITE_SPECS, Queue.LOW, {}))
    happen(bench, "start", step)
    return bench.read(step.id)


@pytest.mark.parametrize("events", [("finish", "finish"), ("fail", "finish"), ("fail", "fail")])
def test_the_last_step_is_due_when_all_children_have_ended_whatever_became_of_them(
    bench: Bench, parent: Task, events: tuple[str, ...]
) -> None:
    end_children(bench, parent, *events)
    assert bench.do(needs_last_step, bench.read(parent.id))
    step = start_step(bench, parent)
    assert not bench.do(needs_last_step, bench.read(parent.id))
    assert bench.do(close, parent.id) is None
    bench.do(finish, step.attempt_token, {"markdown": "# Weir"}, status="Written")
    ended = bench.do(close, parent.id)
    assert ended
    failed = events.count("fail")
    assert (ended.state, ended.error) == (State.SUCCESS, None)
    assert (ended.result["total"], ended.result["failed"], len(ended.result["failures"])) == (3, failed, failed)
    assert ended.result["markdown"] == "# Weir"


def test_a_parent_without_children_has_its_last_step_at_once(bench: Bench, parent: Task) -> None:
    assert bench.do(needs_last_step, bench.read(parent.id))


def test_a_parent_whose_last_step_fails_has_its_error_and_not_that_of_another_child(bench: Bench, parent: Task) -> None:
    end_children(bench, parent, "fail", "finish")
    step = start_step(bench, parent)
    happen(bench, "fail", step)
    ended = bench.do(close, parent.id)
    assert ended
    assert (ended.state, ended.error and ended.error["code"]) == (State.FAILURE, BROKEN.code)
    assert ended.result["failures"][0]["task_id"] == str(step.id)
    assert ended.result["failed"] == 2


def test_the_content_that_the_last_step_has_read_is_kept_until_it_succeeds(bench: Bench, parent: Task) -> None:
    bench.sql(
        "UPDATE tasks SET arguments = arguments || jsonb_build_object('content', 'x') WHERE id = :id", id=parent.id
    )
    step = start_step(bench, parent)
    happen(bench, "fail", step)
    bench.do(close, parent.id)
    assert "content" in bench.read(parent.id).arguments
    happen(bench, "revive", bench.read(step.id))
    happen(bench, "start", bench.read(step.id))
    bench.do(finish, bench.read(step.id).attempt_token, {}, status="Written")
    bench.do(close, parent.id)
    ended = bench.read(parent.id)
    assert (ended.state, "content" in ended.arguments) == (State.SUCCESS, False)


def test_the_children_make_up_the_progress_to_50_and_the_last_step_reports_the_rest(bench: Bench, parent: Task) -> None:
    children = add_children(bench, parent, 2)
    seen = []
    for child in children:
        happen(bench, "start", bench.read(child))
        happen(bench, "fail", bench.read(child))
        updated = bench.do(update_progress, parent.id)
        assert updated
        seen.append((updated.current, updated.status))
    step = start_step(bench, parent)
    for current in (50, 80):
        bench.do(report, step.attempt_token, Progress("write", current, f"At {current}"))
        updated = bench.do(update_progress, parent.id)
        assert updated
        seen.append((updated.current, updated.status))
    assert seen == [(35, "1 of 2 done"), (50, "2 of 2 done"), (50, "At 50"), (80, "At 80")]


def test_the_status_is_that_of_the_last_step_once_it_has_reported(bench: Bench, parent: Task) -> None:
    end_children(bench, parent, "finish", "fail")
    step = bench.do(submit, NewTask.child_of(bench.read(parent.id), TaskName.WRITE_SPECS, Queue.LOW, {}))
    waiting = bench.do(update_progress, parent.id)
    happen(bench, "start", step)
    started = bench.do(update_progress, parent.id)
    assert waiting
    assert started
    assert (waiting.status, started.status) == ("2 of 2 done", "2 of 2 done")
