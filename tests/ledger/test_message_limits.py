"""The messages of an admission have a limit where each message in the broker gives a slot the next task."""

import pytest

from app.domain.tasks import Queue
from app.ledger.admit import admit
from app.ledger.recover import reconcile
from tests.ledger.bench import Bench


def list_limits(bench: Bench) -> set[int | None]:
    """The limits of the messages of an admission of many tasks."""
    bench.submit_many(40)
    return {bell.limit for bell in bench.do(admit, Queue.HIGH).bells}


@pytest.mark.parametrize(("slots", "limit"), [(1, 8), (4, 8), (6, 12)])
def test_two_messages_for_each_slot_may_wait_and_a_few_more_where_slots_are_few(
    bench: Bench, slots: int, limit: int
) -> None:
    bench.sql("DELETE FROM workers")
    bench.add_worker(slots=slots, continues=True)
    assert list_limits(bench) == {limit}


def test_each_message_is_needed_where_a_worker_gets_the_named_task_only(bench: Bench) -> None:
    bench.sql("DELETE FROM workers")
    bench.add_worker(continues=True)
    bench.add_worker(continues=False)
    assert list_limits(bench) == {None}


def test_each_message_is_needed_while_no_worker_is_known(bench: Bench) -> None:
    bench.sql("DELETE FROM workers")
    assert list_limits(bench) == {None}


def test_a_message_that_is_published_again_has_no_limit(bench: Bench) -> None:
    bench.sql("DELETE FROM workers")
    bench.add_worker(continues=True)
    bench.submit_many(1)
    assert bench.admit()
    bench.pass_silence(2.5)
    assert [bell.limit for bell in bench.do(reconcile)] == [None]
