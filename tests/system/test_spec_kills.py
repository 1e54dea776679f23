"""A worker dies at each step of describing a repository; there is one specification, and nothing else is left."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing

import pytest

from tests.deadlines import wait_for
from tests.flows.repositories import OVERVIEW, SOURCES
from tests.flows.test_specs import list_documents
from tests.flows.zips import make_zip
from tests.system.kill_points import AFTER_CLAIM, DURING_SPECS, LAST_STEP_WAITS, OUTSIDE_THE_ATTEMPT
from tests.system.mortal_stack import MortalStack, Witness, run_mortal_stack
from tests.system.test_kill_points import choose

_STEPS = [AFTER_CLAIM, "before parsing", "while its child parses", *DURING_SPECS, "before the last transaction"]
_CHUNKS = "SELECT count(*) FROM chunks WHERE document_id = $1"
_LAST_STEP_RUNS = "SELECT FROM tasks WHERE parent_id = $1 AND name LIKE '%write_specs' AND state = 'STARTED'"
_DISCARDED = "SELECT key FROM discarded_files"


@pytest.fixture(scope="module")
def running(
    make_database: Callable[[], AbstractContextManager[tuple[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MortalStack]:
    """An API, and a worker whose slots are processes."""
    folder = tmp_path_factory.mktemp("mortal")
    with run_mortal_stack(make_database, folder, stopped_chores=()) as stack:
        yield stack


@pytest.mark.parametrize("point", choose([*_STEPS, *OUTSIDE_THE_ATTEMPT]))
def test_there_is_one_specification_whenever_the_worker_dies(running: MortalStack, point: str) -> None:
    agent = running.make_agent(chunk_size=100, chunk_overlap=0)
    running.arm(point)
    archive = {"file": ("weir.zip", make_zip(SOURCES))}
    response = running.client.post(f"/agents/{agent}/specs", files=archive, data={"priority": "high"})
    assert response.status_code == 202, response.text
    running.wait_until_struck(point)
    with closing(Witness(running.settings)) as witness:
        wait_for(witness.is_at_rest, "every task to end")
        task = running.get(f"/tasks/{response.json()['task_id']}")
        assert (task["state"], task["current"]) == ("SUCCESS", 100), task["error"]
        documents = list_documents(running, agent)
        assert len(documents) == 6
        assert {document["status"] for document in documents.values()} == {"completed"}
        [[chunks]] = witness.fetch(_CHUNKS, documents[OVERVIEW]["id"])
        assert chunks == documents[OVERVIEW]["chunk_count"] == task["result"]["chunk_count"]
        discarded = {row["key"] for row in witness.fetch(_DISCARDED)}
    stored = {
        f"{path.parent.name}/{path.name}"
        for path in (running.settings.data_dir / "blobs").rglob("*")
        if path.is_file() and path.stat().st_size
    }
    of_agent = [document for document in documents.values() if document["size_bytes"]]
    known = {key for key in stored if key not in discarded}
    assert len(of_agent) == 6
    assert len(known) % 6 == 0, "each specification so far has left its six files, and no other"


def test_search_finds_the_files_before_the_specification_is_written(running: MortalStack) -> None:
    agent = running.make_agent()
    running.arm(LAST_STEP_WAITS)
    archive = {"file": ("weir.zip", make_zip(SOURCES))}
    response = running.client.post(f"/agents/{agent}/specs", files=archive, data={"priority": "high"})
    task_id = response.json()["task_id"]
    with closing(Witness(running.settings)) as witness:
        wait_for(lambda: witness.fetch(_LAST_STEP_RUNS, task_id), "the last step to begin")
        found = running.post(f"/agents/{agent}/search", {"query": "Open the gate by so many metres"})["results"]
        assert found[0]["filename"] == "weir/weir/gates.py"
        documents = list_documents(running, agent)
        assert {name for name, one in documents.items() if one["status"] != "completed"} == {OVERVIEW}
        task = running.get(f"/tasks/{task_id}")
        assert task["state"] == "PROGRESS"
        assert 20 <= task["current"] <= 50
        running.disarm(LAST_STEP_WAITS)
        [task] = running.finish([task_id])
        assert (task["state"], task["current"]) == ("SUCCESS", 100)
