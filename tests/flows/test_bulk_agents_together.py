"""Lists of agents that are cancelled, or that name the same agents at the same time."""

from uuid import uuid4

from tests.deadlines import wait_for
from tests.onboarding.held_slugs import count_agents, hold_slugs
from tests.running import Stack

ROWS = 1_600


def _send(stack: Stack, prefix: str, rows: int = ROWS, **options: str) -> str:
    table = "name,slug\n" + "".join(f"Agent {number},{prefix}-{number}\n" for number in range(rows))
    files = {"file": ("agents.csv", table.encode())}
    response = stack.client.post("/agents/bulk", files=files, data=options)
    assert response.status_code == 202, response.text
    return str(response.json()["task_id"])


def test_a_cancel_keeps_what_exists_and_the_list_of_rows_names_it(shared_stack: Stack) -> None:
    prefix, rows = f"t{uuid4().hex[:10]}", 5_000
    with hold_slugs(shared_stack, *(f"{prefix}-{number}" for number in range(100, 3_000, 500))):
        task_id = _send(shared_stack, prefix, rows)
        running = {"parent_id": task_id, "status": "STARTED"}
        wait_for(lambda: shared_stack.get("/tasks/", **running)["total"] >= 2, "two batches to wait for the slugs")
        shared_stack.post("/queues/low_priority/pause")
    try:
        wait_for(lambda: shared_stack.get("/tasks/", **running)["total"] == 0, "the running batches to end")
        shared_stack.delete(f"/tasks/{task_id}")
        [task] = shared_stack.finish([task_id])
        found = shared_stack.get(f"/agents/bulk/{task_id}")
        made = count_agents(shared_stack, prefix)
        assert (task["state"], found["rows"]) == ("REVOKED", rows)
        assert (found["created"], found["not_attempted"]) == (made, rows - made)
        assert 1_000 <= made < rows
    finally:
        shared_stack.post("/queues/low_priority/resume")
    # Running it again creates the others.
    shared_stack.post(f"/tasks/{task_id}/retry")
    [again] = shared_stack.finish([task_id])
    assert (again["state"], again["result"]["created"], count_agents(shared_stack, prefix)) == ("SUCCESS", rows, rows)


def test_two_lists_of_the_same_agents_at_once_create_each_agent_once(shared_stack: Stack) -> None:
    prefix = f"t{uuid4().hex[:10]}"
    tasks = shared_stack.finish([_send(shared_stack, prefix), _send(shared_stack, prefix, on_duplicate="skip")])
    assert [task["state"] for task in tasks] == ["SUCCESS"] * 2
    assert sum(task["result"]["created"] for task in tasks) == ROWS
    assert tasks[0]["result"]["failed"] == tasks[1]["result"]["created"]
    assert count_agents(shared_stack, prefix) == ROWS


def test_lists_that_update_the_same_agents_at_once_all_end(shared_stack: Stack) -> None:
    prefix = f"t{uuid4().hex[:10]}"
    sent = [_send(shared_stack, prefix, 600, on_duplicate="update") for _ in range(3)]
    tasks = shared_stack.finish(sent)
    assert sum(task["result"]["created"] for task in tasks) == 600
    assert sum(task["result"]["updated"] for task in tasks) == 1_200
