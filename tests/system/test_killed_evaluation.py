"""A worker dies in the midst of an evaluation; the next attempt goes on, and each question has one result."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from app.settings import load_settings
from tests.deadlines import wait_for
from tests.running import Stack

QUESTIONS = 400


@pytest.fixture
def stack(make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path: Path) -> Iterator[Stack]:
    """An API with workers whose lease is short."""
    with (
        make_database() as (database_url, redis_url),
        Stack(load_settings(database_url=database_url, redis_url=redis_url, data_dir=tmp_path)) as stack,
    ):
        stack.environment |= {"WORKER_LEASE_SECONDS": "3"}
        stack.start_api()
        stack.start_workers()
        yield stack


def read_results(stack: Stack) -> dict[int, tuple[str, str]]:
    """The results by question: the transaction that wrote each, and its measures."""
    rows = stack.fetch("SELECT number, xmin::text AS writer, measures::text AS measures FROM evaluation_results")
    return {row["number"]: (row["writer"], row["measures"]) for row in rows}


@pytest.mark.slow
def test_a_killed_evaluation_goes_on_and_keeps_the_results_that_it_has(stack: Stack) -> None:
    agent = stack.make_agent()
    stack.finish([stack.upload(agent, "gate.txt", b"The Alder Gate opens at dawn.")["task_id"]])
    questions = [
        {"question": f"When does gate {number} open?", "documents": ["gate.txt"]} for number in range(QUESTIONS)
    ]
    made = stack.client.post(
        f"/agents/{agent}/question-sets",
        content="\n".join(map(json.dumps, questions)),
        headers={"Content-Type": "application/x-ndjson"},
    ).json()
    accepted = stack.post(f"/agents/{agent}/evaluations", {"question_set": made["id"], "modes": ["text", "hybrid"]})
    wait_for(lambda: len(read_results(stack)) >= 20, "the first results")
    stack.kill_workers()
    kept = read_results(stack)
    assert 20 <= len(kept) < QUESTIONS
    report = stack.get(f"/agents/{agent}/evaluations/{accepted['evaluation_id']}")
    assert report["summary"] is None
    assert report["status"] in {"queued", "processing"}
    stack.start_workers()
    [task] = stack.finish([accepted["task_id"]])
    assert (task["state"], task["crashes"], task["result"]["summary"]["questions"]) == ("SUCCESS", 1, QUESTIONS)
    results = read_results(stack)
    assert results.keys() == set(range(1, QUESTIONS + 1))
    assert {number: results[number] for number in kept} == kept
