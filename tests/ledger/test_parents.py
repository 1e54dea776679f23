"""Parents: however and in whatever order the children end, the parent ends accordingly."""

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.ids import TaskId, new_task_id
from app.domain.states import ACTIVE, FINAL, RUNNING, State
from app.domain.tasks import NewTask, Queue, Task, TaskName
from app.ledger.cancel import cancel, revive
from app.ledger.children import cancel_children, count_children, expand, insert_parent, revive_children, submit_children
from app.ledger.finish import abort, defer, fail, finish, retry
from app.ledger.parents import (
    gather,
    has_active_children,
    list_cancelled_parents,
    list_left_open,
    lock_parent,
    needs_last_step,
    reopen,
    update_progress,
)
from tests.ledger.bench import AWAY, BROKEN, ORGANIZATION, Bench

STEP = {"name": TaskName.PUBLISH_DOCUMENT.value, "queue": Queue.MEDIUM.value, "arguments": {}}
EVENTS = ["start", "finish", "fail", "retry", "defer", "abort", "cancel", "revive", "cancel_parent", "revive_parent"]


def make_parent(bench: Bench) -> Task:
    """Submit a parent without children."""
    task = NewTask(ORGANIZATION, bench.agent, TaskName.PROCESS_BATCH, Queue.HIGH)
    parent = bench.do(insert_parent, task, "0 of 0 done")
    assert parent
    return parent


def add_children(bench: Bench, parent: Task, count: int, **fields: Any) -> list[TaskId]:
    """Submit children with their own documents."""
    members = [
        {
            "task_id": str(new_task_id()),
            "name": TaskName.PROCESS_DOCUMENT.value,
            "filename": f"{n}.txt",
            "media_type": "text/plain",
            "blob_key": f"key-{n}",
            "size_bytes": 1,
            "sha256": f"{n:064x}",
            "content_key": f"{n:064x}",
            "metadata": {},
            **fields,
        }
        for n in range(count)
    ]
    return [child.id for child in bench.do(submit_children, parent, members)]


async def close(connection: AsyncConnection, parent_id: TaskId) -> Task | None:
    """The step that follows the end of a child."""
    parent = await lock_parent(connection, parent_id)
    return await gather(connection, parent) if parent else None


async def open_again(connection: AsyncConnection, parent_id: TaskId) -> None:
    """The step that follows the revival of a child."""
    await lock_parent(connection, parent_id)
    if await has_active_children(connection, parent_id):
        await reopen(connection, parent_id)


async def run_again(connection: AsyncConnection, parent_id: TaskId) -> None:
    """Retry a parent."""
    parent = await lock_parent(connection, parent_id)
    if parent and parent.state in FINAL and await revive_children(connection, parent_id):
        await reopen(connection, parent_id)


def happen(bench: Bench, event: str, child: Task) -> None:
    """Apply an event to a child if it is possible."""
    token = child.attempt_token
    if event == "start" and child.state in {State.PENDING, State.RETRY}:
        bench.sql("UPDATE tasks SET state = 'QUEUED' WHERE id = :id", id=child.id)
        bench.claim(child)
    elif event == "cancel":
        bench.do(cancel, child.id, ORGANIZATION)
    elif event == "revive" and bench.do(revive, child.id, ORGANIZATION) and child.parent_id:
        bench.do(open_again, child.parent_id)
    elif child.state in RUNNING and event == "finish":
        bench.do(finish, token, None, status="Done")
    elif child.state in RUNNING and event == "fail":
        bench.do(fail, token, BROKEN)
    elif child.state in RUNNING and event == "retry":
        bench.do(retry, token, AWAY, 0)
    elif child.state in RUNNING and event == "defer":
        bench.do(defer, token, 0, "Waiting")
    elif child.state in RUNNING and event == "abort":
        bench.do(abort, token)


def sweep(bench: Bench) -> None:
    """Run the sweep of parents."""
    for parent_id in bench.do(list_cancelled_parents):
        bench.do(cancel_children, [parent_id])
    for parent_id in bench.do(list_left_open):
        bench.do(close, parent_id)


def check_parent(bench: Bench, parent_id: TaskId, children: list[TaskId]) -> None:
    """A parent has ended exactly if its children have, with their outcome and counts."""
    parent = bench.read(parent_id)
    states = Counter(bench.read(child).state for child in children)
    counts = bench.do(count_children, [parent_id])[parent_id]
    assert (counts.total, counts.succeeded) == (len(children), states[State.SUCCESS])
    assert (counts.failed, counts.revoked) == (states[State.FAILURE], states[State.REVOKED])
    assert counts.pending + counts.running == sum(states[state] for state in ACTIVE)
    if any(states[state] for state in ACTIVE):
        assert parent.state is State.EXPANDED
    elif states[State.REVOKED] and parent.cancel_requested_at:
        assert parent.state is State.REVOKED
    elif states[State.SUCCESS]:
        assert parent.state is State.SUCCESS
    else:
        assert parent.state is (State.FAILURE if states[State.FAILURE] else State.REVOKED)


@given(events=st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 2)), max_size=30))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_parent_ends_exactly_when_and_as_its_children_do(bench: Bench, events: list[tuple[str, int]]) -> None:
    bench.clear()
    parent = make_parent(bench)
    children = add_children(bench, parent, 3)
    for event, number in events:
        if event == "cancel_parent":
            bench.do(cancel, parent.id, ORGANIZATION)
        elif event == "revive_parent":
            bench.do(run_again, parent.id)
        else:
            happen(bench, event, bench.read(children[number]))
        sweep(bench)
        check_parent(bench, parent.id, children)


def test_of_two_that_end_the_last_children_at_once_one_ends_the_parent(bench: Bench) -> None:
    parent = make_parent(bench)
    children = add_children(bench, parent, 2)
    for child in children:
        happen(bench, "start", bench.read(child))
        happen(bench, "finish", bench.read(child))
    ended = bench.race(*[lambda connection: close(connection, parent.id)] * 8)
    assert sum(task is not None for task in ended) == 1
    assert bench.read(parent.id).result["succeeded"] == 2


def test_a_parent_of_parts_has_its_last_step_and_fails_of_any_part(bench: Bench) -> None:
    started = bench.start()
    parent = bench.do(expand, started.attempt_token, status="Many", last_step=STEP)
    assert parent
    assert (parent.state, parent.worker_id, parent.is_parent) == (State.EXPANDED, None, True)
    parts = add_children(bench, parent, 2)
    happen(bench, "start", bench.read(parts[0]))
    happen(bench, "finish", bench.read(parts[0]))
    assert not bench.do(needs_last_step, bench.read(parent.id))
    happen(bench, "start", bench.read(parts[1]))
    happen(bench, "fail", bench.read(parts[1]))
    assert not bench.do(needs_last_step, bench.read(parent.id))
    failed = bench.do(close, parent.id)
    assert failed
    assert (failed.state, failed.error and failed.error["code"]) == (State.FAILURE, BROKEN.code)
    happen(bench, "revive", bench.read(parts[1]))
    happen(bench, "start", bench.read(parts[1]))
    happen(bench, "finish", bench.read(parts[1]))
    assert bench.do(needs_last_step, bench.read(parent.id))


def test_a_dead_letter_whose_child_runs_again_is_none_any_more(bench: Bench) -> None:
    parent = bench.do(fail, bench.start().attempt_token, BROKEN)
    assert parent
    assert parent.dead_lettered_at
    [part] = add_children(bench, parent, 1)
    for event in ("start", "fail", "revive"):
        happen(bench, event, bench.read(part))
    reopened = bench.read(parent.id)
    assert (reopened.state, reopened.dead_lettered_at, reopened.announced_at) == (State.EXPANDED, None, None)


def test_an_attempt_that_was_superseded_cannot_become_many(bench: Bench) -> None:
    started = bench.start()
    bench.do(retry, started.attempt_token, AWAY, 0)
    assert bench.do(expand, started.attempt_token, status="Many") is None


def test_progress_of_a_parent_is_that_of_its_children_and_never_goes_back(bench: Bench) -> None:
    parent = make_parent(bench)
    children = add_children(bench, parent, 4)
    seen = []
    for child in children[:3]:
        happen(bench, "start", bench.read(child))
        happen(bench, "finish", bench.read(child))
        touched = bench.do(update_progress, parent.id)
        assert touched
        seen.append(touched.current)
    assert seen == [25, 50, 75]


def test_a_deferred_task_waits_and_has_made_no_attempt(bench: Bench) -> None:
    started = bench.start()
    deferred = bench.do(defer, started.attempt_token, 60, "Waiting for a turn")
    assert deferred
    assert (deferred.state, deferred.attempt, deferred.history) == (State.PENDING, 0, [])
    assert deferred.epoch == started.epoch + 1
    assert bench.admit() == []
