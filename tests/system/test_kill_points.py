"""A process dies at each step of processing an upload; accepted tasks still end exactly once."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from typing import Any

import asyncpg
import pytest

from tests.deadlines import wait_for
from tests.system.kill_points import (
    AFTER_CLAIM,
    AFTER_FAILURE,
    AFTER_RECONCILE,
    AFTER_RETRY,
    AFTER_TAKING_BACK,
    AFTER_THE_ROW,
    AROUND_A_HEARTBEAT,
    BEFORE_THE_ROW,
    BELL_IS_LOST,
    DURING_THE_ATTEMPT,
    OUTSIDE_THE_ATTEMPT,
    PARSER_FAILS,
    PARSER_WAITS,
)
from tests.system.mortal_stack import MortalStack, Witness, run_mortal_stack

SENTENCE = "The heron of pound {} waits below the weir for the evening barge."
# With chunks of 100 characters, two batches for the embedder.
TEXT = "\n\n".join(SENTENCE.format(number) for number in range(200)).encode()
# More than one write of the store, so that a part of it is on the disk before the rest has arrived.
LONG = TEXT + b" " * 1_200_000
DAMAGED = b"%PDF-1.7\nnothing that follows is a part of one"

_COUNTED_CHUNKS = "SELECT chunk_count FROM lexemes WHERE agent_id = $1 AND lexeme = ''"
_RUNNING = "SELECT FROM tasks WHERE state = 'PROGRESS'"
_LEASE_END = "SELECT max(lease_expires_at) FROM workers"
_LONG_PAST = "SELECT WHERE now() > $1::timestamptz + interval '2 seconds'"  # a sweep is due every second
_AGE_BELLS = "UPDATE tasks SET queued_at = now() - interval '1 hour' WHERE state = 'QUEUED'"
_AGE_DEAD_LETTERS = "UPDATE tasks SET dead_lettered_at = now() - interval '1 hour' WHERE dead_lettered_at IS NOT NULL"
_LOOK_FOR_SILENT_ONES = "UPDATE chores SET due_at = now() WHERE name = 'announce'"
_ALARM_WORKERS = "SELECT FROM workers WHERE 'dead_letter' = ANY (queues) AND lease_expires_at > now()"
_ANNOUNCED = "SELECT FROM tasks WHERE dead_lettered_at IS NOT NULL AND announced_at IS NOT NULL"
_UNEXPLAINED = "SELECT id FROM tasks WHERE state = 'SUCCESS' AND attempt <> 1 + jsonb_array_length(history)"


def choose(points: Iterable[str]) -> list[Any]:
    """The first point of a kind is a normal test, the others are slow ones."""
    first, *others = points
    return [first, *(pytest.param(point, marks=pytest.mark.slow) for point in others)]


@pytest.fixture(scope="module")
def running(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MortalStack]:
    """An API, and a worker whose slots are processes."""
    folder = tmp_path_factory.mktemp("mortal")
    # No worker here serves the queue of calibrations.
    with run_mortal_stack(make_database, folder, stopped_chores=["calibrate"]) as stack:
        yield stack


@pytest.fixture(scope="module")
def witness(running: MortalStack) -> Iterator[Witness]:
    with closing(Witness(running.settings)) as looking:
        yield looking


@pytest.fixture
def stack(running: MortalStack) -> Iterator[MortalStack]:
    """The stack, with no point armed by the test before."""
    yield running
    running.disarm()


@pytest.fixture
def agent(stack: MortalStack) -> int:
    """An agent whose documents have many chunks."""
    return stack.make_agent(chunk_size=100, chunk_overlap=0)


def check_whole(stack: MortalStack, witness: Witness, agent: int, documents: Sequence[asyncpg.Record]) -> None:
    """Check that each document was processed and is found, and that each of its chunks exists and is counted once."""
    for document in documents:
        assert (document["state"], document["status"]) == ("SUCCESS", "completed")
        assert document["chunks"] > 128
        assert {document[name] for name in ("document_chunks", "task_chunks", "places")} == {document["chunks"]}
        question = {"query": SENTENCE.format(7), "filter": {"document_id": document["id"]}}
        assert stack.post(f"/agents/{agent}/search", question)["results"][0]["text"] == SENTENCE.format(7)
    assert witness.fetch(_COUNTED_CHUNKS, agent)[0][0] == sum(document["chunks"] for document in documents)


def upload_until_struck(stack: MortalStack, witness: Witness, agent: int, point: str) -> int:
    """Upload until the API has died at a point after the row; returns how many documents that took.

    A document that is sent again after a lost answer already exists and counts once. Where a worker's sweep
    admits a task before the API does, the API does not reach the point, and another document is needed.
    """
    stack.arm(point)
    uploads = 0
    while stack.is_armed(point):
        uploads += 1
        stack.insist(agent, "heron.txt", TEXT + f"\n\nThis is copy {uploads}.".encode())
        wait_for(
            lambda: witness.is_at_rest() or not stack.is_armed(point), "the API to reach the point, or to be too late"
        )
    return uploads


@pytest.mark.parametrize("point", choose(BEFORE_THE_ROW))
def test_an_upload_leaves_no_row_when_the_api_dies(
    stack: MortalStack, witness: Witness, agent: int, point: str
) -> None:
    stack.arm(point)
    assert stack.insist(agent, "heron.txt", LONG) == 1
    stack.wait_until_struck(point)
    documents = witness.await_rest(agent)
    assert [document["attempt"] for document in documents] == [1]
    check_whole(stack, witness, agent, documents)


@pytest.mark.parametrize("point", choose(AFTER_THE_ROW))
def test_an_upload_is_processed_when_the_api_dies(stack: MortalStack, witness: Witness, agent: int, point: str) -> None:
    api = stack.api
    uploads = upload_until_struck(stack, witness, agent, point)
    if stack.api is api:
        stack.bring_back_api()
    documents = witness.await_rest(agent)
    assert [document["attempt"] for document in documents] == [1] * uploads
    check_whole(stack, witness, agent, documents)


@pytest.mark.parametrize("point", choose(OUTSIDE_THE_ATTEMPT))
def test_one_attempt_is_made_when_its_process_dies(
    stack: MortalStack, witness: Witness, agent: int, point: str
) -> None:
    stack.arm(point)
    stack.insist(agent, "heron.txt", TEXT)
    stack.wait_until_struck(point)
    documents = witness.await_rest(agent)
    assert [(document["attempt"], document["crashes"]) for document in documents] == [(1, 0)]
    check_whole(stack, witness, agent, documents)


@pytest.mark.parametrize("point", choose(DURING_THE_ATTEMPT))
def test_a_second_attempt_is_made_when_its_process_dies(
    stack: MortalStack, witness: Witness, agent: int, point: str
) -> None:
    stack.arm(point)
    stack.insist(agent, "heron.txt", TEXT)
    stack.wait_until_struck(point)
    documents = witness.await_rest(agent)
    assert [(document["attempt"], document["crashes"]) for document in documents] == [(2, 1)]
    check_whole(stack, witness, agent, documents)


def test_a_failed_attempt_is_made_again_when_its_process_dies(stack: MortalStack, witness: Witness, agent: int) -> None:
    stack.arm(PARSER_FAILS, AFTER_RETRY)
    stack.insist(agent, "heron.txt", TEXT)
    stack.wait_until_struck(PARSER_FAILS, AFTER_RETRY)
    documents = witness.await_rest(agent)
    assert [(document["attempt"], document["crashes"], document["retries"]) for document in documents] == [(2, 0, 1)]
    check_whole(stack, witness, agent, documents)


def test_a_dead_letter_is_announced_later_when_its_process_dies(
    stack: MortalStack, witness: Witness, agent: int
) -> None:
    stack.arm(AFTER_FAILURE)
    stack.insist(agent, "damaged.pdf", DAMAGED)
    stack.wait_until_struck(AFTER_FAILURE)
    [document] = witness.await_rest(agent)
    assert (document["state"], document["status"], document["dead"]) == ("FAILURE", "failed", True)
    assert (document["attempt"], document["crashes"], document["chunks"]) == (1, 0, 0)
    with stack.serve_alarms():
        wait_for(lambda: witness.fetch(_ALARM_WORKERS), "a worker that raises alarms")
        witness.fetch(_AGE_DEAD_LETTERS)
        witness.fetch(_LOOK_FOR_SILENT_ONES)
        wait_for(lambda: witness.fetch(_ANNOUNCED), "the alarm to be raised after all")


@pytest.mark.parametrize("point", choose(AROUND_A_HEARTBEAT))
def test_the_task_just_goes_on_when_only_the_supervisor_dies(
    stack: MortalStack, witness: Witness, agent: int, point: str
) -> None:
    stack.arm(PARSER_WAITS)
    stack.insist(agent, "heron.txt", TEXT)
    wait_for(lambda: witness.fetch(_RUNNING), "the task to run")
    stack.arm(point)
    stack.wait_until_struck(point)
    [[lease_end]] = witness.fetch(_LEASE_END)
    wait_for(lambda: witness.fetch(_LONG_PAST, lease_end), "the sweep after the lease's end")
    stack.disarm(PARSER_WAITS)
    documents = witness.await_rest(agent)
    assert [(document["attempt"], document["crashes"]) for document in documents] == [(1, 0)]
    check_whole(stack, witness, agent, documents)


def test_a_task_taken_back_runs_again_when_the_supervisor_dies(
    stack: MortalStack, witness: Witness, agent: int
) -> None:
    stack.arm(AFTER_CLAIM, AFTER_TAKING_BACK)
    stack.insist(agent, "heron.txt", TEXT)
    stack.wait_until_struck(AFTER_CLAIM, AFTER_TAKING_BACK)
    documents = witness.await_rest(agent)
    assert [(document["attempt"], document["crashes"]) for document in documents] == [(2, 1)]
    check_whole(stack, witness, agent, documents)


def test_a_lost_bell_rings_again_when_the_supervisor_dies(stack: MortalStack, witness: Witness, agent: int) -> None:
    uploads = upload_until_struck(stack, witness, agent, BELL_IS_LOST)
    stack.arm(AFTER_RECONCILE)
    witness.fetch(_AGE_BELLS)
    stack.wait_until_struck(AFTER_RECONCILE)
    witness.fetch(_AGE_BELLS)
    documents = witness.await_rest(agent)
    assert [(document["attempt"], document["crashes"]) for document in documents] == [(1, 0)] * uploads
    check_whole(stack, witness, agent, documents)


def test_what_celery_gave_out_twice_was_claimed_once(witness: Witness) -> None:
    wait_for(lambda: not witness.count_messages(), "Celery to have given out again what processes died over")
    assert witness.is_at_rest()
    assert witness.fetch(_UNEXPLAINED) == []
