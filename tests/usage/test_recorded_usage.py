"""What is used is recorded by the work itself, and reported a moment later."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.db.tables.usage import QUANTITIES
from tests.deadlines import wait_for
from tests.flows.zips import make_zip
from tests.running import Stack

TEXT = b"The heron stands at the gate of the old lock. The keeper opens it at six in the morning."
LONGER = TEXT + b" In winter the lock is closed, and the heron stays alone."
_NO_USAGE = dict.fromkeys(QUANTITIES, 0)
_ROLL_UP = """
    INSERT INTO tasks (id, organization_id, agent_id, name, queue)
    SELECT gen_random_uuid(), organization_id, id, 'app.tasks.usage_tasks.sum_usage', 'default' FROM agents LIMIT 1
"""
_UNCOUNTED = "SELECT FROM usage_records WHERE counted_at IS NULL"


@pytest.fixture
def agent(shared_stack: Stack) -> int:
    """A new agent, without usage."""
    return shared_stack.make_agent()


def read_usage(stack: Stack, agent: int, **parameters: Any) -> list[dict[str, Any]]:
    """The rows of an agent."""
    query = {"agent_id": agent, "granularity": "month", **parameters}
    rows: list[dict[str, Any]] = stack.client.get("/analytics/usage", params=query).json()["usage"]
    return rows


def read_total(stack: Stack, agent: int) -> dict[str, int]:
    """What the agent has used so far."""
    rows = read_usage(stack, agent)
    return {name: sum(row[name] for row in rows) for name in _NO_USAGE}


def upload(stack: Stack, agent: int, name: str, content: bytes, **form: str) -> dict[str, Any]:
    """Upload a document, and wait for it."""
    answer: dict[str, Any] = stack.upload(agent, name, content, **form)
    stack.finish([answer["task_id"]])
    return answer


def test_a_document_is_in_the_report_at_once(shared_stack: Stack, agent: int) -> None:
    upload(shared_stack, agent, "heron.txt", TEXT)
    total = read_total(shared_stack, agent)
    assert total == {
        **_NO_USAGE,
        "documents": 1,
        "characters": len(TEXT),
        "chunks": 1,
        "tokens_in": -(-len(TEXT) // 4),
        "stored_bytes": len(TEXT),
    }


def test_reindexing_counts_the_work_again_but_no_document_and_no_bytes(shared_stack: Stack, agent: int) -> None:
    document = upload(shared_stack, agent, "heron.txt", TEXT)["document_id"]
    again = shared_stack.post(f"/documents/{document}/reindex")
    shared_stack.finish([again["task_id"]])
    total = read_total(shared_stack, agent)
    assert (total["documents"], total["stored_bytes"]) == (1, len(TEXT))
    assert (total["chunks"], total["characters"]) == (2, 2 * len(TEXT))


def test_a_replaced_and_a_deleted_document_change_the_stored_bytes_by_the_difference(
    shared_stack: Stack, agent: int
) -> None:
    document = upload(shared_stack, agent, "heron.txt", TEXT)["document_id"]
    upload(shared_stack, agent, "heron.txt", LONGER, on_duplicate="replace")
    total = read_total(shared_stack, agent)
    assert (total["documents"], total["stored_bytes"]) == (1, len(LONGER))
    shared_stack.finish([shared_stack.delete(f"/documents/{document}")["task_id"]])
    total = read_total(shared_stack, agent)
    assert (total["documents"], total["stored_bytes"]) == (1, 0)


def test_a_deleted_agent_stores_nothing_and_its_usage_stays(shared_stack: Stack, agent: int) -> None:
    upload(shared_stack, agent, "heron.txt", TEXT)
    upload(shared_stack, agent, "files.zip", make_zip({"a.txt": b"The weir.", "b.txt": b"The boat."}))
    assert read_total(shared_stack, agent)["documents"] == 3
    shared_stack.finish([shared_stack.delete(f"/agents/{agent}")["task_id"]])
    total = read_total(shared_stack, agent)
    assert (total["documents"], total["stored_bytes"]) == (3, 0)


def test_searches_and_questions_are_counted(shared_stack: Stack, agent: int) -> None:
    upload(shared_stack, agent, "heron.txt", TEXT)
    for _ in range(3):
        shared_stack.post(f"/agents/{agent}/search", {"query": "heron"})
    shared_stack.finish([shared_stack.post(f"/agents/{agent}/ask", {"question": "Where is the heron?"})["task_id"]])
    wait_for(lambda: read_total(shared_stack, agent)["searches"], "the searches to be recorded")
    total = read_total(shared_stack, agent)
    assert (total["searches"], total["questions"]) == (3, 1)


def test_a_failed_document_is_not_counted(shared_stack: Stack, agent: int) -> None:
    answer = shared_stack.upload(agent, "empty.txt", b"   ")
    [task] = shared_stack.finish([answer["task_id"]])
    assert task["state"] == "FAILURE"
    assert read_usage(shared_stack, agent) == []


def test_rows_are_grouped_by_what_is_asked_for(shared_stack: Stack, agent: int) -> None:
    upload(shared_stack, agent, "heron.txt", TEXT)
    by_kind = {row["kind"]: row for row in read_usage(shared_stack, agent, group_by="kind")}
    assert (by_kind["document"]["documents"], by_kind["embedding"]["documents"]) == (1, 0)
    [_, by_model] = read_usage(shared_stack, agent, group_by="model")
    assert by_model["model"].startswith("wordllama")
    both = read_usage(shared_stack, agent, group_by=["kind", "model", "agent"])
    assert [(row["agent_id"], row["kind"], bool(row["model"])) for row in both] == [
        (agent, "document", False),
        (agent, "embedding", True),
    ]


def test_usage_that_is_summed_is_reported_once(shared_stack: Stack, agent: int) -> None:
    upload(shared_stack, agent, "heron.txt", TEXT)
    before = {by: read_usage(shared_stack, agent, granularity=by) for by in ("hour", "day", "month")}
    submit_roll_up(shared_stack)
    for by, rows in before.items():
        assert read_usage(shared_stack, agent, granularity=by) == rows


def submit_roll_up(stack: Stack) -> None:
    """Have a worker add everything to the sums, and wait for it."""
    stack.fetch(_ROLL_UP)
    wait_for(lambda: not stack.fetch(_UNCOUNTED), "every record to be counted")


def test_the_present_month_is_reported_by_its_beginning(shared_stack: Stack, agent: int) -> None:
    upload(shared_stack, agent, "heron.txt", TEXT)
    [row] = read_usage(shared_stack, agent)
    now = datetime.now(UTC)
    assert datetime.fromisoformat(row["start"]) == datetime(now.year, now.month, 1, tzinfo=UTC)
