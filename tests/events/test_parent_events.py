"""A batch, an archive or a crawl is one job: it ends once, however its parts end, and again if they run again."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from app.domain.ids import TaskId
from app.domain.tasks import Task
from app.ledger.cancel import cancel, revive
from app.ledger.children import cancel_children
from app.ledger.dead_letters import discard
from app.ledger.finish import fail, finish
from tests.ledger.bench import BROKEN, ORGANIZATION, Bench
from tests.ledger.test_parents import add_children, close, make_parent, open_again


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


def list_job_events(bench: Bench, parent: Task) -> list[tuple[str, Any]]:
    rows = bench.sql("SELECT task_id, type, data FROM events WHERE type LIKE 'task.%' ORDER BY id")
    assert {row["task_id"] for row in rows} <= {parent.id}
    return [(row["type"], row["data"]["counts"]) for row in rows]


def start(bench: Bench, child: TaskId) -> Task:
    bench.admit()
    started = bench.claim(child)
    assert started is not None
    return started


def test_a_batch_ends_with_one_event_that_counts_its_files(bench: Bench) -> None:
    parent = make_parent(bench)
    good, bad = add_children(bench, parent, 2)
    bench.do(finish, start(bench, good).attempt_token, {}, status="Done")
    bench.do(fail, start(bench, bad).attempt_token, BROKEN)
    assert list_job_events(bench, parent) == []
    bench.do(close, parent.id)
    bench.do(close, parent.id)  # by a second process
    counts = {"total": 2, "succeeded": 1, "failed": 1, "revoked": 0}
    assert list_job_events(bench, parent) == [("task.succeeded", counts)]
    failed = bench.sql("SELECT data FROM events WHERE type = 'document.failed'")
    assert [row["data"]["error"]["code"] for row in failed] == [BROKEN.code]


def test_a_batch_whose_files_run_again_ends_again(bench: Bench) -> None:
    parent = make_parent(bench)
    [child] = add_children(bench, parent, 1)
    bench.do(fail, start(bench, child).attempt_token, BROKEN)
    bench.do(close, parent.id)
    bench.do(revive, child, ORGANIZATION)
    bench.do(open_again, parent.id)
    assert [kind for kind, _ in list_job_events(bench, parent)] == ["task.failed"]
    bench.do(finish, start(bench, child).attempt_token, {}, status="Done")
    bench.do(close, parent.id)
    assert [kind for kind, _ in list_job_events(bench, parent)] == ["task.failed", "task.succeeded"]


def test_a_dead_part_that_is_discarded_is_no_event(bench: Bench) -> None:
    parent = make_parent(bench)
    [child] = add_children(bench, parent, 1)
    bench.do(fail, start(bench, child).attempt_token, BROKEN)
    bench.do(discard, child, ORGANIZATION)
    assert list_job_events(bench, parent) == []


def test_a_cancelled_batch_is_cancelled_once(bench: Bench) -> None:
    parent = make_parent(bench)
    add_children(bench, parent, 3)
    bench.do(cancel, parent.id, ORGANIZATION)
    bench.do(cancel_children, [parent.id])
    assert list_job_events(bench, parent) == []
    bench.do(close, parent.id)
    assert [kind for kind, _ in list_job_events(bench, parent)] == ["task.cancelled"]


def test_a_file_that_is_refused_when_the_batch_is_submitted_is_a_failed_document(bench: Bench) -> None:
    parent = make_parent(bench)
    add_children(bench, parent, 1, error=BROKEN.as_json())
    bench.do(close, parent.id)
    rows = bench.sql("SELECT type, data FROM events ORDER BY id")
    assert [row["type"] for row in rows] == ["document.failed", "task.failed"]
    assert rows[1]["data"]["counts"]["failed"] == 1
    assert rows[0]["data"]["filename"] == "0.txt"
