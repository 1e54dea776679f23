"""An archive of five hundred files whose worker is killed twice: every file is processed exactly once."""

from typing import Any

import pytest

from tests.api.checks import list_files
from tests.deadlines import wait_for
from tests.flows.zips import encrypt, make_zip
from tests.running import Stack

FILES = 500
BAD = {"locks/497.pdf": "document_damaged", "../locks/498.txt": "unsafe_path", "locks/499.txt": "document_encrypted"}
UNPACKED = 120
DONE = 150
_ROWS = """
    SELECT t.state, t.crashes, d.status, t.chunk_count, t.metadata ->> 'filename' AS filename,
           (SELECT count(*) FROM chunks AS c WHERE c.document_id = d.id) AS chunks,
           (SELECT count(DISTINCT c.ordinal) FROM chunks AS c WHERE c.document_id = d.id) AS places
    FROM tasks AS t LEFT JOIN documents AS d ON d.id = t.document_id
    WHERE t.parent_id = CAST($1 AS uuid)
"""


def make_archive() -> bytes:
    """497 files that can be read and three that cannot."""
    good = (f"locks/{number}.txt" for number in range(FILES - len(BAD)))
    text = "The heron of lock {0} stands at weir {0} and waits for barge {0}.\n"
    files = {name: "".join(text.format(f"{name}-{line}") for line in range(30)).encode() for name in good}
    return encrypt(make_zip({**files, **dict.fromkeys(BAD, b"%PDF-1.7\nnothing")}), "locks/499.txt")


def fetch_children(stack: Stack, parent: str) -> list[Any]:
    """The rows of the archive's children."""
    return stack.fetch(_ROWS, parent)


@pytest.fixture
def low_stack(stack: Stack) -> Stack:
    """A stack with one worker, whose lease expires within seconds of its death."""
    stack.environment |= {"WORKER_LEASE_SECONDS": "2", "WORKER_CONCURRENCY_LOW": "4"}
    stack.start_api()
    stack.start_workers("low")
    return stack


def replace_worker(stack: Stack) -> None:
    """Kill every process of the worker, and start another."""
    stack.kill_workers()
    stack.start_workers("low")


@pytest.mark.slow
@pytest.mark.timeout(300)  # it starts a worker three times
def test_five_hundred_files_lose_nothing_to_a_worker_killed_while_unpacking_and_while_reading(low_stack: Stack) -> None:
    parent = low_stack.upload(low_stack.make_agent(), "locks.zip", make_archive())["task_id"]
    blobs = low_stack.settings.data_dir / "blobs"
    wait_for(lambda: len(list_files(blobs)) > UNPACKED, "the archive to be unpacked in part", seconds=60)
    replace_worker(low_stack)
    seen: list[dict[str, int]] = []

    def count_done(wanted: int) -> bool:
        task = low_stack.get(f"/tasks/{parent}")
        seen.append(task["counts"] or dict.fromkeys(("total", "succeeded", "failed"), 0))
        return seen[-1]["succeeded"] + seen[-1]["failed"] >= wanted

    wait_for(lambda: count_done(1), "the first of the files", seconds=60)
    unpacked_by = low_stack.get(f"/tasks/{parent}")
    assert (unpacked_by["attempt"], unpacked_by["crashes"]) == (2, 1)
    wait_for(lambda: count_done(DONE), "a part of the files", seconds=60)
    assert seen[-1]["succeeded"] < FILES - len(BAD)
    replace_worker(low_stack)
    wait_for(lambda: count_done(FILES), "all of the files", seconds=60)

    [task] = low_stack.finish([parent])
    assert (task["state"], task["current"]) == ("SUCCESS", 100)
    assert (task["counts"]["total"], task["counts"]["succeeded"], task["counts"]["failed"]) == (500, 497, 3)
    done = [counts["succeeded"] + counts["failed"] for counts in seen]
    assert done == sorted(done)
    assert len(set(done)) > 10, "progress is seen while it is made"
    assert {counts["total"] for counts in seen} <= {0, FILES}
    assert {failure["filename"]: failure["code"] for failure in task["result"]["failures"]} == BAD
    children = fetch_children(low_stack, parent)
    assert len({child["filename"] for child in children}) == FILES
    good = [child for child in children if child["filename"] not in BAD]
    assert {(child["state"], child["status"]) for child in good} == {("SUCCESS", "completed")}
    assert all(child["chunk_count"] == child["chunks"] == child["places"] > 0 for child in good)
    hits = low_stack.post(f"/agents/{task['agent_id']}/search", {"query": "locks/496.txt-7"})["results"]
    assert "locks/496.txt" in {hit["filename"] for hit in hits}
