"""Following a task by polling, long-polling, server-sent events and Celery, all with the same content."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import httpx
import pytest
from celery.result import AsyncResult

from app.celery_app import create_celery
from tests.api.checks import TASK_FIELDS, check_problem, list_files, make_text, read_events
from tests.deadlines import wait_for, within
from tests.running import Stack

FINAL = {"SUCCESS", "FAILURE", "REVOKED"}


def test_a_finished_task_tells_everything(shared_stack: Stack, herons: dict[str, Any]) -> None:
    task = shared_stack.get(f"/tasks/{herons['task_id']}")
    assert task.keys() >= TASK_FIELDS
    assert task["task_name"] == "app.tasks.document_tasks.process_document"
    assert (task["state"], task["current"], task["total"], task["error"]) == ("SUCCESS", 100, 100, None)
    assert (task["agent_id"], task["document_id"]) == (herons["agent_id"], herons["document_id"])
    assert (task["attempt"], task["crashes"], task["position"]) == (1, 0, None)
    assert [stage["name"] for stage in task["stages"]] == ["queue", "load", "parse", "chunk", "embed", "store"]
    assert all(stage["ms"] >= 0 for stage in task["stages"])
    assert task["created_at"] <= task["started_at"] <= task["completed_at"]
    assert task["created_at"].endswith("Z")
    assert task["result"]["chunk_count"] == task["chunk_count"] > 1


def test_events_pass_every_stage_in_order_and_end_with_the_end(shared_stack: Stack, agent: int) -> None:
    task_id = shared_stack.upload(agent, "a.txt", make_text(300))["task_id"]
    events = list(read_events(shared_stack, task_id))
    ids = [number for number, _ in events]
    progress = [task["current"] for _, task in events]
    assert all(earlier < later for earlier, later in pairwise(ids))
    assert progress == sorted(progress)
    assert {0, 20, 50, 80, 100} <= set(progress)
    stages = {task["stage"]: task["current"] for _, task in reversed(events) if task["stage"]}
    assert (stages["load"], stages["parse"], stages["embed"], stages["store"]) == (0, 20, 50, 80)
    assert events[-1][1] == shared_stack.get(f"/tasks/{task_id}")
    assert [task["state"] in FINAL for _, task in events] == [False] * (len(events) - 1) + [True]


def test_a_stream_resumes_after_the_last_event_seen(shared_stack: Stack, herons: dict[str, Any]) -> None:
    events = list(read_events(shared_stack, herons["task_id"]))
    middle = events[len(events) // 2][0]
    resumed = list(read_events(shared_stack, herons["task_id"], after=str(middle)))
    assert resumed == [event for event in events if event[0] > middle]
    assert resumed[-1][1]["state"] == "SUCCESS"
    assert list(read_events(shared_stack, herons["task_id"], after="no number")) == events


def test_a_long_poll_returns_at_a_change_and_at_once_for_a_finished_task(shared_stack: Stack, agent: int) -> None:
    task_id = shared_stack.upload(agent, "a.txt", make_text(1000))["task_id"]
    versions = []
    task: dict[str, Any] = {"state": None}
    while task["state"] not in FINAL:
        task = shared_stack.get(f"/tasks/{task_id}", wait=20)
        versions.append(task["version"])
    assert versions == sorted(set(versions))
    with within(5):
        assert shared_stack.get(f"/tasks/{task_id}", wait=20) == task


def test_poller_long_poller_and_listener_agree_on_the_end(shared_stack: Stack, agent: int) -> None:
    task_id = shared_stack.upload(agent, "a.txt", make_text(500))["task_id"]

    def poll(**parameters: int) -> dict[str, Any]:
        return (
            wait_for(
                lambda: (task := shared_stack.get(f"/tasks/{task_id}", **parameters))["state"] in FINAL and task,
                "the end",
            )
            or {}
        )

    watchers: list[Callable[[], dict[str, Any]]] = [
        poll,
        lambda: poll(wait=20),
        lambda: list(read_events(shared_stack, task_id))[-1][1],
    ]
    with ThreadPoolExecutor(3) as threads:
        polled, waited, heard = threads.map(lambda watch: watch(), watchers)
    assert polled == waited == heard
    assert polled["state"] == "SUCCESS"


def test_celery_tells_the_same_as_the_api(shared_stack: Stack, agent: int, herons: dict[str, Any]) -> None:
    celery = create_celery(shared_stack.settings)
    done: AsyncResult[Any] = AsyncResult(herons["task_id"], app=celery)
    wait_for(lambda: done.state == "SUCCESS", "Celery to know the end")
    assert done.result == shared_stack.get(f"/tasks/{herons['task_id']}")["result"]

    empty = shared_stack.upload(agent, "blank.txt", b" \n \n ")["task_id"]
    [failed] = shared_stack.finish([empty])
    assert (failed["state"], failed["error"]["code"]) == ("FAILURE", "no_extractable_text")
    assert failed["error"]["retryable"] is False
    assert shared_stack.get(f"/documents/{failed['document_id']}")["status"] == "failed"
    wait_for(lambda: AsyncResult(empty, app=celery).state == "FAILURE", "Celery to know the failure")
    assert "no_extractable_text" in str(AsyncResult(empty, app=celery).result)
    celery.close()


@pytest.mark.parametrize("task_id", ["0d6f9c2e-58b7-4c31-9a44-7f3be1d20c65", "no-uuid", "7"])
def test_an_id_that_never_existed_is_a_404(shared_stack: Stack, task_id: str) -> None:
    client = shared_stack.client
    for path in (f"/tasks/{task_id}", f"/tasks/{task_id}?wait=5", f"/tasks/{task_id}/events"):
        check_problem(client.get(path), 404, "not_found")
    check_problem(client.delete(f"/tasks/{task_id}"), 404, "not_found")
    for action in ("revoke", "retry"):
        check_problem(client.post(f"/tasks/{task_id}/{action}"), 404, "not_found")


def test_a_finished_task_cannot_be_cancelled_but_retried(shared_stack: Stack, agent: int) -> None:
    task_id = shared_stack.upload(agent, "a.txt", b"A heron.")["task_id"]
    [first] = shared_stack.finish([task_id])
    problem = check_problem(shared_stack.client.delete(f"/tasks/{task_id}"), 409, "task_finished")
    assert "SUCCESS" in problem["detail"]
    check_problem(shared_stack.client.post(f"/tasks/{task_id}/revoke"), 409, "task_finished")
    assert shared_stack.client.post(f"/tasks/{task_id}/retry").status_code == 202
    [second] = shared_stack.finish([task_id])
    assert (second["state"], second["attempt"]) == ("SUCCESS", first["attempt"] + 1)
    assert shared_stack.get(f"/documents/{second['document_id']}/chunks")["total"] == second["chunk_count"]


def test_a_running_task_winds_down_and_leaves_nothing_to_find(shared_stack: Stack, agent: int) -> None:
    upload = shared_stack.upload(agent, "long.txt", make_text(40_000))
    path = f"/tasks/{upload['task_id']}"
    wait_for(lambda: shared_stack.get(path)["current"] >= 50, "the embedding to begin")
    check_problem(shared_stack.client.post(f"{path}/retry"), 409, "conflict")
    response = shared_stack.client.delete(path)
    assert (response.status_code, response.json()["status"]) == (202, "cancelling")
    [task] = shared_stack.finish([upload["task_id"]])
    assert (task["state"], task["result"]) == ("REVOKED", None)
    assert shared_stack.get(f"/documents/{upload['document_id']}")["status"] == "cancelled"
    assert shared_stack.post(f"/agents/{agent}/search", {"query": "heron"})["results"] == []
    assert shared_stack.get(f"/documents/{upload['document_id']}/chunks")["total"] == 0
    celery = create_celery(shared_stack.settings)
    wait_for(lambda: str(AsyncResult(upload["task_id"], app=celery).state) == "REVOKED", "Celery to know the cancel")
    celery.close()
    assert shared_stack.post(f"{path}/retry")["status"] == "queued"
    assert shared_stack.get(path)["state"] not in FINAL
    assert shared_stack.get(f"/documents/{upload['document_id']}")["status"] in {"queued", "processing"}
    shared_stack.delete(f"/documents/{upload['document_id']}")
    [task] = shared_stack.finish([upload["task_id"]])
    assert task["state"] == "REVOKED"


def walk(client: httpx.Client, path: str, plural: str, **parameters: Any) -> list[Any]:
    """Every item of a list, two at a time."""
    items: list[Any] = []
    totals = set()
    after: dict[str, str] = {}
    while True:
        part = client.get(path, params={**parameters, **after, "limit": 2}).json()
        assert len(part[plural]) <= 2
        totals.add(part["total"])
        items += part[plural]
        if part["next"] is None:
            break
        after = {"after": part["next"]}
    assert totals == {len(items)}
    return items


def test_lists_hand_out_every_item_once(shared_stack: Stack, agent: int) -> None:
    uploads = [shared_stack.upload(agent, f"{n}.txt", b"A heron." * (n + 1), priority="medium") for n in range(4)]
    uploads.append(shared_stack.upload(agent, "blank.txt", b" "))
    task_ids = [upload["task_id"] for upload in uploads]
    shared_stack.finish(task_ids)
    client = shared_stack.client
    tasks = walk(client, "/tasks/", "tasks", agent_id=agent)
    assert [task["task_id"] for task in tasks] == task_ids[::-1]
    documents = walk(client, "/documents", "documents", agent_id=agent)
    assert [one["id"] for one in documents] == [upload["document_id"] for upload in uploads][::-1]
    agents = [one["id"] for one in walk(client, "/agents", "agents")]
    assert len(agents) == len(set(agents))
    assert agent in agents

    def count(path: str, **parameters: Any) -> int:
        return int(shared_stack.get(path, agent_id=agent, **parameters)["total"])

    assert count("/tasks/", status="SUCCESS") == 4
    assert count("/tasks", status="FAILURE", queue="high_priority") == 1
    assert count("/tasks/", queue="low_priority") == 0
    assert count("/tasks/", name="app.tasks.document_tasks.process_document") == 5
    assert count("/tasks/", name="app.tasks.document_tasks.delete_agent") == 0
    assert count("/documents", status="failed") == 1
    assert count("/documents", status="completed") == 4


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=1001", "limit=x", "after=x", "status=DONE", "agent_id=x", "agent_id=9999999999999999999"],
)
def test_a_list_refuses_what_it_does_not_understand(shared_stack: Stack, query: str) -> None:
    problem = check_problem(shared_stack.client.get(f"/tasks/?{query}"), 422, "invalid_request")
    assert problem["errors"][0]["field"] == f"query.{query.partition('=')[0]}"


def test_queues_and_workers_show_who_is_there(shared_stack: Stack) -> None:
    queues = {queue["name"]: queue for queue in shared_stack.get("/queues")["queues"]}
    assert {"high_priority", "medium_priority", "low_priority", "default"} <= queues.keys()
    assert (queues["high_priority"]["workers"], queues["high_priority"]["slots"]) == (1, 2)
    workers = shared_stack.get("/workers")["workers"]
    assert sorted(queue for worker in workers for queue in worker["queues"] if queue in queues) == sorted(
        name for name in queues if queues[name]["workers"]
    )


def test_a_deleted_agent_takes_everything_along(shared_stack: Stack, agent: int) -> None:
    blobs = shared_stack.settings.data_dir / "blobs"
    before = list_files(blobs)
    upload = shared_stack.upload(agent, "a.txt", b"A heron.")
    [stored] = list_files(blobs) - before  # files of other agents may be deleted at the same time
    shared_stack.finish([upload["task_id"]])
    task_id = shared_stack.delete(f"/agents/{agent}")["task_id"]
    client = shared_stack.client
    for path in (
        f"/agents/{agent}",
        f"/documents/{upload['document_id']}",
        f"/documents/{upload['document_id']}/chunks",
    ):
        check_problem(client.get(path), 404, "not_found")
    check_problem(client.post(f"/agents/{agent}/search", json={"query": "heron"}), 404, "not_found")
    check_problem(client.delete(f"/agents/{agent}"), 404, "not_found")
    assert shared_stack.get("/documents", agent_id=agent)["total"] == 0
    [task] = shared_stack.finish([task_id])
    assert task["state"] == "SUCCESS"
    assert not stored.exists()
