"""Text that a large document's task has staged is deleted with the change that ends the task without success."""

from collections.abc import Callable

import pytest

from app.domain.tasks import Task
from app.ledger.cancel import cancel, cancel_agent, force_abort
from app.ledger.children import cancel_children
from app.ledger.finish import abort, fail, retry
from app.ledger.parents import gather, lock_parent
from app.ledger.recover import reap_workers
from tests.ledger.bench import AWAY, BROKEN, ORGANIZATION, Bench

REQUESTED = "UPDATE tasks SET cancel_requested_at = now() WHERE id = :id"


def stage(bench: Bench, task: Task) -> None:
    """Stage a chunk of a task."""
    bench.sql(
        "INSERT INTO staged_chunks (task_id, ordinal, text, context, start_char, end_char) "
        "VALUES (:id, 0, 'canary', '', 0, 6)",
        id=task.id,
    )


def count_staged(bench: Bench) -> int:
    """The number of staged chunks."""
    return int(bench.one("SELECT count(*) FROM staged_chunks"))


def expand(bench: Bench, task: Task, child_state: str) -> Task:
    """Make a task a parent with a last step and one ended child."""
    bench.sql(
        "UPDATE tasks SET state = 'EXPANDED', stage = 'children', worker_id = NULL, pid = NULL,"
        """ arguments = '{"last_step": {"name": "x"}}' WHERE id = :id""",
        id=task.id,
    )
    child = bench.submit()
    bench.sql(
        "UPDATE tasks SET parent_id = :parent, state = :state, completed_at = now() WHERE id = :id",
        parent=task.id,
        state=child_state,
        id=child.id,
    )
    return task


def gather_now(bench: Bench, task: Task) -> Task | None:
    """End a parent."""
    parent = bench.do(lock_parent, task.id)
    assert parent
    return bench.do(gather, parent)


def reap(bench: Bench, _task: Task) -> object:
    """Reclaim the task of a worker whose lease ran out, for the last time."""
    bench.expire(bench.worker)
    return bench.do(reap_workers, 1)


ENDS: dict[str, Callable[[Bench, Task], object]] = {
    "failed": lambda bench, task: bench.do(fail, task.attempt_token, BROKEN),
    "crashed out": reap,
    "cancelled": lambda bench, task: (bench.sql(REQUESTED, id=task.id), bench.do(abort, task.attempt_token)),
    "killed": lambda bench, task: (bench.sql(REQUESTED, id=task.id), bench.do(force_abort, task.attempt_token)),
    "cancelled in a retry": lambda bench, task: (
        bench.do(retry, task.attempt_token, AWAY, 60.0),
        bench.do(cancel, task.id, ORGANIZATION),
    ),
    "agent deleted in a retry": lambda bench, task: (
        bench.do(retry, task.attempt_token, AWAY, 60.0),
        bench.do(cancel_agent, bench.agent, 100),
    ),
    "parent cancelled in a retry": lambda bench, task: (
        bench.do(retry, task.attempt_token, AWAY, 60.0),
        bench.sql("UPDATE tasks SET parent_id = id WHERE id = :id", id=task.id),
        bench.do(cancel_children, [task.id]),
    ),
    "batches revoked": lambda bench, task: gather_now(bench, expand(bench, task, "REVOKED")),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_task_that_ends_without_success_leaves_no_staged_text(bench: Bench, end: str) -> None:
    task, other = bench.start(), bench.submit()
    stage(bench, task)
    stage(bench, other)
    ENDS[end](bench, task)
    assert bench.read(task).state in {"FAILURE", "REVOKED"}
    assert count_staged(bench) == (0 if end == "agent deleted in a retry" else 1)


def test_a_failed_parent_keeps_the_text_of_batches_that_may_run_again(bench: Bench) -> None:
    task = bench.start()
    stage(bench, task)
    expand(bench, task, "FAILURE")
    assert gather_now(bench, task)
    assert bench.read(task).state == "FAILURE"
    assert count_staged(bench) == 1
