"""An agent with many documents is deleted in short steps, also when its worker is killed in between."""

import pytest

from tests.api.checks import list_files
from tests.deadlines import wait_for
from tests.large_agents import fill_agent
from tests.running import Stack

DOCUMENTS = 6_000

_LEFT = """
    SELECT (SELECT count(*) FROM chunks) AS chunks, (SELECT count(*) FROM vectors) AS vectors,
        (SELECT count(*) FROM editions) AS editions, (SELECT count(*) FROM lexemes) AS words,
        (SELECT count(*) FROM documents WHERE erased_at IS NULL OR filename <> '') AS documents,
        (SELECT count(*) FROM tasks WHERE completed_at IS NULL OR metadata <> '{}') AS tasks
"""
_ERASED = "SELECT id, erased_at FROM documents WHERE erased_at IS NOT NULL"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_deletion_of_a_large_agent_continues_after_a_kill_where_it_stopped(stack: Stack) -> None:
    stack.start_api()
    stack.start_workers("default")
    agent = stack.make_agent()
    stack.post("/queues/high_priority/pause")  # otherwise the idle worker steals the waiting tasks
    fill_agent(stack.settings.database_url or "", stack.settings.data_dir / "blobs", agent, DOCUMENTS)
    accepted = stack.delete(f"/agents/{agent}")
    assert stack.get("/documents")["total"] == 0
    wait_for(lambda: stack.fetch(_ERASED), "the first documents to be erased", 120)
    stack.kill_workers()
    before = {row["id"]: row["erased_at"] for row in stack.fetch(_ERASED)}
    assert 0 < len(before) < DOCUMENTS
    stack.start_workers("default")
    [task] = stack.finish([accepted["task_id"]], 200)
    assert (task["state"], task["result"], task["crashes"]) == ("SUCCESS", {"documents": DOCUMENTS}, 1)
    after = {row["id"]: row["erased_at"] for row in stack.fetch(_ERASED)}
    assert {document: after[document] for document in before} == before, "no document is erased twice"
    assert set(dict(stack.fetch(_LEFT)[0]).values()) == {0}
    assert list_files(stack.settings.data_dir / "blobs") == set()
