"""Waiting for the end of a task, and the named events of its stream."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from app.adapters.redis.url import redis_client_url
from tests.api.checks import make_text
from tests.deadlines import within
from tests.running import Stack

FINAL = {"SUCCESS", "FAILURE", "REVOKED"}


def connect(stack: Stack) -> "Redis":
    return Redis.from_url(redis_client_url(stack.settings.redis_url or ""))


def read_named_events(stack: Stack, task_id: str) -> Iterator[dict[str, Any]]:
    """The events of a stream, each as ``{event, id, data}``."""
    with stack.client.stream("GET", f"/tasks/{task_id}/events") as response:
        event: dict[str, Any] = {}
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if line:
                event[name] = json.loads(value) if name == "data" else value
            elif "data" in event:
                yield event
                event = {}


def test_a_wait_until_the_end_is_not_ended_by_progress(shared_stack: Stack, agent: int) -> None:
    task_id = shared_stack.upload(agent, "a.txt", make_text(1000))["task_id"]
    task = shared_stack.get(f"/tasks/{task_id}", wait=60, until="end")
    assert task["state"] == "SUCCESS"
    with within(5):
        assert shared_stack.get(f"/tasks/{task_id}", wait=60, until="end") == task


def test_a_wait_until_the_end_ends_with_its_seconds(shared_stack: Stack, agent: int) -> None:
    shared_stack.post("/queues/low_priority/pause")
    try:
        task_id = shared_stack.upload(agent, "a.txt", b"A heron.", priority="low")["task_id"]
        with within(20):
            task = shared_stack.get(f"/tasks/{task_id}", wait=0.2, until="end")
    finally:
        shared_stack.post("/queues/low_priority/resume")
    assert task["state"] == "PENDING"


def test_streams_of_one_process_share_one_subscription_and_each_receives_every_stage(
    shared_stack: Stack, agent: int
) -> None:
    shared_stack.post("/queues/low_priority/pause")
    try:
        task_id = shared_stack.upload(agent, "a.txt", make_text(300), priority="low")["task_id"]
        channel = f"{shared_stack.settings.redis_key_prefix}celery-task-meta-{task_id}"
        streams = [read_named_events(shared_stack, task_id) for _ in range(3)]
        first = [next(events) for events in streams]
        with connect(shared_stack) as redis:
            assert dict(redis.pubsub_numsub(channel)) == {channel.encode(): 1}
    finally:
        shared_stack.post("/queues/low_priority/resume")
    for event, events in zip(first, streams, strict=True):
        received = [event, *events]
        assert {0, 20, 50, 80, 100} <= {event["data"]["current"] for event in received}
        assert received[-1]["data"]["state"] == "SUCCESS"


def test_events_are_named_progress_and_the_last_one_end(shared_stack: Stack, agent: int) -> None:
    task_id = shared_stack.upload(agent, "a.txt", make_text(300))["task_id"]
    events = list(read_named_events(shared_stack, task_id))
    assert [event["event"] for event in events] == ["progress"] * (len(events) - 1) + ["end"]
    assert events[-1]["data"]["state"] == "SUCCESS"
    assert [event["id"] for event in events] == [str(event["data"]["version"]) for event in events]


def test_a_stage_that_is_sent_again_shows_nothing_from_after_it(shared_stack: Stack, herons: dict[str, Any]) -> None:
    *stages, end = [event["data"] for event in read_named_events(shared_stack, herons["task_id"])]
    assert end["chunk_count"] == herons["chunk_count"]
    assert [task["stage"] for task in stages] == ["load", "parse", "chunk", "embed", "store"]
    for number, task in enumerate(stages):
        assert (task["chunk_count"], task["result"], task["completed_at"]) == (None, None, None)
        assert task["stages"] == end["stages"][: number + 1]


def test_a_client_that_has_received_the_end_gets_204(shared_stack: Stack, herons: dict[str, Any]) -> None:
    path = f"/tasks/{herons['task_id']}/events"
    version = shared_stack.get(f"/tasks/{herons['task_id']}")["version"]
    response = shared_stack.client.get(path, headers={"Last-Event-ID": str(version)})
    assert (response.status_code, response.content) == (204, b"")
    earlier = shared_stack.client.get(path, headers={"Last-Event-ID": str(version - 1)})
    assert earlier.status_code == 200
    assert earlier.text.startswith("event: end\n")


@pytest.mark.parametrize("last_event_id", ["9" * 5000, "-1", "1.5", "²", "٣"])
def test_an_id_that_no_event_has_begins_the_stream_anew(
    shared_stack: Stack, herons: dict[str, Any], last_event_id: str
) -> None:
    headers = {b"Last-Event-ID": last_event_id.encode()}
    response = shared_stack.client.get(f"/tasks/{herons['task_id']}/events", headers=headers)
    assert response.status_code == 200
    assert response.text.startswith("event: progress\n")
