"""The feed of events over HTTP: what a client sees, in which order, and from where a stream resumes."""

import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from app.api.bodies.events import EVENT_MODELS
from app.domain.events import EventType
from tests.api.checks import make_text
from tests.deadlines import within
from tests.flows.zips import make_zip
from tests.running import KEY, Stack

STREAM = {"Accept": "text/event-stream"}


@contextmanager
def open_stream(client: httpx.Client, headers: dict[str, str], **parameters: Any) -> Iterator[Iterator[dict[str, Any]]]:
    """Within the block, the parts of a stream, each as ``{event, id, data}``."""
    with client.stream("GET", "/events", params=parameters, headers={**STREAM, **headers}) as response:
        assert response.status_code == 200
        yield read_parts(response)


def read_parts(response: httpx.Response) -> Iterator[dict[str, Any]]:
    part: dict[str, Any] = {}
    for line in response.iter_lines():
        name, _, value = line.partition(": ")
        if line:
            part[name] = json.loads(value) if name == "data" else value
        elif part:
            yield part
            part = {}


def read_until(stack: Stack, types: list[str], **parameters: Any) -> list[dict[str, Any]]:
    """The events of a stream from its beginning, until those of these types have come."""
    missing = Counter(types)
    events = []
    with within(30), open_stream(stack.client, {}, after=0, **parameters) as parts:
        while missing.total():
            part = next(parts)
            if "data" in part:
                events.append(part["data"])
                assert part["event"] == part["data"]["type"]
                assert part["id"] == str(part["data"]["position"])
                missing -= Counter([part["event"]])
    return events


@pytest.fixture(autouse=True)
def _on(shared_stack: Stack) -> None:
    shared_stack.get("/events")


def list_types(stack: Stack, document_id: int) -> list[str]:
    return [event["type"] for event in stack.get("/events", document_id=document_id, limit=1000)["events"]]


def test_a_document_is_followed_from_its_upload_to_its_deletion(shared_stack: Stack, agent: int) -> None:
    upload = shared_stack.upload(agent, "a.txt", make_text(20), metadata='{"year": 2026}')
    document = upload["document_id"]
    shared_stack.finish([upload["task_id"]])
    again = shared_stack.upload(agent, "a.txt", make_text(30), on_duplicate="replace")
    shared_stack.finish([again["task_id"]])
    shared_stack.finish([shared_stack.post(f"/documents/{document}/reindex")["task_id"]])
    shared_stack.finish([shared_stack.delete(f"/documents/{document}")["task_id"]])
    expected = ["document.completed", "document.replaced", "document.completed", "document.deleted"]
    events = read_until(shared_stack, [*expected, *["task.succeeded"] * 4], document_id=document)
    assert [event["type"] for event in events if event["type"].startswith("document")] == expected
    for event in events:
        EVENT_MODELS[EventType(event["type"])].model_validate(event)
    assert [event["position"] for event in events] == sorted({event["position"] for event in events})


def test_each_file_of_an_archive_is_a_document_and_the_archive_one_job(shared_stack: Stack, agent: int) -> None:
    archive = make_zip({"a.txt": b"The weir.", "b.pdf": b"%PDF-1.7\n"})
    upload = shared_stack.upload(agent, "files.zip", archive)
    shared_stack.finish([upload["task_id"]])
    expected = ["document.completed", "document.completed", "document.failed", "task.succeeded"]
    events = read_until(shared_stack, expected, agent_id=agent)
    assert sorted(event["type"] for event in events) == expected
    [job] = [event for event in events if event["type"] == "task.succeeded"]
    assert job["data"]["task_id"] == upload["task_id"]
    assert job["data"]["counts"] == {"total": 2, "succeeded": 1, "failed": 1, "revoked": 0}


def test_a_job_that_failed_is_a_dead_letter(shared_stack: Stack, agent: int) -> None:
    upload = shared_stack.upload(agent, "b.pdf", b"%PDF-1.7\n")
    shared_stack.finish([upload["task_id"]])
    events = {
        event["type"]: event for event in read_until(shared_stack, ["task.failed", "document.failed"], agent_id=agent)
    }
    assert events["task.failed"]["data"]["dead_letter"] is True
    assert events["document.failed"]["data"]["error"]["code"] == events["task.failed"]["data"]["error"]["code"]


def test_pages_continue_without_a_gap_and_end_with_the_place_to_continue(shared_stack: Stack, agent: int) -> None:
    uploads = [shared_stack.upload(agent, f"{n}.txt", b"Heron %d." % n) for n in range(4)]
    shared_stack.finish([upload["task_id"] for upload in uploads])
    every = read_until(shared_stack, ["task.succeeded", "document.completed"] * 4, agent_id=agent)
    seen: list[dict[str, Any]] = []
    page: dict[str, Any] = {"next": "0"}
    while page["next"] is not None:
        page = shared_stack.get("/events", agent_id=agent, limit=3, after=page["next"])
        assert page["total"] == 8
        seen += page["events"]
    assert seen == every
    assert page["position"] >= seen[-1]["position"]
    assert shared_stack.get("/events", agent_id=agent, after=page["position"])["events"] == []
    whole = shared_stack.get("/events", limit=1000)
    assert whole["total"] == whole["position"] - whole["events"][0]["position"] + 1


def test_a_stream_resumes_after_the_last_event_that_the_client_received(shared_stack: Stack, agent: int) -> None:
    uploads = [shared_stack.upload(agent, f"{n}.txt", b"Heron %d." % n) for n in range(3)]
    shared_stack.finish([upload["task_id"] for upload in uploads])
    every = read_until(shared_stack, ["task.succeeded", "document.completed"] * 3, agent_id=agent)
    third = {"Last-Event-ID": str(every[2]["position"])}
    with within(20), open_stream(shared_stack.client, third, agent_id=agent) as parts:
        assert next(parts) == {"id": third["Last-Event-ID"]}
        assert [next(parts)["data"] for _ in range(3)] == every[3:]


def test_a_stream_without_a_position_begins_with_the_next_event(shared_stack: Stack, agent: int) -> None:
    with within(20), open_stream(shared_stack.client, {}, agent_id=agent, types="task.succeeded") as parts:
        assert next(parts).keys() == {"id"}
        task_id = shared_stack.upload(agent, "a.txt", b"A heron.")["task_id"]
        while "data" not in (part := next(parts)):
            pass
        assert part["data"]["data"]["task_id"] == task_id


def test_only_events_of_the_types_asked_for_are_listed(shared_stack: Stack, agent: int) -> None:
    shared_stack.finish([shared_stack.upload(agent, "a.txt", b"A heron.")["task_id"]])
    read_until(shared_stack, ["task.succeeded", "document.completed"], agent_id=agent)
    kinds = httpx.QueryParams([("types", "task.failed"), ("types", "document.completed"), ("agent_id", agent)])
    listed = shared_stack.client.get("/events", params=kinds).json()
    assert [event["type"] for event in listed["events"]] == ["document.completed"]
    assert shared_stack.client.get("/events", params={"types": "task.danced"}).status_code == 422


def test_another_organization_sees_none_of_it(shared_stack: Stack, agent: int, foreigner: httpx.Client) -> None:
    shared_stack.finish([shared_stack.upload(agent, "a.txt", b"A heron.")["task_id"]])
    read_until(shared_stack, ["task.succeeded"], agent_id=agent)
    listed = foreigner.get("/events", params={"agent_id": agent}).json()
    assert listed == {"events": [], "total": 0, "next": None, "position": 0}


def test_a_stream_ends_when_its_key_is_revoked(shared_stack: Stack, agent: int) -> None:
    key = shared_stack.post("/api-keys", {"name": "for a stream", "scopes": ["read"]})
    bearer = {"Authorization": f"Bearer {key['secret']}"}
    with within(30), open_stream(shared_stack.client, bearer) as parts:
        next(parts)
        assert shared_stack.client.delete(f"/api-keys/{key['id']}").status_code == 204
        shared_stack.upload(agent, "a.txt", b"A heron.")
        assert [part for part in parts if "data" in part] == []


def test_streams_end_completely_when_the_server_stops(stack: Stack) -> None:
    stack.start_api()
    headers = {"Authorization": f"Bearer {KEY}"}
    with httpx.Client(base_url=stack.client.base_url, headers=headers, timeout=20) as client, within(20):
        task_id = stack.upload(stack.make_agent(), "a.txt", b"A heron.")["task_id"]
        with open_stream(client, {}) as parts, client.stream("GET", f"/tasks/{task_id}/events") as progress:
            next(parts)
            lines = progress.iter_lines()
            next(lines)
            assert stack.api is not None
            stack.api.send_signal(signal.SIGTERM)
            assert list(parts) == []  # httpx raises an error unless the last chunk has come
            assert not any(line.startswith("event: end") for line in lines)
